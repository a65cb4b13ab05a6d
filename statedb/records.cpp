#include "base/mutant.h"
#include "statedb/records_impl.h"

#include <algorithm>

namespace statedb {

using namespace record_command;

Records::Records(RecordSettings settings) : state_(std::make_unique<State>(settings)) {}

Records::~Records() = default;

// -- requests

void Records::want(const RecordName& record, Outbox& out) {
    state_->notice_time(out);
    state_->locals[record].wanted = true;
    state_->pursue(record, out);
}

void Records::unwant(const RecordName& record) {
    if (const auto at = state_->locals.find(record); at != state_->locals.end())
        at->second.wanted = false;
    state_->tidy(record);
}

// Asks for a wanted record if nothing that was done already will bring it.
void Records::State::pursue(const RecordName& record, Outbox& out) {
    Local& local = locals[record];
    if (!local.wanted || local.claimed || !active() || leaving) return;
    if (local.phase == Phase::taking) return; // TakeOver answers everybody
    if (local.phase == Phase::giving && local.giving_to != nobody) return; // then we ask him
    const Directory::Entry* const entry = directory.find(record);
    if (entry != nullptr) {
        const Directory::Queue& waiting = directory.waiting(record);
        if (std::ranges::find(waiting, settings.self) != waiting.end()) return;
        if (local.phase == Phase::sharing || local.phase == Phase::delegating) return; // not yet
        if (local.phase == Phase::held && holding(record) && !is_shared(record)) {
            local.wanted = false;
            emit(Ready{record});
            tidy(record);
            return;
        }
        if (may_ask(record)) return ask(record, out);
    }
    // A record that nobody has is created, and of that nothing is left elsewhere if we are cut off:
    // so it is ordered safe. Then the others know of it before we act, and wait for our notice.
    // For a record that exists they wait for its owner's anyway.
    claim(record, entry == nullptr, out);
}

void Records::State::claim(const RecordName& record, bool create, Outbox& out) {
    const bool safe = create && !mutated(Mutant::created_before_safe);
    const auto move = moves.find(record);
    const Grant given = move != moves.end() ? move->second.grant : 0;
    Local& local = locals[record];
    local.claimed = true;
    local.asked = false;
    local.attempts = 0;
    Grant held = local.phase != Phase::lacking ? holding(record).value_or(0) : 0;
    if (held == 0 && move != moves.end() && move->second.to == settings.self)
        held = given; // lost for the directory, which has not heard that it came to us
    send(Claim{record, create, given, held}, out, safe ? Service::safe : Service::agreed);
}

void Records::State::renew(const RecordName& record, Outbox& out) {
    const Local& local = locals[record];
    const bool idle = local.phase == Phase::held && !local.claimed;
    if (local.renew && idle && active() && holding(record)) claim(record, false, out);
}

void Records::read(const RecordName& record, std::uint64_t ticket, Outbox& out) {
    state_->notice_time(out);
    state_->reads[ticket] = {record, nobody, false};
    state_->send_read(ticket, out);
}

void Records::read_and_keep(const RecordName& record, std::uint64_t ticket, Outbox& out) {
    state_->notice_time(out);
    state_->reads[ticket] = {record, nobody, true};
    state_->send_read(ticket, out);
}

void Records::State::send_read(std::uint64_t ticket, Outbox& out) {
    if (!active()) return; // resume() sends it
    const PendingRead& read = reads.at(ticket);
    send(Read{read.record, ticket, read.keep}, out);
}

void Records::State::read_again(const RecordName& record, Outbox& out) {
    for (const auto& [ticket, read] : reads)
        if (read.record == record && read.asked == nobody) send_read(ticket, out);
}

void Records::vacuum(std::span<const RecordName> candidates, Outbox& out) {
    state_->notice_time(out);
    if (!state_->active()) return;
    for (const RecordName& record : candidates) {
        const auto grant = state_->holding(record);
        if (!grant || !state_->directory.waiting(record).empty()) continue;
        if (state_->is_shared(record)) continue; // then it is not empty
        State::Local& local = state_->locals[record];
        if (local.phase != Phase::held || local.wanted) continue;
        local.phase = Phase::retiring;
        local.grant = *grant;
        state_->emit(Retire{record, *grant});
    }
}

void Records::drop(DatabaseId db, Outbox& out) { state_->send(Drop{db}, out); }

std::vector<RecordEffect> Records::take_effects() { return std::exchange(state_->effects, {}); }

// Forgets what is as if it had never been, so that locals holds only what goes on.
void Records::State::tidy(const RecordName& record) {
    const auto at = locals.find(record);
    if (at == locals.end()) return;
    const Local& local = at->second;
    if (local.wanted || local.claimed || local.renew || local.phase != Phase::held) return;
    if (local.asking.empty()) locals.erase(at);
}

// -- commands at their place in the order

void Records::apply(const Command& command, Outbox& out) {
    state_->notice_time(out);
    const std::optional<Any> decoded = decode(command.payload);
    if (!decoded) return; // of a later version, or nonsense: on every member alike
    std::visit([&](const auto& known) { state_->on(command.sender, known, out); }, *decoded);
    state_->part();
    state_->search_on(out);
}

void Records::State::on(ProcessorId sender, const Claim& command, Outbox& out) {
    if (sender == settings.self) locals[command.record].claimed = false;
    settle(directory.claim(command.record, {sender, command.create, command.given, command.held}),
           out);
    pass_on(command.record);
    if (sender == settings.self) {
        // It may have had no effect: the entry went meanwhile (and it could not create one), or the
        // record came to us, and perhaps we gave it away since. Then ask again.
        renew(command.record, out);
        pursue(command.record, out);
        tidy(command.record);
    }
}

void Records::State::on(ProcessorId sender, const HandOff& command, Outbox& out) {
    settle(directory.hand_off(command.record, sender, command.grant, command.data), out);
}

void Records::State::on(ProcessorId sender, const Missing& command, Outbox& out) {
    for (const Owned& owned : command.records)
        settle(directory.missing(owned.record, sender, owned.grant), out);
}

void Records::State::on(ProcessorId sender, const Vacuum& command, Outbox& out) {
    for (const Owned& owned : command.records) {
        settle(directory.moved(owned.record, sender, owned.grant), out); // if it was not told yet
        const bool gone = directory.vacuum(owned.record, sender, owned.grant);
        if (gone) {
            forget_move(owned.record);
            pass_on_questions(owned.record);
            emit(Remove{owned.record});
        }
        const auto at = locals.find(owned.record);
        if (sender != settings.self || at == locals.end()) continue;
        Local& local = at->second;
        if (local.phase != Phase::retired || local.grant != owned.grant) continue;
        if (gone) {
            local.phase = Phase::held;
            tidy(owned.record);
        } else { // somebody came to wait for it: what he gets is empty
            local.phase = Phase::offered;
            send(HandOff{owned.record, owned.grant, {}}, out);
        }
    }
    if (sender == settings.self) {
        vacuum_sent = false;
        send_vacuum(out);
    }
}

void Records::State::on(ProcessorId, const Drop& command, Outbox& out) {
    directory.drop(command.db);
    forget_all_overtaken();
    std::erase_if(shared, [&](const auto& item) { return item.first.db == command.db; });
    emit(Wipe{command.db});
    const auto from = locals.lower_bound({command.db, {}});
    std::vector<RecordName> wanted;
    for (auto at = from; at != locals.end() && at->first.db == command.db; ++at) {
        at->second.phase = Phase::held;
        at->second.asked = false;
        at->second.asking.clear();
        wanted.push_back(at->first);
    }
    for (const RecordName& record : wanted) {
        pursue(record, out);
        tidy(record);
    }
    // Who was asked may have given it away, and then nobody has anything to say any more.
    for (auto& [ticket, read] : reads)
        if (read.record.db == command.db) {
            read.asked = nobody;
            send_read(ticket, out);
        }
}

void Records::State::on(ProcessorId sender, const Copies& command, Outbox& out) {
    settle(directory.copies(sender, command.copies), out);
    if (sender == settings.self) {
        report_sent = false;
        send_copies(out);
    }
}

void Records::State::on(ProcessorId, const NoticeOver& command, Outbox& out) {
    settle(directory.notice_over(command.who, command.epoch), out);
    forget_noticed();
}

void Records::State::on(ProcessorId sender, const Read& command, Outbox& out) {
    settle(directory.search(std::span{&command.record, 1}), out); // if it is lost
    const Directory::Entry* const entry = directory.find(command.record);
    const bool ours = sender == settings.self;
    const auto read = ours ? reads.find(command.ticket) : reads.end();
    if (read != reads.end() && read->second.record == command.record) {
        if (entry == nullptr) {
            emit(ReadAnswer{command.ticket, {}});
            reads.erase(read);
            return;
        }
        // From a lost record nobody answers; when it is found, read_again().
        read->second.asked = entry->lost() ? nobody : entry->owner();
    }
    // If it has left us outside of the order we are not the one to say what it is. Who has it tells
    // the order at once, and then the reader asks again.
    std::optional<Grant> grant = holding(command.record);
    if (mutated(Mutant::giver_reads_its_copy) && entry != nullptr && moves.contains(command.record))
        grant = moves.at(command.record).grant - 1;
    if (!grant) return;
    if (entry->owner() == settings.self && command.keep &&
        may_share(command.record, *grant, sender))
        share(sender, command, *grant);
    else if (entry->owner() == settings.self)
        emit(ReadLocal{command.record, *grant, sender, command.ticket});
    else
        tell({as_told(command.record, moves.at(command.record))}, out);
}

void Records::State::on(ProcessorId, const ReadReply& command, Outbox&) {
    if (command.reader == settings.self && reads.erase(command.ticket) != 0)
        emit(ReadAnswer{command.ticket, command.data});
}

// -- what follows from the directory's decisions

void Records::State::settle(const Directory::Outcome& outcome, Outbox& out) {
    // Who should have answered our reads cannot: they are asked again when the record is found.
    for (const RecordName& record : outcome.lost)
        for (auto& [ticket, read] : reads)
            if (read.record == record) read.asked = nobody;
    ask_for_copies(outcome.lost);
    for (const RecordName& record : outcome.revoked)
        drop_copy(record, out);
    for (const Directory::Moved& moved : outcome.moved)
        settle(moved, std::nullopt, out);
    for (const Directory::Granted& granted : outcome.granted)
        settle(granted, out);
    for (const RecordName& record : outcome.gone) {
        forget_move(record);
        pass_on_questions(record);
        emit(Remove{record}); // copies of those that could not be reckoned with, if any
        read_again(record, out);
        pursue(record, out);
        tidy(record);
    }
    for (const RecordName& record : outcome.freed)
        pass_on(record);
}

void Records::State::settle(const Directory::Granted& granted, Outbox& out) {
    Local& local = locals[granted.record];
    forget_move(granted.record);
    shared.erase(granted.record);
    local.phase = Phase::held; // whatever went on belonged to the ownership that ends here
    local.renew = false;
    asked.erase(asked.lower_bound({granted.record, 0}),
                asked.lower_bound({granted.record, granted.grant}));
    if (granted.owner == settings.self) {
        local.phase = Phase::taking;
        local.grant = granted.grant;
        local.wanted = local.asked = false;
        local.attempts = 0;
        emit(TakeOver{granted.record, granted.grant, granted.source, granted.data});
    } else {
        pursue(granted.record, out);
    }
    // Who was asked under the former grant may come to look for it only now, and find the new one.
    for (auto& [ticket, read] : reads)
        if (read.record == granted.record) read.asked = nobody;
    read_again(granted.record, out);
    pass_on_questions(granted.record);
    tidy(granted.record);
}

// Gives the record to the first that waits, once our own clients had their turn.
void Records::State::pass_on(const RecordName& record) {
    const std::optional<Grant> grant = active() ? holding(record) : std::nullopt;
    if (!grant) return;
    // Ourselves among them: a claim that was fulfilled outside of the order meanwhile.
    const Directory::Queue& waiting = directory.waiting(record);
    const auto next =
        std::ranges::find_if(waiting, [&](const ProcessorId& who) { return who != settings.self; });
    const auto at = locals.find(record);
    const bool past_the_order = next == waiting.end();
    if (past_the_order && (at == locals.end() || at->second.asking.empty())) return;
    if (directory.delegations().contains(record)) // until nobody reads it any more
        if (!mutated(past_the_order ? Mutant::delegated_given_past_the_order
                                    : Mutant::granted_before_revoked))
            return;
    Local& local = locals[record];
    if (local.phase != Phase::held) return;
    if (past_the_order) return begin_giving(record, local, *grant);
    local.phase = Phase::giving;
    local.giving_to = nobody;
    local.grant = *grant;
    emit(GiveAway{record, *grant, *next});
}

// What we were doing with a record when it was lost.
void Records::State::give_up(const RecordName& record) {
    const auto at = locals.find(record);
    if (at == locals.end()) return;
    at->second.phase = Phase::held;
    pass_on_questions(record);
    tidy(record);
}

void Records::State::ask_for_copies(std::span<const RecordName> lost) {
    if (!active()) return; // our files do not agree with the directory yet: reconcile_files() asks
    Report report;
    for (const RecordName& record : lost) {
        give_up(record);
        if (asked.insert({record, directory.find(record)->grant()}).second)
            report.records.push_back(record);
    }
    if (!report.records.empty()) emit(std::move(report));
}

// -- what is known

std::optional<RecordStatus> Records::find(const RecordName& record) const {
    const Directory::Entry* const entry = state_->directory.find(record);
    if (entry == nullptr) return std::nullopt;
    return RecordStatus{entry->owner(), entry->grant(), entry->lost(),
                        state_->directory.waiting(record)};
}

void Records::allow_for(Duration notice_period) { state_->settings.notice_period = notice_period; }

RecordsStatus Records::status() const {
    const Directory& directory = state_->directory;
    RecordsStatus status{
        directory.size(), directory.lost(), {}, state_->frozen, directory.last_grant()};
    for (const auto& [who, epoch] : directory.unnoticed())
        status.unnoticed.push_back(who);
    return status;
}

std::uint64_t Records::digest() const { return state_->directory.digest(); }

Bytes Records::save(const Summary&) const { return encode_state(state_->directory.save()); }

} // namespace statedb
