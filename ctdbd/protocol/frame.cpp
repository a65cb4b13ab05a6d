#include "ctdbd/protocol/frame.h"

#include "base/check.h"

#include <algorithm>
#include <cstring>

namespace ctdbd::protocol {
namespace {

constexpr std::size_t room_min = 4096;
constexpr std::size_t buffer_kept = 65536; // what an idle client's buffer may keep

std::uint32_t word_at(const std::uint8_t* bytes, std::size_t offset) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes + offset, sizeof word);
    return word;
}

Header header_of(const std::uint8_t* bytes) {
    return {.generation = word_at(bytes, 12),
            .operation = Operation{word_at(bytes, 16)},
            .destnode = word_at(bytes, 20),
            .srcnode = word_at(bytes, 24),
            .reqid = word_at(bytes, 28)};
}

} // namespace

std::span<std::uint8_t> Framer::room() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
        if (buffer_.size() > buffer_kept) buffer_ = {};
    }
    if (buffer_.size() - end_ < room_min && begin_ > 0) {
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
        end_ -= begin_;
        begin_ = 0;
    }
    if (buffer_.size() - end_ < room_min)
        buffer_.resize(std::max(2 * buffer_.size(), end_ + room_min));
    return std::span(buffer_).subspan(end_);
}

void Framer::filled(std::size_t size) {
    base::check(size <= buffer_.size() - end_, "what came fits into the room that was given");
    end_ += size;
}

void Framer::push(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const std::span<std::uint8_t> free = room();
        const std::size_t size = std::min(free.size(), bytes.size());
        std::copy_n(bytes.begin(), size, free.begin());
        filled(size);
        bytes = bytes.subspan(size);
    }
}

std::optional<Packet> Framer::next() {
    while (!broken_ && arrived() >= sizeof(std::uint32_t)) {
        const std::uint8_t* bytes = buffer_.data() + begin_;
        const std::size_t length = word_at(bytes, 0);
        broken_ = length == 0 || length > size_max_;
        if (broken_ || arrived() < length) return std::nullopt;
        begin_ += length;
        if (length >= header_size && word_at(bytes, 4) == packet_magic &&
            word_at(bytes, 8) == packet_version)
            return Packet{header_of(bytes), Bytes::copy_of(std::span(bytes, length))};
        ++dropped_;
    }
    return std::nullopt;
}

} // namespace ctdbd::protocol
