// The state on its way from a donor to joiners, in chunks between the commands (totem.md 6.4). Both
// ends; which state, and when, is the Host's question.
//
// A transfer belongs to one ring, one donor and one place in the order: pieces of any other are not
// taken, so nothing of an aborted one can be replayed into the next.
#pragma once

#include "statedb/host_codec.h"

#include <deque>

namespace statedb {

// The donor's end.
class OutgoingTransfers {
public:
    // Chunks of ours that wait for the ring or travel: few, so that commands find their place
    // between them, and enough to use the window.
    static constexpr std::size_t in_flight_max = 4;

    void start(std::vector<ProcessorId> targets, std::uint64_t base, Bytes content);

    // The next chunk to be submitted now, if any.
    [[nodiscard]] std::optional<Chunk> next_chunk(std::size_t chunk_size);
    void delivered(); // one of our chunks came back in order

private:
    struct Transfer {
        std::vector<ProcessorId> targets;
        std::uint64_t base = 0;
        Bytes content;
        std::uint32_t next = 0;
    };

    std::deque<Transfer> transfers_;
    std::size_t in_flight_ = 0;
};

// The joiner's end.
class IncomingTransfer {
public:
    void expect(ProcessorId donor, std::uint64_t base);

    // Takes a chunk that is meant for `self`; returns the whole content with the last one. Our
    // donor's chunks come in its order, so a gap means another version's mistake: they are ignored.
    [[nodiscard]] std::optional<Bytes>
    accept(const ProcessorId& from, const ProcessorId& self, const Chunk& chunk);

    [[nodiscard]] std::size_t bytes() const { return received_.size(); }

private:
    ProcessorId donor_;
    std::uint64_t base_ = 0;
    std::uint32_t next_ = 0;
    std::vector<std::uint8_t> received_;
};

} // namespace statedb
