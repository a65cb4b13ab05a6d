#include "ctdbd/model/journal_frames.h"

#include "base/check.h"
#include "ctdbd/model/journal_codec.h"

#include <sodium/crypto_generichash.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace ctdbd::journal {

namespace {

constexpr std::uint64_t file_magic = 0x314c4e5254434454; // "TDCTRNL1"
constexpr std::uint32_t frame_magic = 0x4d415246;        // "FRAM"
constexpr std::size_t alignment = 8;                     // of frames

using Checksum = std::array<std::uint8_t, 16>;

struct Head {
    std::uint64_t magic = file_magic;
    Salt salt{};
    std::uint64_t checksum = 0;
};

struct FrameHead {
    std::uint32_t magic = frame_magic;
    std::uint32_t size = 0; // of what follows the head
    std::uint64_t number = 0;
    std::int64_t seconds = 0;
    Checksum checksum{};
};

static_assert(std::has_unique_object_representations_v<Head>, "no padding goes to the disk");
static_assert(std::has_unique_object_representations_v<FrameHead>, "no padding goes to the disk");
static_assert(sizeof(Head) % alignment == 0 && sizeof(FrameHead) % alignment == 0);

std::size_t aligned(std::size_t size) { return (size + alignment - 1) / alignment * alignment; }

template <class Value>
Value value_at(ByteSpan bytes) {
    Value value;
    std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof value);
    return value;
}

std::uint64_t checksum_of(const Head& head) {
    std::uint64_t sum = 0;
    crypto_generichash(reinterpret_cast<unsigned char*>(&sum), sizeof sum,
                       reinterpret_cast<const unsigned char*>(&head), offsetof(Head, checksum),
                       nullptr, 0);
    return sum;
}

Checksum checksum_of(const FrameHead& head, ByteSpan content, const Salt& salt) {
    Checksum sum{};
    crypto_generichash_state state;
    crypto_generichash_init(&state, salt.data(), salt.size(), sum.size());
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&head),
                              offsetof(FrameHead, checksum));
    crypto_generichash_update(&state, content.data(), content.size());
    crypto_generichash_final(&state, sum.data(), sum.size());
    return sum;
}

// -- frames in a file

struct Found {
    Place place;
    ByteSpan content;
};

// A whole frame with the right checksum, at the begin of these bytes.
std::optional<Found> frame_at(ByteSpan bytes, const Salt& salt) {
    if (bytes.size() < sizeof(FrameHead)) return std::nullopt;
    const auto head = value_at<FrameHead>(bytes);
    if (head.magic != frame_magic || head.size > bytes.size() - sizeof head) return std::nullopt;
    const ByteSpan content = bytes.subspan(sizeof head, head.size);
    if (checksum_of(head, content, salt) != head.checksum) return std::nullopt;
    return Found{{head.number, head.seconds}, content};
}

std::size_t size_without_zeros(ByteSpan bytes) {
    const auto last = std::find_if(bytes.rbegin(), bytes.rend(), [](auto b) { return b != 0; });
    return static_cast<std::size_t>(bytes.rend() - last);
}

bool has_good_frame(ByteSpan bytes, const Salt& salt, std::uint64_t number_min) {
    for (std::size_t at = 0; at < bytes.size(); at += alignment)
        if (const auto found = frame_at(bytes.subspan(at), salt);
            found && found->place.number >= number_min)
            return true;
    return false;
}

} // namespace

std::vector<std::uint8_t> encode_head(const Salt& salt) {
    Head head{.salt = salt};
    head.checksum = checksum_of(head);
    std::vector<std::uint8_t> bytes(sizeof head);
    std::memcpy(bytes.data(), &head, sizeof head);
    return bytes;
}

std::vector<std::uint8_t> encode(const Frame& frame, const Salt& salt, const Place& place) {
    const std::string content = encode_content(frame);
    const std::size_t size = content.size();
    base::check(size <= std::size_t{std::numeric_limits<int>::max()},
                "what is committed at once fits into a frame");
    std::vector<std::uint8_t> bytes(sizeof(FrameHead) + aligned(size));
    std::copy(content.begin(), content.end(), bytes.begin() + sizeof(FrameHead));
    FrameHead head{
        .size = static_cast<std::uint32_t>(size), .number = place.number, .seconds = place.seconds};
    head.checksum = checksum_of(head, {bytes.data() + sizeof head, size}, salt);
    std::memcpy(bytes.data(), &head, sizeof head);
    return bytes;
}

Reading read(ByteSpan bytes, const std::function<bool(Frame&&)>& visit) {
    Reading reading;
    if (bytes.size() < sizeof(Head)) return {.damaged = 0};
    const auto head = value_at<Head>(bytes);
    if (head.magic != file_magic || head.checksum != checksum_of(head)) return {.damaged = 0};
    reading.end = sizeof head;
    while (const auto found = frame_at(bytes.subspan(reading.end), head.salt)) {
        auto frame =
            found->place.number == reading.frames ? decode_content(found->content) : std::nullopt;
        if (!frame || std::holds_alternative<Opening>(*frame) != (reading.frames == 0) ||
            !visit(std::move(*frame))) {
            reading.damaged = reading.end;
            return reading;
        }
        ++reading.frames;
        reading.last_written = found->place.seconds;
        reading.end = std::min(bytes.size(),
                               reading.end + sizeof(FrameHead) + aligned(found->content.size()));
    }
    const ByteSpan rest = bytes.subspan(reading.end);
    reading.torn = size_without_zeros(rest);
    if (reading.frames == 0 || has_good_frame(rest, head.salt, reading.frames))
        reading.damaged = reading.end;
    return reading;
}

} // namespace ctdbd::journal
