#include "sim/story.h"

#include <fmt/format.h>

namespace sim {

Story::Story(std::FILE* out, bool packets)
    : Story(
          [out](Instant at, const std::string& line) {
              fmt::print(out, "{:9.3f} ms  {}\n",
                         static_cast<double>(at.time_since_epoch().count()) / 1e6, line);
          },
          packets) {}

void Story::on_note(Instant at, const std::string& line) { tell_(at, "* " + line); }

void Story::on_packet(Instant at, NodeId from, NodeId to, const Packet& packet) {
    if (!packets_) return;
    const std::string receiver = to != 0 ? fmt::format("-> {}", to) : "=> all";
    tell_(at, fmt::format("  {} {}  {}", from, receiver, totem::describe(packet)));
}

void Story::on_event(const trace::Event& event) {
    const NodeId node = event.who.node;
    const auto heard = [&] {
        const std::uint64_t count = std::exchange(delivered_[event.who], 0);
        return count > 0 ? fmt::format(", after {} messages", count) : std::string{};
    };
    if (const auto* regular = std::get_if<trace::Regular>(&event.body)) {
        tell_(event.at, fmt::format("node {}: ring {} of {}{}{}", node, describe(regular->ring),
                                    trace::describe(regular->members),
                                    regular->primary ? ", may act" : "", heard()));
    } else if (const auto* transitional = std::get_if<trace::Transitional>(&event.body)) {
        tell_(event.at, fmt::format("node {}: leaves ring {} together with {}{}", node,
                                    describe(transitional->from),
                                    trace::describe(transitional->members), heard()));
    } else if (std::holds_alternative<trace::Start>(event.body)) {
        tell_(event.at, fmt::format("node {} starts its life number {}", node, event.who.life));
    } else if (std::holds_alternative<trace::Crash>(event.body)) {
        tell_(event.at, fmt::format("node {} is dead", node));
    } else if (std::holds_alternative<trace::Deliver>(event.body)) {
        ++delivered_[event.who];
    }
}

} // namespace sim
