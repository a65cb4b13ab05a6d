// Messages inside packets (totem.md 3.2, 3.10): packing of small ones, fragmentation of large ones,
// and the way back. A packet's chunks are of one service level; a message's chunks are sent in
// order.
#pragma once

#include "totem/wire.h"

#include <deque>
#include <map>
#include <memory>

namespace totem {

inline constexpr std::size_t message_size_max = std::size_t{16} << 20;
inline constexpr std::size_t chunks_max = 64; // per packet
inline constexpr std::size_t fragment_min =
    64; // a smaller rest of a packet is left empty rather than used for a fragment

struct Chunk {
    bool first = false;
    bool last = false;
    std::uint64_t counter = 0; // first chunks only: names the message
    Bytes bytes;
};

// What stands in front of a chunk's bytes: `vu` size, flags, `vu` counter (first chunks only).
struct ChunkHead {
    bool first = false;
    bool last = false;
    std::uint64_t counter = 0;
    std::size_t size = 0;
};

[[nodiscard]] std::size_t encoded_size(const ChunkHead& head);
std::uint8_t* write(std::uint8_t* out, const ChunkHead& head); // returns the place behind it

// Reads the chunks of a packet one by one; malformed bytes end it with an error.
class ChunkReader {
public:
    explicit ChunkReader(const DataPacket& packet);

    [[nodiscard]] bool at_end() const { return left_ == 0; }

    Decoded<Chunk> next(); // at_end() must be false
    [[nodiscard]] bool consumed_all_bytes() const;

private:
    Bytes chunks_;
    std::size_t offset_ = 0;
    std::size_t left_;
};

// Whether all of the packet's chunks can be read, and no byte is left behind them. decode() has
// asked already: delivery cannot fail on a packet that was received.
[[nodiscard]] bool well_formed(const DataPacket& packet);

// Puts fragments together again, per originator, strictly in delivery order (3.10). It belongs to
// one ring and ends with it: the originators of partial messages send them anew on the next.
class Assembly {
public:
    // `self`: whose messages may come back whole, by keep().
    explicit Assembly(ProcessorId self = nobody) : self_(self) {}

    // A message of our own that lies in several packets, of which the last got its place now: it is
    // handed out again rather than put together from its pieces.
    void keep(std::uint64_t counter, Bytes message);

    // Appends the messages that are complete with this packet, in order. Fragments that do not fit
    // what came before (a first chunk while a message is open, a middle one without) are counted
    // and dropped.
    void take(const DataPacket& packet, std::vector<Delivery>& out);

    [[nodiscard]] std::uint64_t misfits() const { return misfits_; }

private:
    // A message that grows in one piece of memory. Each fragment is copied when its turn comes,
    // while the packet is still in the cache, and the packet's memory is free at once.
    class Growing {
    public:
        void append(std::span<const std::uint8_t> piece, BlockPool& small_pool);
        [[nodiscard]] Bytes finish();
        void drop();

        [[nodiscard]] std::size_t size() const { return size_; }

    private:
        void grow(std::size_t needed, BlockPool& small_pool);

        WritableBytes block_;
        std::size_t size_ = 0;
        std::size_t last_size_ = 0; // of the message before: a good guess
    };

    // Of an originator that ever had one; between messages only its memory is kept.
    struct Partial {
        bool open = false;
        std::uint64_t counter = 0;
        Service service = Service::agreed;
        Growing bytes;             // of others
        std::vector<Bytes> pieces; // of our own: slices of the packets
        std::size_t size = 0;      // so far, at most message_size_max

        void close() {
            open = false;
            bytes.drop();
            pieces.clear();
            size = 0;
        }
    };

    struct Kept {
        std::uint64_t counter = 0;
        Bytes message;
    };

    void take_fragment(const DataPacket& packet,
                       std::uint8_t index,
                       Chunk chunk,
                       std::vector<Delivery>& out);

    void give_up(ProcessorId origin); // its open message, if it has one
    [[nodiscard]] Bytes whole(ProcessorId origin, Partial& message);

    // Most messages of several packets are small ones that lie across two.
    static constexpr std::size_t small = 2048;

    ProcessorId self_;
    std::deque<Kept> kept_; // in the order of their counters
    std::map<ProcessorId, Partial> partial_;
    std::unique_ptr<BlockPool> small_pool_ = std::make_unique<BlockPool>(small);
    std::uint64_t misfits_ = 0;
};

} // namespace totem
