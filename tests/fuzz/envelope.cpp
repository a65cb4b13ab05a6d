// The envelope of any datagram: what is accepted says the same when it is written again.
#include "totem/envelope.h"

#include "tests/fuzz/input.h"

using namespace fuzz;
using namespace totem;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::uint8_t> datagram(data, size);
    check(crc32c(datagram) == crc32c_by_tables(datagram), "both ways to a checksum agree");
    const auto envelope = decode_envelope(datagram);
    if (!envelope) return 0;
    std::array<std::uint8_t, envelope_size> written{};
    encode_envelope(*envelope, written);
    const auto again = decode_envelope(written);
    check(again.has_value() && *again == *envelope, "an envelope survives being written");
    return 0;
}
