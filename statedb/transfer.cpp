#include "statedb/transfer.h"

#include <algorithm>

namespace statedb {

void OutgoingTransfers::start(std::vector<ProcessorId> targets, std::uint64_t base, Bytes content) {
    transfers_.push_back(
        {.targets = std::move(targets), .base = base, .content = std::move(content), .next = 0});
}

std::optional<Chunk> OutgoingTransfers::next_chunk(std::size_t chunk_size) {
    if (transfers_.empty() || in_flight_ == in_flight_max) return std::nullopt;
    Transfer& transfer = transfers_.front();
    const std::size_t size = transfer.content.size();
    const auto count =
        static_cast<std::uint32_t>(std::max<std::size_t>(1, (size + chunk_size - 1) / chunk_size));
    const std::size_t begin = transfer.next * chunk_size;
    Chunk chunk{.base = transfer.base,
                .targets = transfer.targets,
                .number = transfer.next,
                .count = count,
                .data = transfer.content.slice(begin, std::min(chunk_size, size - begin))};
    if (++transfer.next == count) transfers_.pop_front();
    ++in_flight_;
    return chunk;
}

void OutgoingTransfers::delivered() {
    if (in_flight_ > 0) --in_flight_;
}

void IncomingTransfer::expect(ProcessorId donor, std::uint64_t base) {
    donor_ = donor;
    base_ = base;
    next_ = 0;
    received_.clear();
}

std::optional<Bytes>
IncomingTransfer::accept(const ProcessorId& from, const ProcessorId& self, const Chunk& chunk) {
    const bool ours = from == donor_ && chunk.base == base_ && chunk.number == next_ &&
                      std::ranges::find(chunk.targets, self) != chunk.targets.end();
    if (!ours) return std::nullopt;
    received_.insert(received_.end(), chunk.data.data(), chunk.data.data() + chunk.data.size());
    if (++next_ < chunk.count) return std::nullopt;
    Bytes whole = Bytes::copy_of(received_);
    expect(nobody, 0);
    return whole;
}

} // namespace statedb
