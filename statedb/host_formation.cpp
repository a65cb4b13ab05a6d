// How a configuration becomes a primary component, and how its voters change while it lasts
// (docs/adr/0002): STATE, attempt, CREATE, formed.
#include "base/mutant.h"
#include "statedb/host_state.h"

#include <algorithm>

namespace statedb {

// The last STATE comes at the same place in the order for everybody.
void Host::State::on(const ProcessorId& from, const StateReport& state) {
    Component& c = *component;
    if (c.states.size() == c.members.size()) return;
    c.states.insert_or_assign(from, state);
    c.said.insert_or_assign(from, state.cluster);
    if (c.states.size() == c.members.size()) try_to_form(std::nullopt);
}

// As the last STATE: at the same place in the order for everybody. Votes had their say when the
// STATEs were there; what the witness adds may overrule them either way.
void Host::State::on(const ProcessorId& from, const Testimony& testimony) {
    Component& c = *component;
    if (from != c.members.front() || c.states.size() < c.members.size() || !all_have_witnesses() ||
        std::exchange(c.judged, true))
        return;
    try_to_form(testimony.witness);
}

void Host::State::try_to_form(std::optional<History> witness) {
    Component& c = *component;
    const bool heard_witness = witness.has_value();
    Proposal proposal =
        propose({.rule = settings.rule, .witness = std::move(witness)}, c.ring, c.states);
    quorum = proposal.verdict.why;
    if (settings.has_witness && !all_have_witnesses()) {
        quorum = "not every node here has a witness configured";
        proposal.verdict.eligible = false;
    }
    if (!proposal.verdict.eligible) {
        c.phase = HostPhase::no_quorum;
        cut_off();
        note_cluster();
        return;
    }
    c.phase = HostPhase::forming;
    if (settings.has_witness && !heard_witness) return;
    c.known = std::move(proposal.known);
    c.formation = std::move(proposal.formation);
    start_round(c.formation->primary);
}

bool Host::State::all_have_witnesses() const {
    return settings.has_witness && std::ranges::all_of(component->states, [](const auto& entry) {
               return entry.second.has_witness;
           });
}

bool Host::State::wants_testimony() const {
    return component && component->regular() && component->members.front() == settings.self &&
           component->states.size() == component->members.size() && all_have_witnesses() &&
           !component->testified;
}

// Once it is on our disk: what the witness has seen nobody has forgotten.
std::optional<Primary> Host::State::attempt_to_witness() const {
    const bool waits = settings.has_witness && component && component->round &&
                       !component->round->create_sent && component->regular() &&
                       lacks_permission() && !component->outdated;
    if (!waits || component->round->record > records_stored) return std::nullopt;
    return component->round->primary;
}

// Every member stores the attempt before it says so: whoever sees all say so knows that none of
// them can forget it. All members, not only those who will vote: any component that could rival
// this one has one of them in it.
void Host::State::start_round(Primary primary) {
    if (!component->regular()) return; // our CREATE could not reach this ring any more
    Round& round = component->round.emplace();
    round.primary = primary;
    round.attempts_before = history.attempts;
    history = with_attempt(std::move(history), component->known, std::move(primary));
    round.record = store_history();
    send_create();
}

void Host::State::send_create() {
    if (!component || !component->round || !component->regular()) return;
    Round& round = *component->round;
    const bool stored = round.record <= records_stored || mutated(Mutant::attempt_not_stored);
    if (round.create_sent || !stored || lacks_permission()) return;
    round.create_sent = true;
    say(Create{round.primary.index}, Service::safe);
}

// Without the CREATE of its lowest member nothing forms.
bool Host::State::lacks_permission() const {
    const bool may = permitted && (!settings.has_witness || !component->outdated);
    return settings.permission_needed && !may && !component->formed &&
           component->members.front() == settings.self;
}

void Host::State::on(const ProcessorId& from, const Create& create) {
    std::optional<Round>& round = component->round;
    if (!round || create.index != round->primary.index) return;
    round->created.insert(from);
    if (!component->round_complete()) return;
    if (component->transitional && !mutated(Mutant::create_accepted_in_transitional))
        hold_round();
    else
        finish_round();
}

// Somebody may have had the last CREATE in the regular configuration and may have acted since: what
// is delivered from here on may count. The attempt stays in our history.
void Host::State::hold_round() {
    Component& c = *component;
    if (c.formed) { // only the voters were to change
        if (replica.full()) replica.hold_renumbering(c.ring, c.round->primary.index);
        return;
    }
    c.held = true;
    if (joining())
        replica.lose_state();
    else
        replica.hold_formation(*c.formation);
}

void Host::State::finish_round() {
    Component& c = *component;
    history = {.last_primary = c.round->primary, .attempts = {}};
    store_history();
    c.voters = history.last_primary.nodes;
    c.cluster = history.last_primary.cluster;
    c.known = {};
    c.round.reset();
    note_cluster();
    if (!c.formed) return form();
    c.end = after_formation(c.end, c.ring, history.last_primary.index);
    if (replica.full()) replica.arrive(c.end);
    change_voters(); // somebody may have become ready meanwhile
}

bool Host::State::joining() const {
    return std::ranges::binary_search(component->formation->joiners, settings.self);
}

void Host::State::form() {
    Component& c = *component;
    const Formation& formation = *c.formation;
    c.formed = true;
    c.end = formation.base;
    c.ready = {formation.holders.begin(), formation.holders.end()};
    if (joining()) {
        receive_state(formation.donor, true);
    } else {
        if (!formation.fresh) replica.promote(*this);
        if (formation.donor == settings.self) send_states(formation.joiners, true);
        told_primary = true;
        c.phase = HostPhase::active;
        replica.enter(formation, *this);
    }
    if (resigning) say(Goodbye{}, Service::agreed);
}

void Host::State::on(const ProcessorId& from, const StateHeld&) {
    if (!component->formed) return;
    component->ready.insert(from);
    change_voters();
}

void Host::State::on(const ProcessorId& from, const Goodbye&) {
    if (!component->formed) return;
    component->leaving.insert(from);
    change_voters();
}

void Host::State::on(const ProcessorId& from, const ClusterSaid& said) {
    component->said.insert_or_assign(from, said.cluster);
    note_cluster();
    change_voters();
}

// One change at a time: the end of a round comes back here.
void Host::State::change_voters() {
    Component& c = *component;
    if (c.round || !c.formed) return;
    const bool agreed =
        obstacle() == ClusterObstacle::none && !c.said.begin()->second.nodes.empty();
    std::vector<NodeId> cluster = agreed ? c.said.begin()->second.nodes : c.cluster;
    std::vector<NodeId> voters = voters_to_be(cluster);
    if (voters.empty() || (voters == c.voters && cluster == c.cluster)) return;
    start_round(
        {.index = c.end.epoch + 1, .nodes = std::move(voters), .cluster = std::move(cluster)});
}

// Those vote who are of the cluster, hold the state and mean to stay; if nobody means to stay, one
// of them does.
std::vector<NodeId> Host::State::voters_to_be(const std::vector<NodeId>& cluster) const {
    const Component& c = *component;
    std::set<ProcessorId> able = c.ready;
    std::erase_if(able, [&](const ProcessorId& member) {
        return !std::ranges::binary_search(cluster, member.node);
    });
    if (able.empty()) able = c.ready; // a component of strangers, who have to be somebody's
    std::vector<NodeId> voters;
    for (const ProcessorId& member : able)
        if (!c.leaving.contains(member)) voters.push_back(member.node);
    if (voters.empty() && !able.empty()) voters.push_back(able.begin()->node);
    return voters;
}

// The same for every member: what was said and who votes have their places in the order.
ClusterObstacle Host::State::obstacle() const {
    const Component& c = *component;
    if (!c.formed || c.said.size() < c.members.size()) return ClusterObstacle::not_said;
    const ClusterList& first = c.said.begin()->second;
    for (const auto& [member, list] : c.said)
        if (list != first) return ClusterObstacle::differs;
    if (first.nodes == c.cluster) return ClusterObstacle::none;
    return obstacle_to(first.nodes, c.members);
}

void Host::State::note_cluster() {
    ClusterStatus now{.agreed = history.last_primary.cluster,
                      .obstacle = ClusterObstacle::not_said,
                      .changes = cluster_status.changes};
    // What we go by may not have had its place in the order yet.
    const ClusterList ours{settings.nodes, settings.nodes_digest};
    if (component)
        if (const auto said = component->said.find(settings.self);
            said != component->said.end() && said->second == ours)
            now.obstacle = obstacle();
    if (now == cluster_status) return;
    ++now.changes;
    cluster_status = std::move(now);
}

} // namespace statedb
