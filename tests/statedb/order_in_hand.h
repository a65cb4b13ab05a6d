// An agreed order held in the hand: some members, one list of commands, no ring and no host. The
// test decides whose submission is ordered next, which are refused, and who is in the component.
#pragma once

#include "statedb/service.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace statedb::test {

// One member: a service and what it wants ordered.
template <class Machine>
struct Member final : Outbox {
    struct Submission {
        Bytes payload;
        Service guarantee;
    };

    template <class... Arguments>
    explicit Member(const Instant& clock_of_order, Arguments&&... arguments)
        : machine(std::forward<Arguments>(arguments)...), clock(clock_of_order) {}

    [[nodiscard]] Instant now() const override { return clock; }

    void submit(ServiceId, Bytes payload, Service guarantee) override {
        submissions.push_back({std::move(payload), guarantee});
    }

    Machine machine;
    const Instant& clock;
    std::deque<Submission> submissions;
    std::uint64_t last_primary = 0;
    std::vector<NodeId> component;
    bool full = false;
};

template <class Machine>
class Order {
public:
    using Node = Member<Machine>;

    template <class... Arguments>
    Node& add(ProcessorId who, Arguments&&... arguments) {
        auto node = std::make_unique<Node>(now, std::forward<Arguments>(arguments)...);
        return *(nodes[who] = std::move(node));
    }

    Node& operator[](ProcessorId who) { return *nodes.at(who); }

    // A primary component of exactly these forms; those without its state load it.
    void form(std::vector<ProcessorId> who, std::vector<ProcessorId> left = {}) {
        std::ranges::sort(who);
        View view{
            .ring = {++ring_seq, who.front()}, .epoch = ++epoch, .primary = true, .members = who};
        const auto in = [](const std::vector<ProcessorId>& list, ProcessorId id) {
            return std::ranges::binary_search(list, id);
        };
        std::ranges::copy_if(who, std::back_inserter(view.joined),
                             [&](auto id) { return !in(members, id); });
        std::ranges::copy_if(members, std::back_inserter(view.departed),
                             [&](auto id) { return !in(who, id); });
        view.left = std::move(left);
        const std::vector<Summary> summaries = summaries_of(who);
        const auto donor = std::ranges::find_if(
            summaries, [&](const Summary& s) { return s.full && s.last_primary == newest(); });
        view.fresh = donor == summaries.end();
        if (view.fresh) applied = 0;
        for (const Summary& summary : summaries) {
            Node& node = *nodes.at(summary.member);
            if (view.fresh)
                node.machine.begin_epoch(summaries, node);
            else if (in(view.joined, summary.member))
                loads_ok =
                    node.machine.load(nodes.at(donor->member)->machine.save(summary), node) &&
                    loads_ok;
        }
        members = who;
        for (const ProcessorId id : who) {
            Node& node = *nodes.at(id);
            node.machine.configured(view, node);
            node.last_primary = epoch;
            node.full = true;
            node.component.clear();
            for (const ProcessorId member : who)
                node.component.push_back(member.node);
        }
    }

    // This one is told that it is alone.
    void cut_off(ProcessorId who) {
        nodes.at(who)->machine.configured({.members = {who}}, *nodes.at(who));
    }

    [[nodiscard]] bool has_submission(ProcessorId who) const {
        return !nodes.at(who)->submissions.empty();
    }

    // Orders the oldest submission of one member.
    void order_next(ProcessorId who) {
        auto submission = nodes.at(who)->submissions.front();
        nodes.at(who)->submissions.pop_front();
        const Command command{who, ++applied, submission.payload};
        for (const ProcessorId id : members)
            nodes.at(id)->machine.apply(command, *nodes.at(id));
    }

    void refuse_next(ProcessorId who) {
        auto submission = nodes.at(who)->submissions.front();
        nodes.at(who)->submissions.pop_front();
        nodes.at(who)->machine.refused(submission.payload, *nodes.at(who));
    }

    // One round: every member's oldest submission, members in turn. Whether there was any.
    bool order_one_round() {
        bool any = false;
        for (const ProcessorId id : members)
            if (has_submission(id)) {
                any = true;
                order_next(id);
            }
        return any;
    }

    [[nodiscard]] bool digests_agree() const {
        return std::ranges::all_of(members, [&](ProcessorId id) {
            return nodes.at(id)->machine.digest() == nodes.at(members.front())->machine.digest();
        });
    }

    std::map<ProcessorId, std::unique_ptr<Node>> nodes;
    std::vector<ProcessorId> members;
    Instant now{};
    std::uint64_t epoch = 0;
    std::uint64_t ring_seq = 0;
    std::uint64_t applied = 0;
    bool loads_ok = true;

private:
    std::vector<Summary> summaries_of(const std::vector<ProcessorId>& who) const {
        std::vector<Summary> list;
        for (const ProcessorId id : who) {
            const Node& node = *nodes.at(id);
            list.push_back(
                {id, node.last_primary, node.component, node.full, node.machine.summary()});
        }
        return list;
    }

    [[nodiscard]] std::uint64_t newest() const { return epoch - 1; }
};

} // namespace statedb::test
