// How many new packets a visit may send (totem.md 4.5): the ring's window, a fair share of it, and
// the bound on memory, against what this processor wants. Pure arithmetic; Ring keeps the numbers.
#pragma once

#include <cstdint>

namespace totem {

struct FlowLimits {
    std::uint32_t window = 0;          // packets by all members in one rotation
    std::uint32_t part = 0;            // of it, one member's if all send: it may always have that
    std::uint32_t visit_max = 0;       // new packets of one member in one visit
    std::uint32_t outstanding_max = 0; // bound on seq - aru
};

struct FlowDemand {
    std::uint32_t sent_in_rotation = 0; // by all, our retransmissions of this visit included
    std::uint32_t sent_in_visit = 0;    // new packets we have sent in this very visit already
    std::uint64_t outstanding = 0;      // token.seq - token.aru
    std::uint32_t backlog = 0;          // packets that wait here
    std::uint32_t backlog_elsewhere = 0;
    std::uint32_t starved_visits = 0; // visits in a row that sent nothing though packets waited
};

// Our part of the window, proportional to our part of all that waits (TOCS95, flow control).
[[nodiscard]] std::uint32_t
fair_share(std::uint32_t window, std::uint32_t backlog, std::uint32_t backlog_elsewhere);

[[nodiscard]] std::uint32_t allowance(const FlowLimits& limits, const FlowDemand& demand);

// The ring's window as this member sees it: it grows while it is too small for what waits, and
// shrinks where much of what was sent has to be sent again, because some receiver is slower than
// the senders (totem.md 8.1, pitfall 16). Loss by chance says nothing about speed, and to send less
// would not help: what is lost at the least window as well is such loss, however much it is. Every
// member judges for itself, by what it sees of the token.
class AdaptiveWindow {
public:
    struct Bounds {
        std::uint32_t least = 1;
        std::uint32_t most = 1;
    };

    explicit AdaptiveWindow(Bounds bounds) : bounds_(bounds), packets_(bounds.least) {}

    [[nodiscard]] std::uint32_t packets() const { return packets_; }

    struct Rotation {
        std::uint32_t sent = 0; // packets by all
        std::uint32_t lost = 0; // of which we know that they were or must be sent again
        bool too_small = false; // we wanted to send more than we might
    };

    void turned(const Rotation& rotation);

private:
    Bounds bounds_;
    std::uint32_t packets_;

    // Shares of what was sent, in thousandths: lost lately (runs of packets are lost together, so
    // one rotation says little), and of that by chance.
    std::uint32_t lost_ = 0;
    std::uint32_t by_chance_ = 0;
};

} // namespace totem
