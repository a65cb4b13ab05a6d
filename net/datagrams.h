// Datagrams in batches, so that a burst costs one system call: Inbox receives into pooled blocks
// that travel on to the application, Outbox sends from one slab that is used again and again.
// Neither knows what is in a datagram.
#pragma once

#include "base/bytes.h"

#include <boost/asio/ip/udp.hpp>

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

struct mmsghdr;

namespace net {

using Endpoint = boost::asio::ip::udp::endpoint;

// One datagram, in memory that it may share with others of its run: nobody else looks at its bytes,
// so they may be changed until they are shared.
struct Received {
    std::span<std::uint8_t> bytes;
    base::Bytes block; // where they lie
    Endpoint from;
    bool truncated = false; // larger than a block: its sender has a larger MTU than we

    // A part of `bytes`, to be kept.
    [[nodiscard]] base::Bytes share(std::span<const std::uint8_t> part) const {
        return block.slice(static_cast<std::size_t>(part.data() - block.data()), part.size());
    }
};

// With coalescing (UDP_GRO) the kernel hands over a run of equal datagrams as one. Such a run lies
// in two blocks: its beginning in one of the pool's, like any single datagram, and the rest in a
// larger one, which is only used up when there is a rest. The one datagram across their border is
// copied.
class Inbox {
public:
    static constexpr std::size_t batch = 64;
    static constexpr std::size_t coalescing_batch = 16;
    static constexpr std::size_t run_max = 65536;

    Inbox(base::BlockPool& pool, bool coalescing);
    ~Inbox();

    // Takes what has arrived at `fd`, at most a batch; only when empty(). False if nothing had.
    bool receive(int fd);

    // The last receive() took all there was.
    [[nodiscard]] bool drained() const { return filled_ < slots_.size(); }

    [[nodiscard]] bool empty() const { return next_ == filled_; }

    [[nodiscard]] Received take();

    // Datagrams that the kernel dropped because we were too slow for its buffer (SO_RXQ_OVFL).
    [[nodiscard]] std::uint32_t overruns() const { return overruns_; }

private:
    struct Headers;

    struct Slot {
        base::WritableBytes front, back; // back: only with coalescing
    };

    // What of the slot next_ was taken already.
    struct Run {
        base::Bytes front, back;
        std::uint8_t* front_bytes = nullptr;
        std::uint8_t* back_bytes = nullptr;
        std::size_t size = 0;
        std::size_t segment = 0;
        std::size_t taken = 0;
        Endpoint from;
    };

    void prepare(std::size_t slot);
    void open_run();
    void read_controls(std::size_t slot);
    [[nodiscard]] Received across(std::size_t begin, std::size_t end);

    base::BlockPool& pool_;
    base::BlockPool rest_pool_;        // of the larger blocks
    std::unique_ptr<Headers> headers_; // for the kernel; slot i receives into slots_[i]
    std::vector<Slot> slots_;
    std::size_t prepared_ = 0; // slots [0, prepared_) need preparation: they were used
    std::size_t next_ = 0;     // slots [next_, filled_) wait to be taken
    std::size_t filled_ = 0;   // by the last receive()
    Run run_;
    bool run_open_ = false;
    std::uint32_t overruns_ = 0;
};

// Addresses at which nobody listens, as the network told this socket since the last time
// (IP_RECVERR): where our unicasts went to.
[[nodiscard]] std::vector<Endpoint> take_refused_destinations(int fd);

class Outbox {
public:
    static constexpr std::size_t batch = 128; // nearly three full runs of 1500-byte packets

    // What sends: sendmmsg(), but for a test of what kernels and devices may refuse.
    using SendMany = int (*)(int fd, mmsghdr* messages, unsigned count, int flags);

    // Every datagram goes to each of `destinations`; datagrams of one destination keep their order.
    Outbox(std::size_t datagram_max, bool segmentation_offload);
    Outbox(std::size_t datagram_max, bool segmentation_offload, SendMany send_many);
    ~Outbox();

    // Where the next datagram may be written, datagram_max bytes.
    [[nodiscard]] std::span<std::uint8_t> room();
    void add(std::size_t size); // it was written there; only while not full()

    [[nodiscard]] bool empty() const { return sizes_.empty(); }

    [[nodiscard]] bool full() const { return sizes_.size() == batch; }

    // Sends everything to each of the destinations and forgets it. What the network does not take,
    // even after a short wait, is lost as if it had been on the wire: the ring repairs that.
    void flush(int fd, std::span<const Endpoint> destinations);

    struct Counts {
        std::uint64_t sent = 0; // datagrams, each destination counted
        std::uint64_t lost = 0; // that the kernel refused
        std::uint64_t too_large = 0;
        int last_error = 0;
    };

    [[nodiscard]] const Counts& counts() const { return counts_; }

private:
    struct Headers;

    // Consecutive datagrams that one system call's entry sends: one, or with segmentation offload
    // several of one size, of which only the last may be smaller.
    struct Run {
        std::size_t offset = 0;
        std::size_t size = 0;
        std::size_t segment = 0;
        std::size_t datagrams = 0;
    };

    void form_runs();
    void send_runs(int fd, const Endpoint& destination);
    [[nodiscard]] bool survive(int fd, int error, const Run& run);

    std::size_t datagram_max_;
    bool segmentation_offload_;
    SendMany send_many_;
    std::vector<std::uint8_t> slab_; // datagrams one behind the other, without gaps
    std::size_t used_ = 0;
    std::vector<std::size_t> sizes_;
    std::vector<Run> runs_;
    std::unique_ptr<Headers> headers_;
    Counts counts_;
};

} // namespace net
