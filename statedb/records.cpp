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
    const Directory::Entry* const entry = directory.find(record);
    if (entry != nullptr) {
        if (std::ranges::find(entry->waiting, settings.self) != entry->waiting.end()) return;
        if (!entry->lost && entry->owner == settings.self && local.phase == Phase::held) {
            local.wanted = false;
            emit(Ready{record});
            tidy(record);
            return;
        }
    }
    // A record that nobody has is created, and of that nothing is left elsewhere if we are cut off:
    // so it is ordered safe. Then the others know of it before we act, and wait for our notice.
    // For a record that exists they wait for its owner's anyway.
    const bool create = entry == nullptr;
    const bool safe = create && !mutated(Mutant::created_before_safe);
    local.claimed = true;
    send(Claim{record, create}, out, safe ? Service::safe : Service::agreed);
}

void Records::read(const RecordName& record, std::uint64_t ticket, Outbox& out) {
    state_->notice_time(out);
    state_->reads[ticket] = {record, nobody};
    state_->send_read(ticket, out);
}

void Records::State::send_read(std::uint64_t ticket, Outbox& out) {
    if (!active()) return; // resume() sends it
    send(Read{reads.at(ticket).record, ticket}, out);
}

void Records::State::read_again(const RecordName& record, Outbox& out) {
    for (const auto& [ticket, read] : reads)
        if (read.record == record && read.asked == nobody) send_read(ticket, out);
}

void Records::vacuum(std::span<const RecordName> candidates, Outbox& out) {
    state_->notice_time(out);
    if (!state_->active()) return;
    for (const RecordName& record : candidates) {
        const Directory::Entry* const entry = state_->directory.find(record);
        if (entry == nullptr || entry->lost || entry->owner != state_->settings.self) continue;
        State::Local& local = state_->locals[record];
        if (local.phase != Phase::held || local.wanted || !entry->waiting.empty()) continue;
        local.phase = Phase::retiring;
        local.grant = entry->grant;
        state_->emit(Retire{record, entry->grant});
    }
}

void Records::drop(DatabaseId db, Outbox& out) { state_->send(Drop{db}, out); }

std::vector<RecordEffect> Records::take_effects() { return std::exchange(state_->effects, {}); }

// Forgets what is as if it had never been, so that locals holds only what goes on.
void Records::State::tidy(const RecordName& record) {
    const auto at = locals.find(record);
    if (at == locals.end()) return;
    const Local& local = at->second;
    if (!local.wanted && !local.claimed && local.phase == Phase::held) locals.erase(at);
}

// -- commands at their place in the order

void Records::apply(const Command& command, Outbox& out) {
    state_->notice_time(out);
    const std::optional<Any> decoded = decode(command.payload);
    if (!decoded) return; // of a later version, or nonsense: on every member alike
    std::visit([&](const auto& known) { state_->on(command.sender, known, out); }, *decoded);
    state_->part();
}

void Records::State::on(ProcessorId sender, const Claim& command, Outbox& out) {
    if (sender == settings.self) locals[command.record].claimed = false;
    settle(directory.claim(command.record, sender, command.create), out);
    pass_on(command.record);
    if (sender == settings.self) {
        // The entry went while our claim was on its way (it could not create one): ask again.
        if (directory.find(command.record) == nullptr) pursue(command.record, out);
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
        const bool gone = directory.vacuum(owned.record, sender, owned.grant);
        if (gone) emit(Remove{owned.record});
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
    emit(Wipe{command.db});
    const auto from = locals.lower_bound({command.db, {}});
    std::vector<RecordName> wanted;
    for (auto at = from; at != locals.end() && at->first.db == command.db; ++at) {
        at->second.phase = Phase::held;
        wanted.push_back(at->first);
    }
    for (const RecordName& record : wanted) {
        pursue(record, out);
        tidy(record);
        read_again(record, out);
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
        read->second.asked = entry->lost ? nobody : entry->owner;
    }
    if (entry != nullptr && !entry->lost && entry->owner == settings.self)
        emit(ReadLocal{command.record, entry->grant, sender, command.ticket});
    (void)out;
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
    for (const Directory::Granted& granted : outcome.granted)
        settle(granted, out);
    for (const RecordName& record : outcome.gone) {
        emit(Remove{record}); // copies of those that could not be reckoned with, if any
        read_again(record, out);
        pursue(record, out);
        tidy(record);
    }
}

void Records::State::settle(const Directory::Granted& granted, Outbox& out) {
    Local& local = locals[granted.record];
    local.phase = Phase::held; // whatever went on belonged to the ownership that ends here
    std::erase_if(asked, [&](const auto& loss) {
        return loss.first == granted.record && loss.second < granted.grant;
    });
    if (granted.owner == settings.self) {
        local.phase = Phase::taking;
        local.grant = granted.grant;
        local.wanted = false;
        emit(TakeOver{granted.record, granted.grant, granted.source, granted.data});
    } else {
        pursue(granted.record, out);
    }
    // Who was asked under the former grant may come to look for it only now, and find the new one.
    for (auto& [ticket, read] : reads)
        if (read.record == granted.record) read.asked = nobody;
    read_again(granted.record, out);
    tidy(granted.record);
}

// Gives the record to the first that waits, once our own clients had their turn.
void Records::State::pass_on(const RecordName& record) {
    const Directory::Entry* const entry = directory.find(record);
    if (entry == nullptr || entry->lost || entry->owner != settings.self || !active()) return;
    if (entry->waiting.empty()) return;
    Local& local = locals[record];
    if (local.phase != Phase::held) return;
    local.phase = Phase::giving;
    local.grant = entry->grant;
    emit(GiveAway{record, entry->grant, entry->waiting.front()});
}

void Records::State::ask_for_copies(std::span<const RecordName> lost) {
    if (!active()) return; // our files do not agree with the directory yet: reconcile_files() asks
    Report report;
    for (const RecordName& record : lost) {
        locals[record].phase = Phase::held;
        tidy(record);
        if (asked.insert({record, directory.find(record)->grant}).second)
            report.records.push_back(record);
    }
    if (!report.records.empty()) emit(std::move(report));
}

// -- what is known

std::optional<RecordStatus> Records::find(const RecordName& record) const {
    const Directory::Entry* const entry = state_->directory.find(record);
    if (entry == nullptr) return std::nullopt;
    return RecordStatus{entry->owner, entry->grant, entry->lost, entry->waiting};
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
