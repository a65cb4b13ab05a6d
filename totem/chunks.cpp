// How chunks are spelled and read, and how fragments become messages again.
#include "totem/chunks.h"

#include "totem/vu.h"

#include <algorithm>
#include <cstring>

namespace totem {

namespace {

enum ChunkFlag : std::uint8_t { first_flag = 1, last_flag = 2 };

// Where a chunk stands in its packet decides what it may be. A message that does not end in a
// packet fills it: so only a packet's first chunk goes on with an earlier message, and only its
// last one leaves a message open.
struct Place {
    bool front = false;
    bool back = false;
};

Decoded<ChunkHead>
read_head(std::span<const std::uint8_t> bytes, std::size_t& offset, const Place& place) {
    const auto size = read_vu(bytes, offset);
    if (!size || offset == bytes.size()) return WireError::too_short;
    const std::uint8_t flags = bytes[offset++];
    if ((flags & ~(first_flag | last_flag)) != 0) return WireError::bad_field;
    ChunkHead head{.first = (flags & first_flag) != 0, .last = (flags & last_flag) != 0};
    if (head.first) {
        const auto counter = read_vu(bytes, offset);
        if (!counter || *counter == 0 || *counter >= counter_limit) return WireError::bad_field;
        head.counter = *counter;
    }
    if (!head.first && !place.front) return WireError::bad_field;
    if (!head.last && !place.back) return WireError::bad_field;
    // Only a whole message can be empty: a fragment carries something.
    if (*size == 0 && !(head.first && head.last)) return WireError::bad_field;
    if (*size > bytes.size() - offset) return WireError::too_short;
    head.size = static_cast<std::size_t>(*size);
    return head;
}

Delivery
delivery(const DataPacket& packet, std::uint8_t index, std::uint64_t counter, Bytes payload) {
    return {.origin = packet.origin,
            .counter = counter,
            .service = packet.service,
            .ring = packet.ring,
            .position = {packet.seq, index},
            .payload = std::move(payload)};
}

} // namespace

std::size_t encoded_size(const ChunkHead& head) {
    return vu_size(head.size) + 1 + (head.first ? vu_size(head.counter) : 0);
}

std::uint8_t* write(std::uint8_t* out, const ChunkHead& head) {
    out = write_vu(out, head.size);
    *out++ = static_cast<std::uint8_t>((head.first ? first_flag : 0) | (head.last ? last_flag : 0));
    return head.first ? write_vu(out, head.counter) : out;
}

ChunkReader::ChunkReader(const DataPacket& packet)
    : chunks_(packet.chunks), left_(packet.chunk_count) {}

Decoded<Chunk> ChunkReader::next() {
    check(!at_end(), "a chunk is read only while one is left");
    const Place place{.front = offset_ == 0, .back = left_ == 1};
    const auto head = read_head(chunks_.span(), offset_, place);
    if (!head) {
        left_ = 0;
        return head.error();
    }
    --left_;
    Bytes bytes = chunks_.slice(offset_, head->size);
    offset_ += head->size;
    return Chunk{.first = head->first,
                 .last = head->last,
                 .counter = head->counter,
                 .bytes = std::move(bytes)};
}

bool ChunkReader::consumed_all_bytes() const { return at_end() && offset_ == chunks_.size(); }

bool well_formed(const DataPacket& packet) {
    if (packet.wrapped) return unwrap(packet).has_value();
    const auto bytes = packet.chunks.span();
    if (packet.chunk_count == 0 || packet.chunk_count > chunks_max) return false;
    std::size_t offset = 0;
    for (std::size_t index = 0; index < packet.chunk_count; ++index) {
        const Place place{.front = index == 0, .back = index + 1 == packet.chunk_count};
        const auto head = read_head(bytes, offset, place);
        if (!head) return false;
        offset += head->size;
    }
    return offset == bytes.size();
}

void Assembly::take(const DataPacket& packet, std::vector<Delivery>& out) {
    if (packet.wrapped) return; // an old ring's packet: it was consumed while the ring was formed
    ChunkReader reader(packet);
    for (std::uint8_t index = 0; !reader.at_end(); ++index) {
        auto chunk = reader.next();
        if (!chunk) {
            ++misfits_;
            return;
        }
        // A message that another one follows before its end. Only the front can tell: what is
        // open behind it was opened by this packet's last chunk.
        if (index == 0 && chunk->first) give_up(packet.origin);
        if (chunk->first && chunk->last)
            out.push_back(delivery(packet, index, chunk->counter, std::move(chunk->bytes)));
        else
            take_fragment(packet, index, std::move(*chunk), out);
    }
}

void Assembly::give_up(ProcessorId origin) {
    const auto found = partial_.find(origin);
    if (found == partial_.end() || !found->second.open) return;
    ++misfits_;
    found->second.close();
}

void Assembly::take_fragment(const DataPacket& packet,
                             std::uint8_t index,
                             Chunk chunk,
                             std::vector<Delivery>& out) {
    Partial& message = partial_[packet.origin];
    if (chunk.first) {
        message.close();
        message.open = true;
        message.counter = chunk.counter;
        message.service = packet.service;
    }
    if (!message.open) {
        ++misfits_;
        return;
    }
    message.size += chunk.bytes.size();
    if (message.service != packet.service || message.size > message_size_max) {
        ++misfits_;
        return message.close();
    }
    if (packet.origin == self_)
        message.pieces.push_back(std::move(chunk.bytes));
    else
        message.bytes.append(chunk.bytes.span(), *small_pool_);
    if (!chunk.last) return;
    out.push_back(delivery(packet, index, message.counter, whole(packet.origin, message)));
    message.close();
}

void Assembly::keep(std::uint64_t counter, Bytes message) {
    kept_.push_back({counter, std::move(message)});
}

Bytes Assembly::whole(ProcessorId origin, Partial& message) {
    if (origin != self_) return message.bytes.finish();
    while (!kept_.empty() && kept_.front().counter < message.counter)
        kept_.pop_front();
    if (!kept_.empty() && kept_.front().counter == message.counter) {
        Bytes ours = std::move(kept_.front().message);
        kept_.pop_front();
        return ours;
    }
    for (const Bytes& piece : message.pieces)
        message.bytes.append(piece.span(), *small_pool_);
    return message.bytes.finish();
}

// -- Growing

void Assembly::Growing::append(std::span<const std::uint8_t> piece, BlockPool& small_pool) {
    if (size_ + piece.size() > block_.capacity()) grow(size_ + piece.size(), small_pool);
    std::memcpy(block_.data() + size_, piece.data(), piece.size());
    size_ += piece.size();
}

void Assembly::Growing::grow(std::size_t needed, BlockPool& small_pool) {
    const std::size_t guess = size_ == 0 ? last_size_ : 2 * size_;
    const std::size_t capacity = std::max(needed, std::min(guess, message_size_max));
    WritableBytes larger = capacity <= small ? small_pool.allocate() : WritableBytes(capacity);
    if (size_ > 0) std::memcpy(larger.data(), block_.data(), size_);
    block_ = std::move(larger);
}

// What was guessed too large is not kept for as long as the application keeps the message.
Bytes Assembly::Growing::finish() {
    last_size_ = std::exchange(size_, 0);
    if (block_.capacity() <= std::max(small, last_size_ + last_size_ / 4))
        return block_.freeze(last_size_);
    WritableBytes exact(last_size_);
    std::memcpy(exact.data(), block_.data(), last_size_);
    block_ = WritableBytes{};
    return exact.freeze(last_size_);
}

void Assembly::Growing::drop() {
    block_ = WritableBytes{};
    size_ = 0;
}

} // namespace totem
