#include "sim/measures.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace sim {

namespace {

double milliseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

} // namespace

void Measures::on_event(const trace::Event& event) {
    last_ = event.at;
    if (const auto* regular = std::get_if<trace::Regular>(&event.body)) {
        rings_.insert(regular->ring);
        if (formed_) rings_after_formed_.insert(regular->ring);
        if (!healed_) rings_while_broken_.insert(regular->ring);
        if (regular->members.size() == 1) singletons_.insert(regular->ring);
        if (regular->members.size() == nodes_) {
            std::set<NodeId>& installed = whole_[regular->ring];
            installed.insert(event.who.node);
            if (!formed_ && installed.size() == nodes_) {
                formed_ = event.at;
                rings_after_formed_.clear();
            }
        }
        last_regular_ = event.at;
        if (!healed_) last_regular_broken_ = event.at;
        ring_of_[event.who] = regular->members;
        const auto interrupted = interrupted_.find(event.who);
        if (interrupted == interrupted_.end()) return;
        if (!healed_)
            interruption_max_ = std::max(interruption_max_, event.at - interrupted->second);
        interrupted_.erase(interrupted);
    } else if (std::holds_alternative<trace::Start>(event.body)) {
        delivered_by_[event.who] = 0;
    } else if (std::holds_alternative<trace::Crash>(event.body)) {
        delivered_by_.erase(event.who);
        ring_of_.erase(event.who);
        interrupted_.erase(event.who);
    } else if (const auto* submit = std::get_if<trace::Submit>(&event.body)) {
        submitted_.emplace(submit->message, event.at);
    } else if (const auto* deliver = std::get_if<trace::Deliver>(&event.body)) {
        ++delivered_;
        ++delivered_by_[event.who];
        if (deliver->message.sender != event.who) return;
        const auto submitted = submitted_.find(deliver->message);
        if (submitted == submitted_.end()) return;
        latency_max_ = std::max(latency_max_, event.at - submitted->second);
        submitted_.erase(submitted);
    } else if (std::holds_alternative<trace::Heal>(event.body)) {
        healed_ = event.at;
    }
}

void Measures::on_sent(NodeId node, const Packet& packet) {
    ++sent_[static_cast<std::size_t>(type_of(packet))];
    if (std::holds_alternative<Join>(packet)) ++joins_[node];
    const auto* data = std::get_if<DataPacket>(&packet);
    if (data != nullptr && data->retransmission) ++retransmissions_;
}

void Measures::on_fault(Instant at) {
    if (!first_fault_) first_fault_ = at;
}

void Measures::on_interrupted(const trace::Life& who, Instant at) {
    ++interruptions_[who.node];
    interrupted_.emplace(who, at);
}

void Measures::note_components() {
    std::set<trace::Members> rings;
    for (const auto& [who, members] : ring_of_)
        rings.insert(members);
    components_.assign(rings.begin(), rings.end());
}

std::map<std::string, double> Measures::all() const {
    const auto most = [](const auto& by_node) {
        std::uint64_t largest = 0;
        for (const auto& [node, count] : by_node)
            largest = std::max(largest, count);
        return static_cast<double>(largest);
    };
    const auto sent = [&](PacketType type) {
        return static_cast<double>(sent_[static_cast<std::size_t>(type)]);
    };
    const auto between = [](const std::optional<Instant>& from, const std::optional<Instant>& to) {
        return from && to && *to > *from ? milliseconds(*to - *from) : 0.0;
    };
    double least = delivered_by_.empty() ? 0 : 1e18;
    for (const auto& [who, count] : delivered_by_)
        least = std::min(least, static_cast<double>(count));
    const double seconds = milliseconds(last_.time_since_epoch()) / 1e3;
    return {{"rings", static_cast<double>(rings_.size())},
            {"rings_after_formed", static_cast<double>(rings_after_formed_.size())},
            {"rings_while_broken", static_cast<double>(rings_while_broken_.size())},
            {"singletons", static_cast<double>(singletons_.size())},
            {"formed_ms", formed_ ? milliseconds(formed_->time_since_epoch()) : -1.0},
            {"recovered_ms", between(first_fault_, last_regular_broken_)},
            {"healed_ms", between(healed_, last_regular_)},
            {"interruptions", most(interruptions_)},
            {"interruption_max_ms", milliseconds(interruption_max_)},
            {"joins_per_node", most(joins_)},
            {"joins", sent(PacketType::join)},
            {"tokens", sent(PacketType::token)},
            {"data", sent(PacketType::data)},
            {"hurries", sent(PacketType::hurry)},
            {"probes", sent(PacketType::probe)},
            {"leaves", sent(PacketType::leave)},
            {"holds", sent(PacketType::hold)},
            {"commits", sent(PacketType::commit)},
            {"tokens_per_second", seconds > 0 ? sent(PacketType::token) / seconds : 0},
            {"retransmissions", static_cast<double>(retransmissions_)},
            {"delivered_least", least},
            {"delivered", static_cast<double>(delivered_)},
            {"latency_max_ms", milliseconds(latency_max_)},
            {"overruns", static_cast<double>(overruns_)},
            {"refused", static_cast<double>(refused_)},
            {"broken", static_cast<double>(broken_)}};
}

const std::vector<std::string>& Measures::names() {
    static const std::vector<std::string> known = [] {
        std::vector<std::string> collected;
        for (const auto& [name, value] : Measures{0}.all())
            collected.push_back(name);
        return collected;
    }();
    return known;
}

std::optional<std::string> Measures::unmet(const Expectation& expect) const {
    const std::map<std::string, double> values = all();
    for (const Bound& bound : expect.bounds) {
        const double measured = values.at(bound.measure);
        if (bound.at_most && measured > *bound.at_most)
            return fmt::format("{} is {:.6g}, expected at most {:.6g}", bound.measure, measured,
                               *bound.at_most);
        if (bound.at_least && measured < *bound.at_least)
            return fmt::format("{} is {:.6g}, expected at least {:.6g}", bound.measure, measured,
                               *bound.at_least);
    }
    if (expect.components.empty()) return std::nullopt;
    std::vector<trace::Members> expected = expect.components;
    std::ranges::sort(expected);
    if (components_ != expected)
        return fmt::format("before the heal the rings are {}, expected {}", components_, expected);
    return std::nullopt;
}

} // namespace sim
