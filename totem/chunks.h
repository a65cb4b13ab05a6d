// Messages inside packets (totem.md 3.2, 3.10): packing of small ones, fragmentation of large ones,
// and the way back. A packet's chunks are of one service level; a message's chunks are sent in
// order.
#pragma once

#include "totem/wire.h"

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
    // Appends the messages that are complete with this packet, in order. Fragments that do not fit
    // what came before (a first chunk while a message is open, a middle one without) are counted
    // and dropped.
    void take(const DataPacket& packet, std::vector<Delivery>& out);

    [[nodiscard]] std::uint64_t misfits() const { return misfits_; }

private:
    // Of an originator that ever had one; between messages only its memory is kept.
    struct Partial {
        bool open = false;
        std::uint64_t counter = 0;
        Service service = Service::agreed;
        std::vector<Bytes> pieces; // slices of the packets; joined once, when the last has come
        std::size_t size = 0;      // of all pieces, at most message_size_max

        void close() {
            open = false;
            pieces.clear();
            size = 0;
        }
    };

    void take_fragment(const DataPacket& packet,
                       std::uint8_t index,
                       Chunk chunk,
                       std::vector<Delivery>& out);

    void give_up(ProcessorId origin); // its open message, if it has one
    Bytes joined(const Partial& message);

    // Most messages of several packets are small ones that lie across two.
    static constexpr std::size_t small = 2048;

    std::map<ProcessorId, Partial> partial_;
    std::unique_ptr<BlockPool> small_pool_ = std::make_unique<BlockPool>(small);
    std::uint64_t misfits_ = 0;
};

} // namespace totem
