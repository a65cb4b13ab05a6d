// Tells a run in plain lines: configurations, faults, what the simulator does. Messages are
// counted, not listed; the trace has them all.
#pragma once

#include "sim/world.h"

#include <cstdio>

namespace sim {

class Story final : public Listener {
public:
    // `packets`: tell of every packet that is sent, too.
    Story(std::FILE* out, bool packets) : out_(out), packets_(packets) {}

    void on_event(const trace::Event& event) override;
    void on_note(Instant at, const std::string& line) override;
    void on_packet(Instant at, NodeId from, NodeId to, const Packet& packet) override;

private:
    void tell(Instant at, const std::string& line);

    std::FILE* out_;
    bool packets_;
    std::map<trace::Life, std::uint64_t> delivered_; // since its last configuration
};

} // namespace sim
