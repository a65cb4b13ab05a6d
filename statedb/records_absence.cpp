// Being cut off, having been away, and coming back: when our files must be frozen, when they agree
// with the directory again, and what is done anew when the order goes on
// (docs/adr/0003-records.md).
#include "base/mutant.h"
#include "statedb/records_impl.h"

#include <algorithm>

namespace statedb {

using namespace record_command;

// -- freezing

void Records::State::freeze() {
    freeze_at.reset();
    if (frozen || mutated(Mutant::cut_off_goes_on)) return;
    frozen = true;
    emit(Freeze{.for_good = leaving});
}

void Records::State::thaw() {
    if (!frozen || leaving) return;
    frozen = false;
    emit(Thaw{});
}

// Every call from outside passes here. We ask to be called every half freeze_after; if there was
// none for longer than that we were paused, and may be cut off without having noticed: freeze, and
// ask the order whether we are still in it.
void Records::State::notice_time(Outbox& out) {
    const Instant now = out.now();
    const bool paused = last_seen && now - *last_seen > settings.freeze_after;
    last_seen = now;
    if (!paused || !primary || frozen) return;
    freeze();
    probe(out, false);
}

void Records::interrupted(Outbox& out) {
    state_->notice_time(out);
    if (state_->primary && !state_->frozen && !state_->freeze_at)
        state_->freeze_at = out.now() + state_->settings.freeze_after;
}

void Records::tick(Outbox& out) {
    state_->notice_time(out);
    if (state_->freeze_at && *state_->freeze_at <= out.now()) state_->freeze();
    state_->ask_again(out);
    state_->tell_moves(out);
    state_->search_on(out);
    if (!state_->we_tell_notices()) return;
    for (const auto& [who, due] : state_->notice_due) {
        if (due > out.now() || !state_->notice_sent.insert(who).second) continue;
        state_->send(NoticeOver{who, state_->directory.unnoticed().at(who)}, out);
    }
}

std::optional<Instant> Records::deadline() const {
    std::optional<Instant> earliest = state_->freeze_at;
    const auto consider = [&](Instant at) {
        if (!earliest || at < *earliest) earliest = at;
    };
    if (state_->primary && !state_->frozen && state_->last_seen)
        consider(*state_->last_seen + state_->settings.freeze_after / 2);
    if (state_->we_tell_notices())
        for (const auto& [who, due] : state_->notice_due)
            if (!state_->notice_sent.contains(who)) consider(due);
    if (!state_->active()) return earliest;
    if (const auto due = state_->search_due()) consider(*due);
    if (!state_->questions_due.empty()) consider(state_->questions_due.begin()->first);
    if (state_->tell_at) consider(*state_->tell_at);
    if (!state_->tell_late.empty()) consider(state_->tell_late.front().first);
    return earliest;
}

// -- the notice periods of others

bool Records::State::we_tell_notices() const {
    return active() && !members.empty() && members.front() == settings.self;
}

void Records::State::watch_departed(const View& view, Outbox& out) {
    for (const ProcessorId& who : view.departed) {
        notice_due.erase(who);
        notice_sent.erase(who);
    }
    forget_noticed();
    for (const auto& [who, epoch] : directory.unnoticed())
        notice_due.try_emplace(who, out.now() + settings.notice_period);
}

void Records::State::forget_noticed() {
    const auto noticed = [&](ProcessorId who) { return !directory.unnoticed().contains(who); };
    std::erase_if(notice_due, [&](const auto& item) { return noticed(item.first); });
    std::erase_if(notice_sent, noticed);
}

// -- components

void Records::configured(const View& view, Outbox& out) {
    State& state = *state_;
    state.notice_time(out);
    state.ring = view.ring;
    state.members = view.members;
    state.primary = view.primary;
    state.forget_questions();
    if (mutated(Mutant::moves_forgotten)) state.moves.clear();
    if (!view.primary) {
        state.freeze();
        return;
    }
    state.freeze_at.reset();
    state.settle(state.directory.configured(view), out);
    state.watch_departed(view, out);
    // Who joined has loaded a state, and with it has skipped what we asked in its place.
    for (auto& [ticket, read] : state.reads)
        if (!std::ranges::binary_search(view.members, read.asked) ||
            std::ranges::find(view.joined, read.asked) != view.joined.end())
            read.asked = nobody;
    // Who froze may have stood still since, and this may be a component that the others have left.
    if (state.returned_awaited != 0)
        state.send_returned(out);
    else if (state.frozen)
        state.probe(out, false);
    else
        state.resume(out);
}

// Our Returned is behind every command of ours in the order: when it is delivered, nothing that we
// said before can still take effect. And it is safe: who has stood still with the token in his hand
// would hear himself in a ring that the others have left.
void Records::State::probe(Outbox& out, bool reconcile) {
    must_reconcile = must_reconcile || reconcile;
    returned_awaited = ++last_returned;
    returned_sent = false;
    send_returned(out);
}

void Records::State::send_returned(Outbox& out) {
    if (!primary || returned_sent) return;
    returned_sent = true;
    const bool alone = mutated(Mutant::own_word_believed);
    send(Returned{returned_awaited}, out, alone ? Service::agreed : Service::safe);
}

void Records::State::on(ProcessorId sender, const Returned& command, Outbox& out) {
    settle(directory.returned(sender), out);
    forget_noticed();
    if (sender != settings.self || command.number != returned_awaited) return;
    returned_awaited = 0;
    if (must_reconcile) {
        // What we claimed before has had its place by now, be it within the state we loaded.
        for (auto& [record, local] : locals)
            local.claimed = false;
        reconcile_files(out);
    }
    resume(out);
}

// Makes our files say what the directory says. What we own stays, and so does what we have offered
// for the recovery of a lost record; everything else may be of a history that did not happen. What
// moved outside of the order, and the directory does not know it yet, did happen.
void Records::State::reconcile_files(Outbox&) {
    must_reconcile = false;
    std::map<RecordName, Reconcile::Kept> kept;
    for (const RecordName& record : directory.owned_by(settings.self)) {
        const Grant grant = directory.find(record)->grant();
        if (directory.delegations().contains(record)) shared[record] = grant;
        kept[record] = {record, grant, true, is_shared(record)};
    }
    std::erase_if(shared, [this](const auto& item) { return !is_shared(item.first); });
    for (const RecordName& record : directory.sought())
        if (const auto rsn = directory.reported(record, settings.self))
            kept[record] = {record, *rsn, false, false};
    // Ours when we departed: what we have of them may be the newest, looked for already or not.
    for (const RecordName& record : directory.lost_by(settings.self))
        if (!mutated(Mutant::unsought_not_kept))
            kept[record] = {record, directory.find(record)->grant(), false, false};
    for (const auto& [record, move] : moves) {
        const bool given = move.to != settings.self;
        if (given && mutated(Mutant::given_record_kept)) continue;
        // What we gave away we had under the grant before.
        kept[record] = {record, given ? move.grant - 1 : move.grant, holding(record).has_value(),
                        false};
    }
    for (const auto& [record, grant] : std::exchange(unheard_of, {}))
        if (const auto* const entry = directory.find(record); entry && entry->lost())
            kept[record] = {record, grant, false, false};
    Reconcile reconcile;
    for (auto& [record, one] : kept)
        reconcile.kept.push_back(std::move(one));
    if (mutated(Mutant::return_unreconciled)) return;
    emit(std::move(reconcile));
}

// The order goes on and our files agree with it: do what could not be done meanwhile.
void Records::State::resume(Outbox& out) {
    thaw();
    std::vector<RecordName> lost;
    for (const auto& [record, local] : locals)
        if (const auto* const entry = directory.find(record); entry && entry->lost())
            lost.push_back(record);
    for (const RecordName& record : lost)
        give_up(record);
    ask_for_copies(directory.awaited_from(settings.self));
    drop_revoked_copies(out);
    send_refused(out);
    tell_moves_at_once(out);
    if (leaving) send(Bequest{}, out); // in case nobody has heard it: what is read is revoked
    std::vector<RecordName> wanted;
    for (const auto& [record, local] : locals)
        if (local.wanted || local.renew) wanted.push_back(record);
    for (const RecordName& record : wanted) {
        renew(record, out);
        pursue(record, out);
    }
    for (const auto& [record, queue] : directory.queues())
        pass_on(record);
    for (const auto& [ticket, read] : reads)
        if (read.asked == nobody) send_read(ticket, out);
    part();
    search_on(out);
}

// -- commands that did not count

void Records::refused(const Bytes& payload, Outbox& out) {
    state_->notice_time(out);
    const std::optional<Any> command = decode(payload);
    check(command.has_value(), "our own commands can be read");
    if (const auto* const claim = std::get_if<Claim>(&*command)) {
        state_->locals[claim->record].claimed = false;
        state_->renew(claim->record, out);
        state_->pursue(claim->record, out);
        state_->tidy(claim->record);
    } else if (const auto* const returned = std::get_if<Returned>(&*command)) {
        if (returned->number == state_->returned_awaited) state_->returned_sent = false;
        if (state_->returned_awaited != 0) state_->send_returned(out);
    } else if (const auto* const notice = std::get_if<NoticeOver>(&*command)) {
        state_->notice_sent.erase(notice->who);
    } else if (std::holds_alternative<Search>(*command)) {
        state_->piece.reset();
        state_->search_on(out);
    } else {
        state_->refused.push_back(payload);
        if (state_->active()) state_->send_refused(out);
    }
}

void Records::State::send_refused(Outbox& out) {
    for (const Bytes& payload : std::exchange(refused, {})) {
        const Any command = *decode(payload);
        if (still_meant(command))
            out.submit(ServiceId::records, payload, guarantee_of(command));
        else if (const auto* const bequest = std::get_if<Bequest>(&command))
            parting -= std::min(parting, bequest->records.size());
    }
    if (!vacuum_sent) send_vacuum(out);
    send_dropped(out);
}

bool Records::State::still_meant(const Any& command) const {
    const auto in_phase = [&](const Owned& owned, Phase phase) {
        const auto at = locals.find(owned.record);
        return at != locals.end() && at->second.phase == phase && at->second.grant == owned.grant;
    };
    return std::visit(
        Match{[&](const HandOff& hand_off) {
                  return in_phase({hand_off.record, hand_off.grant}, Phase::offered);
              },
              [&](const Missing& missing) {
                  return std::ranges::any_of(missing.records, [&](const Owned& owned) {
                      return in_phase(owned, Phase::lacking);
                  });
              },
              [&](const Bequest& bequest) {
                  return bequest.records.empty() ||
                         std::ranges::any_of(bequest.records, [&](const HandOff& one) {
                             return in_phase({one.record, one.grant}, Phase::offered);
                         });
              },
              [&](const Vacuum&) { return vacuum_sent; },
              [&](const Copies&) { return report_sent; },
              [&](const Delegate& delegate) {
                  return in_phase({delegate.record, delegate.grant}, Phase::delegating);
              },
              [&](const CopiesDropped&) { return dropped_sent; },
              [&](const Read& read) { return reads.contains(read.ticket); },
              [&](const auto&) { return true; }},
        command);
}

// -- state transfer

void Records::State::forget_phases() {
    for (auto& [record, local] : locals)
        local.phase = Phase::held, local.renew = false;
    forget_questions();
    forget_copies();
    std::erase_if(locals,
                  [](const auto& item) { return !item.second.wanted && !item.second.claimed; });
    for (auto& [ticket, read] : reads)
        read.asked = nobody;
    to_vacuum.clear();
    to_report.clear();
    asked.clear();
    vacuum_sent = false;
    report_sent = false;
    to_part.clear();
    parting = 0;
    piece.reset();
    search_hurries = false;
}

void Records::State::reload(Outbox& out) {
    freeze();
    forget_phases();
    probe(out, true);
}

bool Records::load(const Bytes& state, Outbox& out) {
    const std::optional<Directory::Saved> saved = decode_state(state);
    std::map<RecordName, Grant> had = state_->held_records();
    had.merge(state_->unheard_of);
    const std::uint64_t began = state_->directory.began();
    if (!saved || !state_->directory.load(*saved)) return false;
    if (state_->directory.began() == began) {
        state_->forget_all_overtaken();
        state_->keep_unheard_of(had, out);
    } else {
        state_->forget_all_moves();
    }
    state_->reload(out);
    return true;
}

// What was given to us, in the order or past it, when we alone heard of it before we were cut off:
// nobody has decided about the record since, so nobody has a newer copy.
void Records::State::keep_unheard_of(const std::map<RecordName, Grant>& had, Outbox& out) {
    unheard_of.clear();
    for (const auto& [record, grant] : had) {
        const Directory::Entry* const entry = directory.find(record);
        if (entry == nullptr || grant <= entry->grant() || moves.contains(record)) continue;
        if (ownership_of(grant) == ownership_of(entry->grant()))
            note_move(record, {grant, settings.self, {}, out.now()});
        else if (entry->lost())
            unheard_of[record] = grant;
    }
}

void Records::begin_epoch(std::span<const Summary>, Outbox& out) {
    state_->directory.clear();
    state_->forget_all_moves();
    state_->shared.clear();
    state_->reload(out);
    state_->emit(Wipe{});
}

} // namespace statedb
