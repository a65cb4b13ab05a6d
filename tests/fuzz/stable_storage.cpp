// The files that hold a node's identity, torn or written by somebody else. The first byte says
// whether the rest is one file as it stands, a file whose checksum is right though its content is
// anything, or both files of a node that is going to start.
#include "net/stable_codec.h"
#include "net/storage.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/scratch.h"
#include "totem/envelope.h"

#include <stdexcept>

namespace {

using namespace fuzz;
using namespace net;

void round_trip(std::span<const std::uint8_t> bytes) {
    const auto copy = decode_stable(bytes);
    if (!copy) return;
    const auto again = decode_stable(encode(*copy));
    check(again == copy, "a stable record survives being written");
}

// Magic, size and checksum as they should be (net/stable_codec.h).
std::vector<std::uint8_t> with_right_head(const Bytes& content) {
    std::vector<std::uint8_t> file = encode(StableCopy{});
    file.resize(16);
    const auto put = [&](std::size_t at, std::uint32_t value) {
        for (std::size_t i = 0; i < 4; ++i)
            file[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    };
    put(8, static_cast<std::uint32_t>(content.size()));
    put(12, crc32c(content.span()));
    file.insert(file.end(), content.data(), content.data() + content.size());
    return file;
}

// A node starts from whatever is there: it refuses with a sentence, or begins a life that is newer
// than all that the files tell.
void start(Input& in) {
    static const Scratch scratch;
    const std::string first = in.text(80);
    scratch.put("state.a", first);
    scratch.put("state.b", in.coin() ? first : in.rest_as_text());
    try {
        StableStorage storage(scratch / "state", "", 0);
        const auto before = storage.record();
        const StableStorage::Life life = storage.begin_life(true);
        check(!before || life.record.incarnation > before->incarnation, "each life is newer");
        check(!before || life.high_ring_seq >= before->ring_seq_lease, "no ring number comes back");
        check(life.record.ring_seq_lease >= life.high_ring_seq, "a life begins within its lease");
    } catch (const std::runtime_error& refusal) {
        check(std::string(refusal.what()).find("state") != std::string::npos,
              "a refusal names the file");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    switch (in.byte() % 3) {
    case 0:
        round_trip(in.rest().span());
        break;
    case 1:
        round_trip(with_right_head(in.rest()));
        break;
    default:
        start(in);
    }
    return 0;
}
