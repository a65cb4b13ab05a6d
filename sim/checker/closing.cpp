// What only a whole run shows: one global order (P13), agreement on installation (P21), and, where
// the run was healed, that it became one ring (P25) that delivered everything (P26).
#include "sim/checker/property.h"

#include <fmt/format.h>

#include <algorithm>

namespace sim {

namespace {

using trace::describe;

// P13: the deliveries of all processes, messages and configurations alike, fit into one order.
//
// A graph with an edge from each delivered item to the next one of the same process; a topological
// sort that does not reach every item has met a cycle.
class GlobalOrder : public Judge<GlobalOrder> {
public:
    void on(const Life& who, const trace::Regular& regular, const History&) {
        deliver(who, fmt::format("regular {}", describe(regular.ring)));
    }

    void on(const Life& who, const trace::Transitional& transitional, const History&) {
        deliver(who, fmt::format("transitional {} -> {}", describe(transitional.from),
                                 describe(transitional.ring)));
    }

    void on(const Life& who, const trace::Deliver& message, const History&) {
        const auto [found, fresh] = messages_.emplace(message.message, names_.size());
        if (fresh) names_.emplace_back(describe(message.message));
        append(who, found->second);
    }

    void conclude(const History&) override {
        std::vector<std::vector<std::size_t>> successors(names_.size());
        std::vector<std::size_t> open(names_.size(), 0); // predecessors not yet placed
        std::ranges::sort(edges_);
        edges_.erase(std::unique(edges_.begin(), edges_.end()), edges_.end());
        for (const auto& [from, to] : edges_) {
            successors[from].push_back(to);
            ++open[to];
        }
        std::vector<std::size_t> ready;
        for (std::size_t item = 0; item < open.size(); ++item)
            if (open[item] == 0) ready.push_back(item);
        for (std::size_t next = 0; next < ready.size(); ++next)
            for (const std::size_t successor : successors[ready[next]])
                if (--open[successor] == 0) ready.push_back(successor);
        if (ready.size() == names_.size()) return;
        const auto cyclic = std::ranges::find_if(open, [](std::size_t count) { return count > 0; });
        throw Violation{"P13",
                        fmt::format("no single order of deliveries exists: {} lies on a cycle",
                                    names_[static_cast<std::size_t>(cyclic - open.begin())])};
    }

private:
    void deliver(const Life& who, std::string configuration) {
        const auto [found, fresh] = configurations_.emplace(configuration, names_.size());
        if (fresh) names_.push_back(std::move(configuration));
        append(who, found->second);
    }

    void append(const Life& who, std::size_t item) {
        const auto [last, first] = last_.emplace(who, item);
        if (!first) edges_.emplace_back(std::exchange(last->second, item), item);
    }

    std::map<MessageName, std::size_t> messages_;
    std::map<std::string, std::size_t> configurations_;
    std::vector<std::string> names_; // of the items
    std::map<Life, std::size_t> last_;
    std::vector<std::pair<std::size_t, std::size_t>> edges_;
};

// P21: a ring that one of its members never installed does not last: that member crashed or went
// elsewhere, and those who installed the ring leave it.
//
// Judged where the trace was healed and ends in peace: then nobody stays in such a ring.
class InstallationAgreement : public Judge<InstallationAgreement> {
public:
    void conclude(const History& past) override {
        if (!past.heal()) return;
        for (const auto& [name, ring] : past.rings())
            for (const auto& [who, stay] : ring.stays)
                if (!stay.closed && !stay.crashed) judge_lasting(name, ring, who);
    }

private:
    static void judge_lasting(const RingName& name, const RingPast& ring, const Life& who) {
        for (const NodeId node : ring.members) {
            const auto stay = ring.stays.lower_bound(Life{node, 0});
            if (stay == ring.stays.end() || stay->first.node != node)
                throw Violation{"P21",
                                fmt::format("{} stays in ring {}, which member {} never installed",
                                            describe(who), describe(name), node)};
        }
    }
};

// P25: within the bound after the heal its members form one ring of exactly them, and it stays.
class Convergence : public Property {
public:
    void judge(const trace::Event& event, const History& past) override {
        last_ = event.at;
        if (!past.heal() || event.at <= deadline(past)) return;
        if (!std::holds_alternative<trace::Regular>(event.body) &&
            !std::holds_alternative<trace::Transitional>(event.body))
            return;
        throw Violation{"P25",
                        fmt::format("{} delivers a configuration later than the stabilisation "
                                    "bound after the heal",
                                    describe(event.who))};
    }

    void conclude(const History& past) override {
        if (!past.heal() || last_ < deadline(past)) return;
        const trace::Members& members = std::get<trace::Heal>(past.heal()->body).members;
        std::optional<RingName> common;
        for (const auto& [who, process] : past.processes()) {
            if (!process.alive || !std::ranges::binary_search(members, who.node)) continue;
            if (!process.ring || past.ring(*process.ring)->members != members)
                throw Violation{
                    "P25", fmt::format("{} ends in ring {} of {}, not in one of {}", describe(who),
                                       process.ring ? describe(*process.ring) : "none",
                                       process.ring ? describe(past.ring(*process.ring)->members)
                                                    : "nobody",
                                       describe(members))};
            if (!common) common = process.ring;
            if (common != process.ring)
                throw Violation{"P25",
                                fmt::format("{} ends in ring {}, another in {}", describe(who),
                                            describe(*process.ring), describe(*common))};
        }
    }

private:
    static Instant deadline(const History& past) {
        const auto& heal = std::get<trace::Heal>(past.heal()->body);
        return past.heal()->at + heal.bound;
    }

    Instant last_{};
};

// P26, its untimed half: a process that is alive at the end of a healed run has delivered all that
// it submitted in this life.
class EverythingDelivered : public Property {
public:
    void judge(const trace::Event& event, const History&) override { last_ = event.at; }

    void conclude(const History& past) override {
        if (!past.heal()) return;
        const auto& heal = std::get<trace::Heal>(past.heal()->body);
        if (last_ < past.heal()->at + heal.bound) return;
        for (const auto& [who, process] : past.processes())
            if (process.alive && std::ranges::binary_search(heal.members, who.node) &&
                !process.waiting.empty())
                throw Violation{"P26",
                                fmt::format("{} never delivered {} of its own messages, the first "
                                            "of them {}",
                                            describe(who), process.waiting.size(),
                                            describe(MessageName{who, *process.waiting.begin()}))};
    }

private:
    Instant last_{};
};

} // namespace

void add_closing_properties(Properties& properties) {
    properties.push_back(std::make_unique<GlobalOrder>());
    properties.push_back(std::make_unique<InstallationAgreement>());
    properties.push_back(std::make_unique<Convergence>());
    properties.push_back(std::make_unique<EverythingDelivered>());
}

} // namespace sim
