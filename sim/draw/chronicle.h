// What a picture of a run needs to know: who lived when and in which ring, which packets went
// where, what went wrong, what was told. Chronicle listens and remembers; it judges nothing and
// draws nothing.
#pragma once

#include "sim/story.h"
#include "sim/world.h"

namespace sim::draw {

// A process from its start to its crash, or to the end of the run.
struct LifeSpan {
    NodeId node = 0;
    Instant from, to;
    bool crashed = false;
};

// A regular configuration as one process sees it: from its installation until the process leaves
// Operational, and on, greyed, until the next one is installed.
struct Band {
    NodeId node = 0;
    Instant from, interrupted, to;
    trace::RingName ring;
    trace::Members members;
    bool primary = false;
};

struct Hop {
    Instant sent, arrives;
    NodeId from = 0, to = 0;
    PacketType type = PacketType::data;
    bool lost = false;
    bool again = false;       // a retransmission
    bool multicast = false;   //
    std::uint64_t number = 0; // token_seq of a token, seq of data, the ring's seq of a commit token
};

struct Delivered {
    Instant at;
    NodeId node = 0;
    bool safe = false;
};

struct Mark {
    Instant at, until;
    Fault fault;
};

struct Line {
    Instant at;
    std::string text;
};

class Chronicle final : public Listener {
public:
    Chronicle();

    void on_event(const trace::Event& event) override;
    void on_note(Instant at, const std::string& line) override;
    void on_packet(Instant at, NodeId from, NodeId to, const Packet& packet) override;
    void on_transmitted(Instant at,
                        const Datagram& datagram,
                        std::span<const NodeId> to,
                        const std::vector<Network::Scheduled>& arrivals) override;
    void on_fault(Instant at, const Fault& fault) override;
    void on_interrupted(Instant at, NodeId node) override;

    // The run is over: whatever is still open ends now. Call it once, before looking.
    void close(Instant end);

    [[nodiscard]] Instant end() const { return end_; }

    [[nodiscard]] std::optional<Instant> healed() const { return healed_; }

    [[nodiscard]] const std::vector<LifeSpan>& lives() const { return lives_; }

    [[nodiscard]] const std::vector<Band>& bands() const { return bands_; }

    [[nodiscard]] const std::vector<Hop>& hops() const { return hops_; }

    [[nodiscard]] const std::vector<Delivered>& delivered() const { return delivered_; }

    [[nodiscard]] const std::vector<Mark>& marks() const { return marks_; }

    [[nodiscard]] const std::vector<Line>& story() const { return lines_; }

    [[nodiscard]] NodeId nodes() const { return nodes_; } // numbered from 1

private:
    [[nodiscard]] Band* open_band(NodeId node);
    void end_band(NodeId node, Instant at);

    std::vector<LifeSpan> lives_;
    std::vector<Band> bands_;
    std::vector<Hop> hops_;
    std::vector<Delivered> delivered_;
    std::vector<Mark> marks_;
    std::vector<Line> lines_;
    std::map<NodeId, std::size_t> open_life_, open_band_; // indices
    Story story_;
    Hop sending_; // what on_packet saw and on_transmitted completes
    std::optional<Instant> healed_;
    Instant end_{};
    NodeId nodes_ = 0;
};

} // namespace sim::draw
