// What is read from a journal that a crash cut short, or that was damaged; and what its frames add
// up to, beside the obvious model.
#include "ctdbd/model/journal_past.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string>

using namespace ctdbd::journal;
using base::Bytes;
using ctdbd::ContentDigest;
using ctdbd::daemon::bytes;
using statedb::Content;
using statedb::Version;
using statedb::Write;

namespace {

constexpr Salt salt = {1, 2, 3};

struct Text {
    std::vector<std::uint8_t> bytes = encode_head(salt);
    std::uint64_t frames = 0;

    std::size_t add(const Frame& frame) {
        const auto more = encode(frame, salt, {frames++, 1000});
        bytes.insert(bytes.end(), more.begin(), more.end());
        return bytes.size();
    }
};

struct Read {
    Reading reading;
    std::vector<Frame> frames;
};

Read read_all(ByteSpan bytes) {
    Read result;
    result.reading = read(bytes, [&](Frame&& frame) {
        result.frames.push_back(std::move(frame));
        return true;
    });
    return result;
}

Change change(std::uint32_t database, std::uint64_t index, std::vector<Write> writes) {
    return {.database = database, .version = {1, index}, .writes = std::move(writes), .file = {}};
}

Change whole(std::uint32_t database, std::uint64_t index, std::vector<Write> writes) {
    Change all = change(database, index, std::move(writes));
    all.whole = true;
    return all;
}

ContentDigest digest_of(const Content& content) {
    ContentDigest digest;
    for (const auto& [key, value] : content)
        digest.add(key, value.span());
    return digest;
}

// Three frames, and where each of them ends.
struct Sample {
    std::vector<Frame> frames = {
        Opening{"this life"},
        Changes{{.database = 7,
                 .version = {3, 4},
                 .writes = {{"key", bytes("a value")}, {std::string("\0", 1), Bytes()}},
                 .whole = true,
                 .file = FileIdentity{12, -3, 5}}},
        Changes{change(7, 9, {{"key", bytes("another")}}), change(8, 1, {})},
    };
    Text text;
    std::vector<std::size_t> ends;

    Sample() {
        for (const Frame& frame : frames)
            ends.push_back(text.add(frame));
    }
};

} // namespace

TEST_CASE("what was written is read") {
    Sample sample;
    sample.frames.push_back(Closing{{{7, {3, 4}, 99}, {8, {}, 0}}});
    sample.text.add(sample.frames.back());
    const Read result = read_all(sample.text.bytes);
    CHECK(result.frames == sample.frames);
    CHECK(result.reading.end == sample.text.bytes.size());
    CHECK(result.reading.last_written == 1000);
    CHECK(result.reading.torn == 0);
    CHECK_FALSE(result.reading.damaged);
}

