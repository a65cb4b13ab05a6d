// Letters between daemons survive their journey, and no bytes that arrive instead do harm.
#include "ctdbd/daemon/letters.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>

using namespace ctdbd::daemon;

TEST_CASE("every kind of letter arrives as it was written") {
    const Letter letters[] = {
        ClientMessage{0xf101000000000000, bytes("to whom it may concern")},
        ControlRequest{7, ctdbd::protocol::Opcode::get_pnn, 3, 9, 0x10000, bytes("x")},
        ControlAnswer{7, -1, {}, "node is disconnected"},
        TraverseStart{1, 0x7a19d84d, true, 77},
        TraverseRecords{1, {{bytes("k"), bytes("v")}, {bytes(""), bytes("w")}}, true},
        TraverseNext{1},
        TraverseStop{1},
        TunnelPacket{0xffffffff00000000, 0x10, bytes("through")},
        Testament{0xfffffffe, bytes("a hash")},
    };
    for (const Letter& letter : letters)
        CHECK(decode_letter(encode(letter)) == letter);
}

TEST_CASE("an error's text may be in any encoding") {
    const Letter answer = ControlAnswer{7,
                                        -1,
                                        {},
                                        "no file B\xfc"
                                        "cher.tdb"}; // Latin-1
    CHECK(decode_letter(encode(answer)) == answer);
}

TEST_CASE("bytes that are no letter are refused, whatever they are") {
    CHECK_FALSE(decode_letter({}));
    CHECK(rc::check([](const std::string& noise, std::uint8_t at, char what) {
        (void)decode_letter(bytes(noise));
        std::string mutated(
            encode(ControlRequest{7, ctdbd::protocol::Opcode::get_pnn, 3, 9, 1, bytes("data")})
                .view());
        mutated[at % mutated.size()] = what;
        (void)decode_letter(bytes(mutated));
    }));
}
