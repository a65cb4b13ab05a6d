// What the daemons of one cluster write to each other: what is read survives being written.
#include "ctdbd/daemon/letters.h"

#include "tests/fuzz/input.h"

using namespace fuzz;
using namespace ctdbd::daemon;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    const auto letter = decode_letter(in.rest());
    if (!letter) return 0;
    const auto again = decode_letter(encode(*letter));
    check(again.has_value() && *again == *letter, "a letter survives being written");
    return 0;
}