TEST_CASE("room that is kept behind the last frame is not a loss") {
    Sample sample;
    sample.text.bytes.resize(sample.text.bytes.size() + 10'000);
    const Read result = read_all(sample.text.bytes);
    CHECK(result.frames == sample.frames);
    CHECK(result.reading.torn == 0);
    CHECK_FALSE(result.reading.damaged);
}

TEST_CASE("of a journal that ends anywhere every whole frame is read and nothing else") {
    const Sample sample;
    for (std::size_t size = 0; size <= sample.text.bytes.size(); ++size) {
        const Read result = read_all({sample.text.bytes.data(), size});
        const auto good = static_cast<std::size_t>(
            std::ranges::count_if(sample.ends, [&](std::size_t end) { return end <= size; }));
        CAPTURE(size);
        CHECK(result.frames.size() >= good);
        CHECK(result.frames.size() <= good + 1); // nothing but padding was missing
        CHECK(std::equal(result.frames.begin(), result.frames.end(), sample.frames.begin()));
        // Without its first frame it never was a journal.
        CHECK(result.reading.damaged.has_value() == result.frames.empty());
    }
}

TEST_CASE("any sectors of the last frame may have reached the disk, in any order") {
    const Sample sample;
    CHECK(rc::check([&] {
        auto text = sample.text.bytes;
        const std::size_t begin = sample.ends[1];
        const auto lost =
            *rc::gen::container<std::vector<bool>>(text.size() - begin, rc::gen::arbitrary<bool>());
        for (std::size_t i = 0; i < lost.size(); ++i)
            if (lost[i]) text[begin + i] = 0;
        const bool all_there = text == sample.text.bytes;
        const Read result = read_all(text);
        RC_ASSERT(result.frames.size() == (all_there ? 3u : 2u));
        RC_ASSERT(!result.reading.damaged);
        RC_ASSERT(all_there || result.reading.end == begin);
    }));
}

TEST_CASE("a wrong bit with a good frame behind it is damage, and where is told") {
    const Sample sample;
    for (std::size_t at = 0; at < sample.ends[1]; ++at) {
        auto text = sample.text.bytes;
        text[at] ^= 0x10;
        const Read result = read_all(text);
        CAPTURE(at);
        // A frame is padded: what the padding holds does not matter.
        if (result.frames == sample.frames) continue;
        REQUIRE(result.reading.damaged.has_value());
        CHECK(*result.reading.damaged <= at);
        CHECK(std::equal(result.frames.begin(), result.frames.end(), sample.frames.begin()));
    }
}

TEST_CASE("a value that looks like a frame of another file is not one") {
    const Sample other;
    Text text;
    text.bytes = encode_head({9});
    const auto first = encode(Opening{"b"}, {9}, {0});
    text.bytes.insert(text.bytes.end(), first.begin(), first.end());
    const std::size_t end = text.bytes.size();
    const std::string frames(other.text.bytes.begin() + 32, other.text.bytes.end());
    auto last = encode(Changes{whole(1, 1, {{"k", bytes(frames)}})}, {9}, {1});
    last[28] ^= 1; // torn
    text.bytes.insert(text.bytes.end(), last.begin(), last.end());
    const Read result = read_all(text.bytes);
    CHECK(result.frames.size() == 1);
    CHECK(result.reading.end == end);
    CHECK(result.reading.torn > 0);
    CHECK_FALSE(result.reading.damaged);
}

TEST_CASE("a frame twice, one that is missing, a second opening: damage") {
    Text twice;
    twice.add(Opening{"b"});
    --twice.frames;
    twice.add(Changes{});
    CHECK(read_all(twice.bytes).reading.damaged);
    Text missing;
    missing.add(Opening{"b"});
    ++missing.frames;
    missing.add(Changes{});
    CHECK(read_all(missing.bytes).reading.damaged);
    Text opened;
    opened.add(Opening{"b"});
    opened.add(Opening{"b"});
    CHECK(read_all(opened.bytes).reading.damaged);
    Text never_opened;
    never_opened.add(Changes{});
    CHECK(read_all(never_opened.bytes).reading.damaged);
}

TEST_CASE("what does not say what it changes makes no sense, nor does what comes after the end") {
    Past past;
    CHECK(past.absorb(Opening{"b"}));
    CHECK_FALSE(past.absorb(Changes{change(1, 1, {{"k", bytes("v")}})}));
    Past closed;
    CHECK(closed.absorb(Opening{"b"}));
    CHECK(closed.absorb(Closing{{{5, {1, 2}, 77}}}));
    CHECK(closed.closed());
    const Known& rest = closed.databases().at(5);
    CHECK(rest.version == Version{1, 2});
    CHECK_FALSE(rest.content);
    CHECK(rest.digest == ContentDigest(77));
    CHECK_FALSE(closed.absorb(Changes{}));
}

TEST_CASE("frames add up to the content, and the one before the last is known") {
    CHECK(rc::check([] {
        std::map<std::uint32_t, Content> model, before;
        std::map<std::uint32_t, Version> versions;
        Past past;
        RC_ASSERT(past.absorb(Opening{"b"}));
        const auto frames = *rc::gen::inRange(0, 8);
        std::uint64_t index = 0;
        for (int frame = 0; frame < frames; ++frame) {
            Changes changes;
            std::set<std::uint32_t> touched;
            const auto count = *rc::gen::inRange(0, 5);
            for (int i = 0; i < count; ++i) {
                const auto database = *rc::gen::inRange<std::uint32_t>(1, 4);
                if (touched.insert(database).second) before[database] = model[database];
                Change next = change(database, ++index, {});
                next.whole = !versions.contains(database) ||
                             *rc::gen::weightedElement<bool>({{5, false}, {1, true}});
                if (next.whole) model[database].clear();
                const auto writes = *rc::gen::inRange(0, 4);
                for (int w = 0; w < writes; ++w) {
                    const std::string key(1, *rc::gen::inRange('a', 'e'));
                    next.writes.push_back({key, bytes(*rc::gen::arbitrary<std::string>())});
                    model[database][key] = next.writes.back().value;
                }
                versions[database] = next.version;
                changes.push_back(std::move(next));
            }
            RC_ASSERT(past.absorb(std::move(changes)));
        }
        RC_ASSERT(past.databases().size() == versions.size());
        for (const auto& [database, version] : versions) {
            const Known& known = past.databases().at(database);
            RC_ASSERT(known.version == version);
            RC_ASSERT(known.content == model[database]);
            RC_ASSERT(known.digest == digest_of(model[database]));
            RC_ASSERT(known.before == digest_of(before[database]));
        }
    }));
}
