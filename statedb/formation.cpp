#include "statedb/formation.h"

#include "base/mutant.h"

#include <algorithm>

namespace statedb {

namespace {

using States = std::map<ProcessorId, StateReport>;

bool contains(const auto& list, const auto& wanted) {
    return std::ranges::find(list, wanted) != list.end();
}

// Greater is the longer order. Commands act when they are applied, so what a member applied (green)
// counts before what it only holds; inside one configuration the applied sequences are prefixes of
// each other (P12), and what an absent member may have made durable as safe is in everyone's total
// (totem.md 6.3, Lemma G).
auto length_of_order(const StateReport& state) {
    return std::tuple(state.total.epoch, state.green.epoch, state.green.index, state.total.index);
}

// The member whose order the component continues, if any has all that may have been committed.
States::const_iterator donor_of(const States& states, std::uint64_t newest) {
    auto donor = states.end();
    for (auto it = states.begin(); it != states.end(); ++it) {
        if (!it->second.full || it->second.total.epoch < newest) continue;
        const bool longer =
            donor == states.end() || length_of_order(donor->second) < length_of_order(it->second);
        if (longer && !(mutated(Mutant::donor_lowest) && donor != states.end())) donor = it;
    }
    return donor;
}

void continue_order(Formation& formation, States::const_iterator donor) {
    formation.donor = donor->first;
    formation.base =
        after_formation(donor->second.total, formation.view.ring, formation.primary.index);
    for (const auto& [member, state] : formation.states) {
        const bool holds = state.full && state.total == donor->second.total;
        (holds ? formation.holders : formation.joiners).push_back(member);
    }
}

// Nobody has the state any more. Those who were in the newest component have at least all that was
// made durable there; if they lost even their history, they are as good as anybody.
//   Who is not here may have been cut off a moment ago, and its clients may still be at work: it
// departs now, in whatever life it is. Only where nobody was ever in a component nobody can be.
void start_anew(Formation& formation, const Knowledge& known) {
    formation.fresh = true;
    const auto is_here = [&](NodeId node) {
        return std::ranges::any_of(formation.states,
                                   [&](const auto& entry) { return entry.first.node == node; });
    };
    if (known.newest().index != 0)
        for (const NodeId node : formation.primary.cluster)
            if (!is_here(node)) formation.view.departed.push_back({node, some_life});
    Position start;
    for (const auto& [member, state] : formation.states) {
        start.index = std::max(start.index, state.total.index);
        if (!blank(state.history) && contains(known.newest().nodes, member.node))
            formation.holders.push_back(member);
    }
    if (formation.holders.empty())
        for (const auto& [member, state] : formation.states)
            formation.holders.push_back(member);
    formation.base = after_formation(start, formation.view.ring, formation.primary.index);
}

std::vector<NodeId> nodes_of(const std::vector<ProcessorId>& processors) {
    std::vector<NodeId> nodes;
    for (const ProcessorId& processor : processors)
        nodes.push_back(processor.node);
    return nodes;
}

// Every list that one of the members goes by, once.
std::vector<std::vector<NodeId>> clusters_of(const States& states) {
    std::vector<std::vector<NodeId>> clusters;
    for (const auto& [member, state] : states)
        if (!contains(clusters, state.cluster.nodes)) clusters.push_back(state.cluster.nodes);
    return clusters;
}

// Those who vote are of the cluster; a stranger may be on the ring, and hold the state.
void count_voters(Formation& formation) {
    const std::vector<NodeId>& cluster = formation.primary.cluster;
    formation.primary.nodes = nodes_of(formation.holders);
    std::erase_if(formation.primary.nodes, [&](NodeId node) { return !contains(cluster, node); });
    if (formation.primary.nodes.empty()) formation.primary.nodes = nodes_of(formation.holders);
}

// What all members go by becomes the cluster with the component itself, if it may.
void agree_on_cluster(Formation& formation) {
    const ClusterList& first = formation.states.begin()->second.cluster;
    const bool same = std::ranges::all_of(
        formation.states, [&](const auto& entry) { return entry.second.cluster == first; });
    if (!same || first.nodes == formation.primary.cluster) return;
    std::vector<ProcessorId> members;
    for (const auto& [member, state] : formation.states)
        members.push_back(member);
    if (obstacle_to(first.nodes, members) == ClusterObstacle::none)
        formation.primary.cluster = first.nodes;
}

void compare_views(Formation& formation, const std::vector<ProcessorId>& previous) {
    View& view = formation.view;
    for (const auto& [member, state] : formation.states) {
        view.members.push_back(member);
        if (!contains(previous, member) || contains(formation.joiners, member))
            view.joined.push_back(member);
    }
    for (const ProcessorId& member : previous) {
        if (formation.states.contains(member)) continue;
        view.departed.push_back(member);
        const bool goodbye = std::ranges::any_of(formation.states, [&](const auto& entry) {
            return contains(entry.second.left, member);
        });
        if (goodbye) view.left.push_back(member);
    }
}

} // namespace

Summary Formation::summary_of(const ProcessorId& member, ServiceId service) const {
    const StateReport& state = states.at(member);
    Summary summary{
        .member = member, .full = state.full && state.total.epoch >= newest, .content = {}};
    // Only a vote in a component says that its durable state was held.
    const Primary& last = state.history.last_primary;
    if (contains(newest_nodes, member.node) && !blank(state.history)) {
        summary.last_primary = newest;
        summary.component = newest_nodes;
    } else if (contains(last.nodes, member.node)) {
        summary.last_primary = last.index;
        summary.component = last.nodes;
    }
    if (const auto content = state.summaries.find(service); content != state.summaries.end())
        summary.content = content->second;
    return summary;
}

std::vector<Summary> Formation::summaries(ServiceId service) const {
    std::vector<Summary> all;
    for (const auto& [member, state] : states)
        all.push_back(summary_of(member, service));
    return all;
}

ClusterObstacle obstacle_to(const std::vector<NodeId>& wanted,
                            std::span<const ProcessorId> members) {
    for (const ProcessorId& member : members)
        if (!contains(wanted, member.node)) return ClusterObstacle::member_absent;
    return 2 * members.size() >= wanted.size() ? ClusterObstacle::none
                                               : ClusterObstacle::too_many_new;
}

Proposal propose(const Grounds& grounds, const RingId& ring, States states) {
    std::vector<NodeId> members;
    std::vector<History> histories;
    for (const auto& [member, state] : states) {
        members.push_back(member.node);
        histories.push_back(state.history);
    }
    const bool under_lock = grounds.witness && !blank(*grounds.witness);
    if (under_lock) {
        members.push_back(witness_node);
        histories.push_back(*grounds.witness);
    }
    Proposal proposal{.verdict = under_lock
                                     ? judge_under_lock(members, histories)
                                     : judge(grounds.rule, clusters_of(states), members, histories),
                      .known = pool(members, histories),
                      .formation = {}};
    if (!proposal.verdict.eligible) return proposal;

    Formation& formation = proposal.formation;
    formation.states = std::move(states);
    formation.view.ring = ring;
    formation.primary.index = proposal.verdict.next_index;
    formation.newest = proposal.known.newest().index;
    formation.newest_nodes = proposal.known.newest().nodes;
    formation.primary.cluster = proposal.known.newest().cluster;
    if (formation.primary.cluster.empty())
        formation.primary.cluster = formation.states.begin()->second.cluster.nodes;
    const auto donor = donor_of(formation.states, formation.newest);
    std::vector<ProcessorId> previous;
    if (donor != formation.states.end()) {
        continue_order(formation, donor);
        previous = donor->second.view;
    } else {
        start_anew(formation, proposal.known);
    }
    count_voters(formation);
    agree_on_cluster(formation);
    if (mutated(Mutant::joiner_votes_at_once)) {
        formation.primary.nodes = members;
        std::erase(formation.primary.nodes, witness_node);
    }
    compare_views(formation, previous);
    formation.view.epoch = formation.primary.index;
    formation.view.primary = true;
    formation.view.fresh = formation.fresh;
    return proposal;
}

} // namespace statedb
