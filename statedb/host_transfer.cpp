// How members come to have equal state: transfer to joiners, and the comparison of digests that
// finds those who only believe they have it.
#include "base/mutant.h"
#include "statedb/host_state.h"

#include <fmt/format.h>

#include <algorithm>

namespace statedb {

namespace {

constexpr std::size_t alarms_max = 16; // nobody listens: the first ones tell the most

} // namespace

// -- donor --------------------------------------------------------------------------------------

// Saves the state as it is now, before anything else is applied. Joiners that lack the same get the
// same message.
void Host::State::send_states(const std::vector<ProcessorId>& targets, bool at_formation) {
    std::vector<std::pair<Bytes, std::vector<ProcessorId>>> transfers;
    for (const ProcessorId& target : targets) {
        Bytes content = replica.save([&](ServiceId service) {
            // A diverged replica's summary is as doubtful as its state: it lacks everything.
            return at_formation ? component->formation->summary_of(target, service)
                                : Summary{.member = target, .content = {}};
        });
        const auto same = std::ranges::find_if(
            transfers, [&](const auto& transfer) { return transfer.first == content; });
        if (same != transfers.end())
            same->second.push_back(target);
        else
            transfers.push_back({std::move(content), {target}});
    }
    for (auto& [content, joiners] : transfers)
        component->outgoing_state.start(std::move(joiners), component->end.index,
                                        std::move(content));
    send_chunks();
}

void Host::State::send_chunks() {
    while (const auto chunk = component->outgoing_state.next_chunk(settings.chunk_size))
        say(*chunk, Service::agreed);
}

// -- joiner -------------------------------------------------------------------------------------

void Host::State::receive_state(const ProcessorId& donor, bool at_formation) {
    Component& c = *component;
    cut_off();
    replica.lose_state();
    c.phase = HostPhase::syncing;
    c.entering = at_formation;
    c.ready_sent = false;
    give_up_queue();
    c.incoming_state.expect(donor, c.end.index);
}

// Our own commands among them are decided by the state that we load next.
void Host::State::give_up_queue() {
    for (const OrderedCommand& command : std::exchange(component->queue, {}))
        if (command.sender == settings.self) replica.leave_undecided(command);
    component->queue_bytes = 0;
}

void Host::State::on(const ProcessorId& from, const Chunk& chunk) {
    if (!component->formed) return;
    if (from == settings.self) {
        component->outgoing_state.delivered();
        send_chunks();
    } else if (component->phase == HostPhase::syncing) {
        if (const auto content = component->incoming_state.accept(from, settings.self, chunk))
            take_state(*content);
    }
}

void Host::State::take_state(const Bytes& content) {
    Component& c = *component;
    if (!replica.load(content, *this)) {
        alarms.push_back(
            fmt::format("the state that ring {} sent us cannot be read; this node takes "
                        "no part until the next configuration",
                        c.ring));
        return;
    }
    told_primary = true;
    c.phase = HostPhase::active;
    View view = c.formation->view;
    if (c.entering) {
        replica.enter(*c.formation, *this);
    } else { // the same component goes on: nobody came or went
        view.joined.clear();
        view.departed.clear();
        view.left.clear();
        replica.tell(view, *this);
    }
    for (const OrderedCommand& command : std::exchange(c.queue, {}))
        if (!mutated(Mutant::joiner_skips_queued_commands)) replica.apply(command, *this);
    c.queue_bytes = 0;
    replica.arrive(c.end); // the voters may have changed since the last command
}

void Host::State::tell_when_ready() {
    const bool primary = component && component->formed && active();
    if (!primary || component->ready_sent || component->ready.contains(settings.self)) return;
    if (!replica.settled()) return;
    component->ready_sent = true;
    say(StateHeld{}, Service::agreed);
}

// -- digests ------------------------------------------------------------------------------------

void Host::State::compare_digests() {
    Component& c = *component;
    if (settings.digest_interval == 0 || c.end.index % settings.digest_interval != 0) return;
    c.digests.open(c.end.index, c.ready);
    if (active() && c.ready.contains(settings.self))
        say(Digests{.index = c.end.index, .digests = replica.digests()}, Service::agreed);
}

void Host::State::on(const ProcessorId& from, const Digests& report) {
    if (!component->formed) return;
    if (const auto divergence = component->digests.report(from, report)) heal(*divergence);
}

// The minority loads the majority's state. So does everybody who has not got it yet: his donor may
// be one of the minority.
void Host::State::heal(const Divergence& divergence) {
    Component& c = *component;
    for (const ProcessorId& member : divergence.diverged) {
        c.ready.erase(member);
        if (alarms.size() < alarms_max)
            alarms.push_back(fmt::format(
                "the replica of node {} differs from that of node {} after "
                "command {} in {} services; it loads the state anew",
                member, divergence.model, divergence.index, divergence.services.size()));
    }
    c.outgoing_state = {};
    std::vector<ProcessorId> targets;
    std::ranges::set_difference(c.members, c.ready, std::back_inserter(targets));
    if (divergence.model == settings.self)
        send_states(targets, false);
    else if (std::ranges::binary_search(targets, settings.self))
        receive_state(divergence.model, false);
    change_voters();
}

} // namespace statedb
