// Journals of persistent databases: what the disk gives back, whole or not, is read as frames that
// were written, or as damage, and never as anything else.
#include "ctdbd/model/journal_past.h"
#include "tests/fuzz/input.h"

#include <vector>

using namespace fuzz;
using namespace ctdbd::journal;

namespace {

Changes some_changes(Input& in) {
    Changes changes(in.number(0, 3));
    for (Change& change : changes) {
        change.database = static_cast<std::uint32_t>(in.number(0, 3));
        change.version = {in.byte(), in.byte()};
        change.whole = in.coin();
        if (in.coin()) change.file = FileIdentity{in.byte(), in.byte(), in.byte()};
        for (std::uint64_t left = in.number(0, 3); left > 0; --left)
            change.writes.push_back({in.text(8), in.some_bytes(40)});
    }
    return changes;
}

std::vector<Frame> some_frames(Input& in) {
    std::vector<Frame> frames = {Opening{in.text(8)}};
    while (!in.at_end() && frames.size() < 20)
        frames.emplace_back(some_changes(in));
    if (in.coin()) frames.emplace_back(Closing{{{1, {in.byte(), 2}, in.byte()}}});
    return frames;
}

void spoil(Input& in, std::vector<std::uint8_t>& text) {
    if (in.coin()) text.resize(in.number(0, text.size()));
    for (std::uint64_t left = in.number(0, 3); left > 0 && !text.empty(); --left)
        text[in.number(0, text.size() - 1)] ^= in.byte();
}

// Any bytes at all.
void read_raw(const Bytes& bytes) {
    Past past;
    const Reading reading =
        read(bytes.span(), [&](Frame&& frame) { return past.absorb(std::move(frame)); });
    check(reading.end + reading.torn <= bytes.size(), "what is told of lies within the file");
}

void read_spoiled(Input& in) {
    const Bytes half = in.bytes(in.size() / 2);
    Input plan(half.span());
    const std::vector<Frame> written = some_frames(plan);
    const Salt salt = {1, 2, 3};
    std::vector<std::uint8_t> text = encode_head(salt);
    for (const Frame& frame : written) {
        const auto more =
            encode(frame, salt, {static_cast<std::uint64_t>(&frame - written.data())});
        text.insert(text.end(), more.begin(), more.end());
    }
    spoil(in, text);
    std::size_t frames = 0;
    const Reading reading = read(text, [&](Frame&& frame) {
        check(frames < written.size() && frame == written[frames],
              "what is read was written, in order");
        ++frames;
        return true;
    });
    check(reading.frames == frames, "frames that are shown are counted");
    check(reading.damaged || frames > 0, "a journal has a begin");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    if (in.coin())
        read_raw(in.rest());
    else
        read_spoiled(in);
    return 0;
}
