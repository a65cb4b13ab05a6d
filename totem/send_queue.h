// Messages that were accepted and wait for the token (totem.md 3.10, pitfalls 35 and 37): bounded,
// in order, and packed only when the token is here, so that packing adapts to the load.
#pragma once

#include "totem/chunks.h"

#include <boost/circular_buffer.hpp>
#include <boost/container/static_vector.hpp>

#include <optional>

namespace totem {

class SendQueue {
public:
    // `bytes_max`: the bound on waiting payload. A single message up to message_size_max always
    // fits an empty queue.
    SendQueue(std::size_t bytes_max, BlockPool& pool);

    enum class Refusal : std::uint8_t { full, too_large, leaving, broken };

    // Queues the message and returns its counter (1, 2, 3, ... in this incarnation), or nothing if
    // it is full.
    [[nodiscard]] std::optional<std::uint64_t> push(Bytes message, Service service);

    [[nodiscard]] bool empty() const { return messages_.empty(); }

    [[nodiscard]] std::size_t bytes() const { return bytes_; }

    // True once after room appeared again behind a refused push: below half of the bound.
    [[nodiscard]] bool take_room_signal();

    // How many packets of `payload_max` bytes of chunks the queue would fill, roughly: flow
    // control's backlog.
    [[nodiscard]] std::size_t packets_needed(std::size_t payload_max) const;

    // What one packet carries, and the messages whose last chunk it holds.
    struct Packed {
        struct Completed {
            std::uint64_t counter = 0;
            std::uint8_t index = 0; // of the last chunk in the packet
            std::uint32_t size = 0;
            Bytes message; // the whole, of one of which this is not the only packet
        };

        Service service = Service::agreed;
        std::uint8_t chunk_count = 0;
        Bytes chunks;
        boost::container::static_vector<Completed, chunks_max> completed;
    };

    // The next packet's worth, at most `payload_max` bytes of encoded chunks (at least
    // fragment_min); the queue must not be empty.
    [[nodiscard]] Packed pack(std::size_t payload_max);

    // The ring broke: a message of which only some chunks were packed was not originated and starts
    // over (1.3).
    void restart_head() { head_offset_ = 0; }

private:
    struct Waiting {
        Bytes payload;
        Service service = Service::agreed;
        std::uint64_t counter = 0;
    };

    // What a queued message counts against the bound: many empty messages are not nothing.
    [[nodiscard]] std::size_t weight() const { return bytes_ + messages_.size() * sizeof(Waiting); }

    [[nodiscard]] ChunkHead next_chunk(std::size_t room, std::size_t payload_max) const;
    void pop_head();

    boost::circular_buffer<Waiting> messages_; // doubles when it is full
    std::size_t head_offset_ = 0; // bytes of the first message that were packed already
    std::size_t bytes_ = 0;

    // What packets_needed() is made of, kept up to date by push and pack: the size of all messages
    // as one chunk each, and how often the service changes from one message to the next, plus one.
    std::size_t encoded_ = 0;
    std::size_t runs_ = 0;

    std::size_t bytes_max_;
    bool refused_ = false;
    std::uint64_t counter_ = 0;
    BlockPool& pool_;
};

} // namespace totem
