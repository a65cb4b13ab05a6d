// Tells a run in plain lines: configurations, faults, what the simulator does. Messages are
// counted, not listed; the trace has them all.
#pragma once

#include "sim/world.h"

#include <cstdio>
#include <functional>

namespace sim {

class Story final : public Listener {
public:
    // Takes the story line by line.
    using Teller = std::function<void(Instant at, const std::string& line)>;

    // `packets`: tell of every packet that is sent, too.
    Story(Teller teller, bool packets) : tell_(std::move(teller)), packets_(packets) {}

    Story(std::FILE* out, bool packets);

    void on_event(const trace::Event& event) override;
    void on_note(Instant at, const std::string& line) override;
    void on_packet(Instant at, NodeId from, NodeId to, const Packet& packet) override;

private:
    Teller tell_;
    bool packets_;
    std::map<trace::Life, std::uint64_t> delivered_; // since its last configuration
};

} // namespace sim
