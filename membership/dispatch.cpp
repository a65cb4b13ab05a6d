// Which packet means what in which state: the table of totem.md 5.4, in its order of tests. Each
// cell counts itself by its row (the comments name the rows); what a cell does is in the state's
// file.
#include "membership/protocol.h"
#include "totem/wire.h"

#include <fmt/format.h>

namespace membership {

void Protocol::on(const PacketArrived& arrived) {
    if (leaving_ && leaving_->next_at) return; // we are as good as gone
    if (arrived.from.node == self_.node) return own_node_spoke(arrived.from);
    if (arrived.type == PacketType::data) {
        auto data = decode_data(arrived.body);
        if (!data) return malformed();
        return packet(arrived.from, std::move(*data));
    }
    auto decoded = decode(arrived.type, arrived.body);
    if (!decoded) return malformed();
    std::visit([&](auto& content) { packet(arrived.from, std::move(content)); }, *decoded);
}

// Row 17, pitfall 44. Our own packet came back by a loop; or it is late, from a former life; or
// another process runs under our node number, newer than us: then we must not go on.
void Protocol::own_node_spoke(ProcessorId from) {
    drop(17);
    if (from.incarnation <= self_.incarnation) return;
    break_down(fmt::format("another process runs as node {} with the newer incarnation {} (ours is "
                           "{}): give each node its own number, or remove the older process",
                           from.node, from.incarnation, self_.incarnation));
}

// -- DATA: rows 1 to 8

void Protocol::packet(ProcessorId from, DataPacket&& data) {
    if (data.ring == installed_.id() && installed_.has_member(from)) {
        // A wrapped packet was consumed by the recovery that installed the ring: a copy that is
        // late repeats something we have, or is forged.
        if (!installed_.has_member(data.origin) || (data.wrapped && data.seq > installed_.my_aru()))
            return malformed();
        switch (phase()) {
        case Phase::operational:
            return operational_data(std::get<Operational>(state_), from, std::move(data));
        case Phase::gather: {
            const auto stored = installed_.receive(std::move(data));
            if (stored == Window::Stored::conflicting)
                return break_down("two packets carry one sequence number of our ring");
            return stored == Window::Stored::fresh ? count(1) : drop(2);
        }
        case Phase::commit: // frozen since our commit entry was filled
        case Phase::recovery:
            if (mutated(Mutant::installed_ring_not_frozen))
                (void)installed_.receive(std::move(data));
            return drop(holds(data.seq) ? 2 : 1);
        }
    }
    if (auto* at = std::get_if<Recovery>(&state_); at != nullptr && data.ring == at->ring.id())
        return recovery_data(*at, from, std::move(data));
    if (auto* at = std::get_if<Commit>(&state_); at != nullptr && data.ring == at->ring)
        return drop(data.wrapped ? 3 : 4); // nobody can be in Recovery with our second pass due
    foreign(from, data.ring);
}

// DATA or PROBE of another ring: rows 5 to 8.
void Protocol::foreign(ProcessorId from, const RingId& ring) {
    if (acquaintances_.outlived(from)) return drop(39);
    Acquaintance& who = acquaintance(from);
    if (ring.seq <= who.last_common) return drop(5);
    who.last_contact = now_;
    const bool in_attempt = phase() == Phase::commit || phase() == Phase::recovery;
    if (!verified(from)) {
        drop(8);
        return stranger_spoke(from, false);
    }
    if (incarnation_shown(from)) return;

    const bool member = installed_.has_member(from);
    if (member && ring.seq <= installed_.id().seq) return drop(5);
    const int row = member ? 6 : 7;
    if (in_attempt) return drop(row);
    const bool joining = phase() == Phase::gather && session_.proc_set.contains(from);
    if (joining) session_.heard.insert(from);
    if (joining && session_.fail_set.contains(from)) return drop(row);
    if (!member && !joining && suspicion_.doubts(from, now_)) return drop(8);

    count(row);
    if (phase() == Phase::operational) {
        if (!member) return call(from); // its JOIN begins the session, if it answers in time
        shift_to_gather(JoinReason::foreign, {from}, {});
        session_.heard.insert(from);
    } else if (!joining && add_processor(from)) {
        session_.heard.insert(from);
        sets_changed(std::get<Gather>(state_));
        check_consensus();
    }
}

// -- TOKEN: rows 9 to 12

// Only our predecessor passes us the token; on a ring of one nobody does.
void Protocol::packet(ProcessorId from, Token&& token) {
    if (token.ring == installed_.id() && ever_installed_) {
        if (from != installed_.predecessor()) return drop_malformed(9);
        if (auto* at = std::get_if<Operational>(&state_))
            return operational_token(*at, std::move(token));
        return drop(token.token_seq > installed_.last_token_seq() ? 9 : 10);
    }
    if (auto* at = std::get_if<Recovery>(&state_); at != nullptr && token.ring == at->ring.id()) {
        if (from != at->ring.predecessor()) return drop_malformed(11);
        return recovery_token(*at, std::move(token));
    }
    if (auto* at = std::get_if<Commit>(&state_); at != nullptr && token.ring == at->ring)
        return drop(11);
    drop(12);
}

// -- COMMIT: rows 19 to 22

void Protocol::packet(ProcessorId, CommitToken&& commit) {
    constexpr std::uint64_t ring_seq_jump_max = std::uint64_t{1} << 48; // 7.6
    if (commit.ring.seq > high_ring_seq_ + ring_seq_jump_max) return malformed();
    if (auto* at = std::get_if<Recovery>(&state_); at != nullptr && commit.ring == at->ring.id()) {
        if (commit.token_seq <= at->last_commit_seq) return drop(21);
        count(20);
        return commit_completed(*at, std::move(commit));
    }
    if (phase() == Phase::operational && commit.ring == installed_.id()) return drop(21);
    if (phase() == Phase::recovery || phase() == Phase::operational)
        return drop(acceptable(commit) ? 19 : 22);
    commit_arrived(std::move(commit));
}

// -- PROBE, HURRY, HOLD: rows 5 to 8, 33, 30, 31

void Protocol::packet(ProcessorId from, Probe&& probe) {
    if (probe.ring == installed_.id()) return drop(33);
    foreign(from, probe.ring);
}

void Protocol::packet(ProcessorId, Hurry&& hurry) {
    auto* at = std::get_if<Operational>(&state_);
    if (at == nullptr || hurry.ring != installed_.id()) return drop(30);
    count(30);
    hurried(*at, hurry);
}

void Protocol::packet(ProcessorId from, Hold&& hold) {
    auto* at = std::get_if<Operational>(&state_);
    if (at == nullptr || hold.ring != installed_.id() || !installed_.has_member(from))
        return drop(31);
    count(31);
    if (installed_.take_evidence(hold.token_seq)) at->retransmit_at.reset();
    if (at->token_loss_at) at->token_loss_at = now_ + settings_.token_loss_for(installed_.size());
}

// -- LEAVE: rows 34 and 35

void Protocol::packet(ProcessorId from, Leave&& leave) {
    if (leave.leaver != from) return malformed();
    if (!verified(from)) return drop(8);
    Acquaintance& who = acquaintance(from);
    if (std::exchange(who.gone, true)) return drop(35); // one of its three copies
    suspicion_.flapped(from.node, now_);
    const bool ours = installed_.has_member(from) ||
                      (phase() != Phase::operational && session_.proc_set.contains(from));
    if (!ours) return drop(35);
    count(34);
    departed(from, JoinReason::leave);
}

// -- those who are certainly gone

void Protocol::departed(ProcessorId id, JoinReason why) {
    switch (phase()) {
    case Phase::operational:
        if (!installed_.has_member(id)) return;
        shift_to_gather(why, {}, {id});
        break;
    case Phase::gather:
        if (!add_failed(id)) return;
        sets_changed(std::get<Gather>(state_));
        break;
    case Phase::commit:
    case Phase::recovery:
        if (!session_.candidates().contains(id)) return;
        shift_to_gather(why, {}, {id});
        break;
    }
    session_.departed.insert(id);
    if (phase() == Phase::gather) check_consensus();
}

// Row 39, the incarnation rule of 5.3.
bool Protocol::incarnation_shown(ProcessorId id) {
    if (id.node == self_.node) {
        if (id.incarnation <= self_.incarnation) return false;
        break_down(fmt::format("the others know incarnation {} of node {}, ours is only {}: this "
                               "is an old state directory, or a second process with our number",
                               id.incarnation, id.node, self_.incarnation));
        return true;
    }
    const ProcessorId before = acquaintances_.newest_of(id.node);
    if (!acquaintances_.saw(id)) return false;
    if (before != nobody) suspicion_.flapped(id.node, now_);

    const ProcessorId member = installed_.member_of(id.node);
    const bool replaces_member = member != nobody && member != id;
    if (phase() == Phase::operational) {
        if (!replaces_member) return false;
        count(39);
        const bool welcome = !suspicion_.refuses(id, now_);
        shift_to_gather(JoinReason::restarted, welcome ? Processors{id} : Processors{}, {member});
        session_.departed.insert(member);
        return true;
    }
    const bool in_session = fail_outlived();
    if (!in_session) return false;
    count(39);
    if (auto* at = std::get_if<Gather>(&state_)) {
        (void)add_processor(id);
        sets_changed(*at);
        check_consensus();
    } else {
        shift_to_gather(JoinReason::restarted, {id}, {});
    }
    return true;
}

} // namespace membership
