// The bodies of the send queue. A message stays at the head until its last chunk is packed, because
// a message of which only some chunks were sent on a ring that broke starts over on the next one.
#include "totem/send_queue.h"

#include "base/mutant.h"
#include "totem/vu.h"

#include <algorithm>
#include <cstring>

namespace totem {

namespace {

ChunkHead whole(std::uint64_t counter, std::size_t size) {
    return {.first = true, .last = true, .counter = counter, .size = size};
}

std::size_t packed_size(const ChunkHead& chunk) { return encoded_size(chunk) + chunk.size; }

} // namespace

SendQueue::SendQueue(std::size_t bytes_max, BlockPool& pool) : bytes_max_(bytes_max), pool_(pool) {}

std::optional<std::uint64_t> SendQueue::push(Bytes message, Service service) {
    check(message.size() <= message_size_max, "a message that is too large is refused before");
    if (!messages_.empty() && weight() + message.size() > bytes_max_) {
        refused_ = true;
        return std::nullopt;
    }
    if (messages_.full()) messages_.set_capacity(std::max<std::size_t>(64, 2 * messages_.size()));
    if (messages_.empty() || messages_.back().service != service) ++runs_;
    bytes_ += message.size();
    encoded_ += packed_size(whole(++counter_, message.size()));
    messages_.push_back({.payload = std::move(message), .service = service, .counter = counter_});
    return counter_;
}

bool SendQueue::take_room_signal() {
    if (!refused_ || weight() > bytes_max_ / 2) return false;
    refused_ = false;
    return true;
}

std::size_t SendQueue::packets_needed(std::size_t payload_max) const {
    if (messages_.empty()) return 0;
    const std::size_t left = encoded_ - head_offset_;
    const std::size_t by_size = (left + payload_max - 1) / payload_max;
    const std::size_t by_count = (messages_.size() + chunks_max - 1) / chunks_max;
    return std::max({by_size, by_count, runs_});
}

// The next chunk of the head that `room` bytes of a packet have place for; of size 0 and neither
// first nor last if it is better to open the next packet. That is so for a message that the next
// packet can hold whole, unless much of this one would stay empty: to put two pieces together costs
// every receiver more than an eighth of a packet, and packets of small messages that end between
// messages are of one size, which lets them travel as one run (net/datagrams.h).
ChunkHead SendQueue::next_chunk(std::size_t room, std::size_t payload_max) const {
    const Waiting& head = messages_.front();
    ChunkHead chunk{.first = head_offset_ == 0,
                    .last = true,
                    .counter = head.counter,
                    .size = head.payload.size() - head_offset_};
    if (packed_size(chunk) <= room) return chunk;
    const bool fits_whole = chunk.first && packed_size(chunk) <= payload_max;
    if (room < fragment_min || (fits_whole && room < payload_max / 8)) return {};
    chunk.last = false;
    const std::size_t behind_size = room - 1 - (chunk.first ? vu_size(chunk.counter) : 0);
    chunk.size = behind_size - vu_size(behind_size);
    return chunk;
}

SendQueue::Packed SendQueue::pack(std::size_t payload_max) {
    check(!messages_.empty(), "there is something to pack");
    check(payload_max >= fragment_min, "a packet has room for a fragment");
    WritableBytes block =
        payload_max <= pool_.block_size() ? pool_.allocate() : WritableBytes(payload_max);
    std::uint8_t* const begin = block.data();
    std::uint8_t* out = begin;
    Packed packed;
    packed.service = messages_.front().service;
    const auto fits = [&packed](const Waiting& head) {
        return head.service == packed.service || mutated(Mutant::packing_mixes_services);
    };
    while (!messages_.empty() && fits(messages_.front()) && packed.chunk_count < chunks_max) {
        const ChunkHead chunk =
            next_chunk(payload_max - static_cast<std::size_t>(out - begin), payload_max);
        if (chunk.size == 0 && !chunk.last) break;
        const Waiting& head = messages_.front();
        out = write(out, chunk);
        if (chunk.size != 0) {
            std::memcpy(out, head.payload.data() + head_offset_, chunk.size);
            out += chunk.size;
        }
        const std::uint8_t index = packed.chunk_count++;
        head_offset_ += chunk.size;
        if (!chunk.last) break; // a message that goes on has filled the packet
        packed.completed.push_back({.counter = head.counter,
                                    .index = index,
                                    .size = static_cast<std::uint32_t>(head.payload.size()),
                                    .message = chunk.first ? Bytes{} : head.payload});
        pop_head();
    }
    packed.chunks = block.freeze(static_cast<std::size_t>(out - begin));
    return packed;
}

void SendQueue::pop_head() {
    const Waiting& head = messages_.front();
    const Service service = head.service;
    bytes_ -= head.payload.size();
    encoded_ -= packed_size(whole(head.counter, head.payload.size()));
    head_offset_ = 0;
    messages_.pop_front();
    if (messages_.empty() || messages_.front().service != service) --runs_;
}

} // namespace totem
