#include "statedb/host.h"

#include "base/mutant.h"
#include "statedb/host_state.h"

#include <algorithm>

namespace statedb {

std::string describe(HostPhase phase) {
    switch (phase) {
    case HostPhase::waiting:
        return "waiting";
    case HostPhase::no_quorum:
        return "no quorum";
    case HostPhase::forming:
        return "forming";
    case HostPhase::syncing:
        return "syncing";
    case HostPhase::active:
        return "active";
    }
    return "?";
}

Host::State::State(HostSettings settings_given,
                   History stored,
                   std::span<StateMachine* const> services_given)
    : settings(std::move(settings_given)), services(services_given.begin(), services_given.end()),
      history(std::move(stored)), replica(settings.self, services_given) {
    std::ranges::sort(services, {}, &StateMachine::id);
    std::ranges::sort(settings.nodes);
    cluster_status.agreed = history.last_primary.cluster;
    std::ranges::copy_if(services, std::back_inserter(free_services),
                         [](const StateMachine* machine) { return !machine->needs_quorum(); });
}

// -- outgoing -----------------------------------------------------------------------------------

void Host::State::submit(ServiceId service, Bytes payload, Service guarantee) {
    const bool free =
        std::ranges::find(free_services, service, &StateMachine::id) != free_services.end();
    const Envelope envelope{.service = service,
                            .ordered = !free,
                            .number = free ? 0 : ++last_number,
                            .content = std::move(payload)};
    outgoing.push(free ? Outgoing::Lane::free : Outgoing::Lane::ordered, wrap(envelope), guarantee);
}

void Host::State::say(decltype(HostMessage::content) content, Service guarantee) {
    const HostMessage message{.ring = component->ring, .content = std::move(content)};
    outgoing.push(Outgoing::Lane::host,
                  wrap({.service = ServiceId::host,
                        .ordered = false,
                        .number = 0,
                        .content = encode(message)}),
                  guarantee);
}

// Answers the number of the record that will hold what is in the history now.
std::uint64_t Host::State::store_history() {
    history_changed = true;
    return records_given + 1;
}

HostPhase Host::State::phase() const {
    return component && component->regular() ? component->phase : HostPhase::waiting;
}

// -- configurations -----------------------------------------------------------------------------

// Whatever the last configuration did not finish is void: messages to its ring, transfers, and an
// attempt of which not even all CREATEs reached us. For had anybody formed it, he had all CREATEs
// delivered as safe in the regular configuration, and so we had them by now (P18).
void Host::State::close_component() {
    outgoing.forget_host_messages();
    if (!component) return;
    if (component->round && !component->round_complete()) {
        history = without_attempt(std::move(history), component->round->primary.index,
                                  std::move(component->round->attempts_before));
        store_history();
    }
    give_up_queue();
    component.reset();
}

void Host::State::tell_free_services(const Configuration& configuration) {
    View view{.ring = configuration.ring,
              .epoch = replica.total().epoch,
              .primary = false,
              .members = configuration.members,
              .joined = {},
              .departed = {},
              .left = {},
              .fresh = false};
    // Those who did not come with us from the last configuration may have missed what was said
    // there, even if they were in it and are back.
    std::ranges::set_difference(view.members, companions, std::back_inserter(view.joined));
    std::ranges::set_difference(previous_members, companions, std::back_inserter(view.departed));
    std::ranges::copy_if(view.departed, std::back_inserter(view.left),
                         [&](const ProcessorId& gone) { return left.contains(gone); });
    previous_members = configuration.members;
    companions.clear();
    for (StateMachine* machine : free_services)
        machine->configured(view, *this);
}

void Host::State::enter_configuration(const Configuration& configuration) {
    close_component();
    if (settings.has_witness) permitted = false; // it knows nothing of what we are about to try
    tell_free_services(configuration);
    component.emplace();
    component->ring = configuration.ring;
    component->members = configuration.members;

    std::vector<NodeId> nodes;
    std::vector<History> histories;
    for (std::size_t i = 0; i < configuration.members.size(); ++i) {
        nodes.push_back(configuration.members[i].node);
        // Whoever it was before, this one is here.
        std::erase_if(left,
                      [node = nodes.back()](const ProcessorId& gone) { return gone.node == node; });
        const bool told = i < configuration.hints.size();
        histories.push_back(told ? decode_history(configuration.hints[i].span()).value_or(History{})
                                 : History{});
    }
    const Verdict verdict = judge(settings.rule, {&settings.nodes, 1}, nodes, histories);
    quorum = verdict.why;
    component->phase = verdict.eligible ? HostPhase::forming : HostPhase::no_quorum;
    if (!verdict.eligible) cut_off();

    StateReport report = replica.report();
    report.history = history;
    report.left.assign(left.begin(), left.end());
    report.has_witness = settings.has_witness;
    report.cluster = {settings.nodes, settings.nodes_digest};
    say(std::move(report), Service::safe);
}

void Host::State::cut_off() {
    if (!std::exchange(told_primary, false)) return;
    View view{.ring = component->ring,
              .epoch = replica.total().epoch,
              .primary = false,
              .members = component->members,
              .joined = {},
              .departed = {},
              .left = {},
              .fresh = false};
    replica.tell(view, *this);
}

// -- messages -----------------------------------------------------------------------------------

void Host::State::on_free(const Delivery& delivery, const Envelope& envelope) {
    const auto machine = std::ranges::find(free_services, envelope.service, &StateMachine::id);
    if (machine == free_services.end()) {
        ++malformed;
        return;
    }
    (*machine)->apply(
        {.sender = delivery.origin, .index = replica.green().index, .payload = envelope.content},
        *this);
}

void Host::State::on_ordered(const Delivery& delivery, const Envelope& envelope) {
    OrderedCommand command{.sender = delivery.origin,
                           .number = envelope.number,
                           .service = envelope.service,
                           .payload = envelope.content,
                           .at = {}};
    const bool ours = delivery.origin == settings.self;
    const bool counts = component && (component->formed || component->held);
    if (!counts) { // everybody sees that: the formation has its place in the order
        if (mutated(Mutant::applied_before_formed) && replica.full()) {
            replica.promote(*this);
            command.at = after_command(replica.total(), delivery);
            return replica.apply(command, *this);
        }
        if (ours) replica.refuse(command, *this);
        return;
    }
    if (component->transitional) {
        command.at = after_command(replica.total(), delivery);
        if (!replica.full()) {
            if (ours) replica.leave_undecided(command);
        } else if (mutated(Mutant::yellow_applied_at_once) && !component->held) {
            replica.apply(command, *this);
        } else {
            replica.hold(command);
        }
        return;
    }
    command.at = component->end = after_command(component->end, delivery);
    if (replica.full()) {
        replica.apply(command, *this);
    } else {
        component->queue_bytes += command.payload.size();
        component->queue.push_back(std::move(command));
    }
    compare_digests();
}

void Host::State::on_host(const Delivery& delivery, const HostMessage& message) {
    const bool here = component && message.ring == component->ring;
    const bool member = here && std::ranges::binary_search(component->members, delivery.origin);
    if (!member) return;
    // Only a CREATE has a meaning in a transitional configuration; for all else it is too late.
    const bool create = std::holds_alternative<Create>(message.content);
    if (component->transitional && !create) return;
    std::visit([&](const auto& content) { on(delivery.origin, content); }, message.content);
}

// -- the Host -----------------------------------------------------------------------------------

Host::Host(HostSettings settings, History stored, std::span<StateMachine* const> services)
    : state_(std::make_unique<State>(std::move(settings), std::move(stored), services)) {}

Host::~Host() = default;

void Host::deliver(Instant now, const Delivery& message) {
    State& s = *state_;
    s.time = now;
    const std::optional<Envelope> envelope = unwrap(message.payload);
    if (!envelope) {
        ++s.malformed;
        return;
    }
    if (envelope->ordered) {
        s.on_ordered(message, *envelope);
    } else if (envelope->service != ServiceId::host) {
        s.on_free(message, *envelope);
    } else if (const auto content = decode_host_message(envelope->content)) {
        s.on_host(message, *content);
    } else {
        ++s.malformed;
    }
    s.tell_when_ready();
}

void Host::configured(Instant now, const Configuration& configuration) {
    State& s = *state_;
    s.time = now;
    if (configuration.kind == Configuration::Kind::regular) {
        s.enter_configuration(configuration);
    } else if (s.component) {
        s.component->transitional = true;
        s.companions = configuration.members;
    }
}

void Host::interrupted(Instant now) {
    State& s = *state_;
    s.time = now;
    if (s.component) s.component->interrupted = true;
    for (StateMachine* machine : s.services)
        machine->interrupted(s);
}

void Host::noticed_leave(ProcessorId who) { state_->left.insert(who); }

void Host::history_stored(Instant now) {
    State& s = *state_;
    s.time = now;
    check(s.records_stored < s.records_given, "only a history that was given out is stored");
    ++s.records_stored;
    s.send_create();
}

void Host::tick(Instant now) {
    State& s = *state_;
    s.time = now;
    for (StateMachine* machine : s.services)
        machine->tick(s);
    s.tell_when_ready();
}

std::optional<Instant> Host::deadline() const {
    std::optional<Instant> first;
    for (const StateMachine* machine : state_->services)
        if (const auto deadline = machine->deadline(); deadline && (!first || *deadline < *first))
            first = deadline;
    return first;
}

Outbox& Host::outbox(Instant now) {
    state_->time = now;
    return *state_;
}

void Host::resign(Instant now) {
    State& s = *state_;
    s.time = now;
    if (std::exchange(s.resigning, true)) return;
    if (s.component && s.component->formed && s.component->regular())
        s.say(Goodbye{}, Service::agreed);
}

void Host::go_by(Instant now, ClusterList cluster) {
    State& s = *state_;
    s.time = now;
    std::ranges::sort(cluster.nodes);
    s.settings.nodes = std::move(cluster.nodes);
    s.settings.nodes_digest = cluster.digest;
    if (s.component && s.component->regular())
        s.say(ClusterSaid{{s.settings.nodes, s.settings.nodes_digest}}, Service::agreed);
    s.note_cluster();
}

const ClusterStatus& Host::cluster() const { return state_->cluster_status; }

void Host::permit(Instant now, bool may) {
    State& s = *state_;
    s.time = now;
    s.permitted = may;
    if (!may && s.component && s.component->testified) s.component->outdated = true;
    s.send_create();
}

void Host::testify(Instant now, History witness) {
    State& s = *state_;
    s.time = now;
    if (!s.wants_testimony()) return;
    s.component->testified = true;
    s.say(Testimony{std::move(witness)}, Service::safe);
}

bool Host::resigned() const {
    const State& s = *state_;
    if (!s.resigning || !s.component || !s.component->regular()) return false;
    if (s.component->phase == HostPhase::no_quorum) return true;
    const std::vector<NodeId>& voters = s.component->voters;
    const NodeId self = s.settings.self.node;
    const bool voter = std::ranges::find(voters, self) != voters.end();
    return s.component->formed && (!voter || voters == std::vector{self});
}

const Host::Pending* Host::next_submission() const {
    return state_->outgoing.next(state_->active());
}

void Host::pop_submission() { state_->outgoing.pop(); }

bool Host::congested() const {
    const std::size_t queued = state_->component ? state_->component->queue_bytes : 0;
    return state_->outgoing.bytes() + queued > state_->settings.pending_bytes_max;
}

std::optional<History> Host::history_to_store() {
    if (!std::exchange(state_->history_changed, false)) return std::nullopt;
    ++state_->records_given;
    return state_->history;
}

HostStatus Host::status() const {
    const State& s = *state_;
    return {.phase = s.phase(),
            .epoch = s.history.last_primary.index,
            .applied = s.replica.green().index,
            .ring = s.component ? s.component->ring : RingId{},
            .members = s.component ? s.component->members : std::vector<ProcessorId>{},
            .quorum = s.quorum,
            .testimony_wanted = s.wants_testimony(),
            .testimony_counts = s.component && s.component->testified && !s.component->formed &&
                                (s.component->round || !s.component->judged),
            .attempt = s.attempt_to_witness(),
            .malformed = s.malformed};
}

std::optional<std::string> Host::take_alarm() {
    if (state_->alarms.empty()) return std::nullopt;
    std::string alarm = std::move(state_->alarms.front());
    state_->alarms.pop_front();
    return alarm;
}

} // namespace statedb
