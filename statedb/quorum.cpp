#include "statedb/quorum.h"

#include "base/mutant.h"

#include <fmt/format.h>

#include <algorithm>

namespace statedb {

namespace {

bool contains(const std::vector<NodeId>& sorted, NodeId node) {
    return std::ranges::binary_search(sorted, node);
}

// The component's nodes and what they remember, side by side.
struct Assembly {
    std::span<const NodeId> members;
    std::span<const History> histories;

    [[nodiscard]] const History& history_of(std::size_t member) const {
        static const History none;
        return member < histories.size() ? histories[member] : none;
    }
};

bool ask_for_the_same_votes(const Primary& one, const Primary& other) {
    return one.nodes == other.nodes && one.cluster == other.cluster;
}

// A later attempt replaces an earlier one in a history that asks for the same votes, so it is a
// trace of both.
bool has_trace(const History& history, const Primary& attempt) {
    return std::ranges::any_of(history.attempts, [&](const Primary& mine) {
        return mine.index >= attempt.index && ask_for_the_same_votes(mine, attempt);
    });
}

// A node stores an attempt before it sends the CREATE without which nobody can form it. So a node
// of the attempt that was in no later primary component and has no trace of it, or gave it up,
// proves that it was not formed and never will be.
bool disproved(const Primary& attempt, const Assembly& here) {
    for (std::size_t i = 0; i < here.members.size(); ++i) {
        const History& history = here.history_of(i);
        if (contains(attempt.nodes, here.members[i]) && !blank(history) &&
            history.last_primary.index < attempt.index && !has_trace(history, attempt))
            return true;
    }
    return false;
}

enum class Blanks : std::uint8_t { vote, abstain };

struct Count {
    std::size_t votes = 0;
    bool enough = false;
};

// More than half, an exact half if it has the lowest node; or everybody, whatever they remember.
Count count_votes(const Primary& primary, const Assembly& here, Blanks blanks) {
    Count count;
    std::size_t present = 0;
    bool lowest = false;
    for (std::size_t i = 0; i < here.members.size(); ++i) {
        const NodeId node = here.members[i];
        if (!contains(primary.nodes, node)) continue;
        ++present;
        if (blanks == Blanks::abstain && blank(here.history_of(i))) continue;
        ++count.votes;
        lowest |= node == primary.nodes.front();
    }
    const std::size_t size = primary.nodes.size();
    const bool half = 2 * count.votes == size && (lowest || mutated(Mutant::quorum_counts_half));
    count.enough = 2 * count.votes > size || half || present == size;
    return count;
}

struct Reason {
    bool enough = false;
    std::string why;
};

Reason majority_of_cluster(std::span<const NodeId> nodes, const Assembly& here) {
    std::size_t votes = 0;
    for (const NodeId node : nodes)
        votes += static_cast<std::size_t>(std::ranges::count(here.members, node));
    return {.enough = 2 * votes > nodes.size(),
            .why = fmt::format("{} of {} nodes of the cluster are here", votes, nodes.size())};
}

using Clusters = std::span<const std::vector<NodeId>>;

// Who does not go by the same list is not outvoted: of each there must be enough.
Reason majority_of_each(Clusters clusters, const Assembly& here) {
    Reason reason{.enough = false, .why = "no nodes of a cluster are known"};
    for (const std::vector<NodeId>& nodes : clusters) {
        reason = majority_of_cluster(nodes, here);
        if (!reason.enough) break;
    }
    return reason;
}

// The static rule counts the nodes that were agreed upon last; while it is unknown whether others
// were since, those as well: a majority of either list may have acted (docs/adr/0021).
Reason static_vote(Clusters clusters, const Assembly& here) {
    const Knowledge known = pool(here.members, here.histories);
    const std::vector<NodeId>& agreed = known.last.cluster;
    Reason reason =
        agreed.empty() ? majority_of_each(clusters, here) : majority_of_cluster(agreed, here);
    if (mutated(Mutant::attempt_ignored)) return reason;
    for (const Primary& attempt : known.open) {
        if (!reason.enough || attempt.cluster.empty() || attempt.cluster == agreed) continue;
        const Reason other = majority_of_cluster(attempt.cluster, here);
        if (!other.enough)
            reason = {.enough = false,
                      .why = fmt::format("{}, but only {} if the change {} of the cluster counts",
                                         reason.why, other.why, attempt.index)};
    }
    return reason;
}

Reason linear_vote(Clusters clusters, const Assembly& here) {
    const Knowledge known = pool(here.members, here.histories);
    Reason reason;
    if (known.last.index == 0) {
        reason = majority_of_each(clusters, here);
        reason.why += ", and none of them was in a primary component yet";
    } else {
        const Count count = count_votes(known.last, here, Blanks::abstain);
        reason = {.enough = count.enough,
                  .why = fmt::format("{} of {} of primary component {} are here", count.votes,
                                     known.last.nodes.size(), known.last.index)};
    }
    if (mutated(Mutant::attempt_ignored)) return reason;
    for (const Primary& attempt : known.open) {
        const Count count = count_votes(attempt, here, Blanks::vote);
        if (!reason.enough || count.enough) continue;
        reason = {.enough = false,
                  .why = fmt::format("{}, but only {} of {} of component {}, which may have formed",
                                     reason.why, count.votes, attempt.nodes.size(), attempt.index)};
    }
    if (reason.enough && known.open.size() >= attempts_max)
        reason = {.enough = false,
                  .why = fmt::format("{} attempts to form a component have an unknown outcome",
                                     known.open.size())};
    return reason;
}

std::uint64_t greatest_index(std::span<const History> histories) {
    std::uint64_t greatest = 0;
    for (const History& history : histories) {
        greatest = std::max({greatest, history.last_primary.index, history.given_up});
        for (const Primary& attempt : history.attempts)
            greatest = std::max(greatest, attempt.index);
    }
    return greatest;
}

// Those of a component who were in it and remember it.
std::size_t count_heirs(const Primary& primary, const Assembly& here) {
    std::size_t heirs = 0;
    for (std::size_t i = 0; i < here.members.size(); ++i)
        if (contains(primary.nodes, here.members[i]) && !blank(here.history_of(i))) ++heirs;
    return heirs;
}

} // namespace

bool blank(const History& history) {
    return history.last_primary.index == 0 && history.attempts.empty();
}

Knowledge pool(std::span<const NodeId> members, std::span<const History> histories) {
    const Assembly here{members, histories};
    Knowledge known;
    for (const History& history : histories)
        if (history.last_primary.index > known.last.index) known.last = history.last_primary;
    for (const History& history : histories)
        for (const Primary& attempt : history.attempts)
            if (attempt.index > known.last.index && !attempt.nodes.empty() &&
                !disproved(attempt, here))
                known.open.push_back(attempt);
    std::ranges::sort(known.open, {}, [](const Primary& attempt) {
        return std::pair(attempt.index, attempt.nodes);
    });
    known.open.erase(std::unique(known.open.begin(), known.open.end()), known.open.end());
    return known;
}

History with_attempt(History history, const Knowledge& known, Primary attempt) {
    std::erase_if(history.attempts, [&](const Primary& mine) {
        return ask_for_the_same_votes(mine, attempt) ||
               std::ranges::find(known.open, mine) == known.open.end();
    });
    history.attempts.push_back(std::move(attempt));
    return history;
}

History without_attempt(History history, std::uint64_t index, std::vector<Primary> before) {
    history.attempts = std::move(before);
    history.given_up = std::max(history.given_up, index);
    return history;
}

History witnessed(Primary attempt) {
    return {.last_primary = {}, .attempts = {std::move(attempt)}, .given_up = 0};
}

Verdict judge_under_lock(std::span<const NodeId> members, std::span<const History> histories) {
    const Primary newest = pool(members, histories).newest();
    const std::size_t heirs = count_heirs(newest, {members, histories});
    return {.eligible = heirs > 0,
            .next_index = greatest_index(histories) + 1,
            .why = fmt::format("{} of {} of component {} are here, and the cluster lock", heirs,
                               newest.nodes.size(), newest.index)};
}

Verdict judge(QuorumRule rule,
              std::span<const std::vector<NodeId>> clusters,
              std::span<const NodeId> members,
              std::span<const History> histories) {
    const Assembly here{members, histories};
    Reason reason =
        rule == QuorumRule::majority ? static_vote(clusters, here) : linear_vote(clusters, here);
    return {.eligible = reason.enough,
            .next_index = greatest_index(histories) + 1,
            .why = std::move(reason.why)};
}

} // namespace statedb
