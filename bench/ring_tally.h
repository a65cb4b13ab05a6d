// What one node measures of an ordered flood: how many messages, how late, and a hash of all that
// was delivered, in order. The same messages and the same arithmetic at every node: where the order
// was one, the hashes are equal. Options and lines of output are those of the ring benchmark's
// other clients, so that one script runs different rings side by side.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

namespace bench {

enum class Mode : std::uint8_t { flood, pingpong, paced, probe, watch };

struct RingWork {
    int node = 0, nodes = 0;
    std::size_t size = 1350;
    bool all_send = true;
    Mode mode = Mode::flood;
    std::uint64_t outstanding = 1; // pingpong: own messages in flight
    std::uint64_t inflight = 0;    // flood: at most so many own messages undelivered; 0: no limit
    double seconds = 3, warm = 0.3, rate = 1000;
    std::string stack = "totem";
    std::string mode_name = "flood";
};

enum class Kind : std::uint16_t { data = 1, start = 2, stop = 3 };

// The beginning of every message, in the byte order of the machine: all nodes live on it.
struct Header {
    static constexpr std::uint32_t right_magic = 0x52425631;

    std::uint32_t magic = right_magic;
    Kind kind = Kind::data;
    std::uint16_t node = 0;
    std::uint64_t seq = 0;
    std::uint64_t sent_ns = 0;
    std::uint32_t size = 0;
    std::uint32_t unused = 0;
};

static_assert(sizeof(Header) == 32);

[[nodiscard]] std::uint64_t monotonic_ns();

// Sixteen steps an octave: a percentile is right within six per cent.
class Histogram {
public:
    void add(std::uint64_t ns);
    [[nodiscard]] double percentile_us(double share) const;

    [[nodiscard]] double max_us() const { return static_cast<double>(max_) / 1000; }

private:
    std::array<std::uint64_t, 64 * 32> buckets_{};
    std::uint64_t count_ = 0, max_ = 0;
};

class Tally {
public:
    explicit Tally(const RingWork& work);

    void delivered(std::span<const std::uint8_t> message);

    // Delivery of START opens the measured window everywhere, that of STOP ends it.
    [[nodiscard]] bool running() const { return started_ns_ != 0 && !done(); }

    [[nodiscard]] bool done() const { return stopped_ns_ != 0; }

    [[nodiscard]] double elapsed() const;

    [[nodiscard]] std::uint64_t own_delivered() const { return own_delivered_; }

    // One JSON object.
    [[nodiscard]] std::string result(std::uint64_t own_sent, std::uint64_t refused) const;

private:
    void count(const Header& header, std::span<const std::uint8_t> message);

    RingWork work_;
    std::uint64_t started_ns_ = 0, stopped_ns_ = 0;
    std::uint64_t messages_ = 0, bytes_ = 0, own_delivered_ = 0;
    std::uint64_t hash_ = 0, fifo_errors_ = 0, malformed_ = 0;
    double cpu_at_start_ = 0;
    std::array<std::uint64_t, 256> next_seq_{};
    Histogram own_latency_, latency_;
};

} // namespace bench
