// Copies for those who only read (docs/adr/0017-read-only-delegations.md): the owner's part, and
// that of the readers.
//
// An owner marks its file before it sends a copy to anybody: from then on its clients claim the
// record when they want to write, as those of every other node do. The order has the claim stand
// behind every copy that was sent before it, and everybody who has one drops it.
#include "base/mutant.h"
#include "statedb/records_impl.h"

#include <algorithm>

namespace statedb {

using namespace record_command;

// -- the owner

// Not if somebody is about to write: he would wait for the reader.
bool Records::State::may_share(const RecordName& record, Grant grant, ProcessorId reader) const {
    const Directory::Entry& entry = *directory.find(record);
    const auto at = locals.find(record);
    const bool busy = at != locals.end() &&
                      (at->second.phase != Phase::held || at->second.wanted || at->second.claimed ||
                       at->second.renew || !at->second.asking.empty());
    return active() && !leaving && !busy && reader != settings.self && entry.grant() == grant &&
           directory.waiting(record).empty() && !directory.delegations().revoked(record);
}

void Records::State::share(ProcessorId reader, const Read& read, Grant grant) {
    Local& local = locals[read.record];
    local.phase = Phase::sharing;
    local.grant = grant;
    emit(Share{read.record, grant, reader, read.ticket});
}

// Whether our file says so. Nothing is written under this grant any more, and the record does not
// leave us past the order, which would not know when the readers have gone.
bool Records::State::is_shared(const RecordName& record) const {
    const auto at = shared.find(record);
    return at != shared.end() && holding(record) == at->second;
}

void Records::shared(const Share& request, std::optional<Bytes> data, bool delegable, Outbox& out) {
    State& state = *state_;
    state.notice_time(out);
    const RecordName& record = request.record;
    if (delegable && state.holding(record) == request.grant) state.shared[record] = request.grant;
    const auto at = state.locals.find(record);
    const bool current = at != state.locals.end() && at->second.phase == Phase::sharing &&
                         at->second.grant == request.grant;
    if (current && data && delegable) {
        at->second.phase = Phase::delegating;
        // Safe, since the reader acts on it: those who may come to decide about the record have to
        // know of the copy, whatever becomes of the reader and of us.
        const Delegate delegate{record, request.grant, request.reader, request.ticket, *data};
        state.send(delegate, out, guarantee_of(delegate));
        return;
    }
    if (current) at->second.phase = Phase::held;
    if (data)
        state.send(ReadReply{request.reader, request.ticket, std::move(*data)}, out);
    else
        state.lack(record, request.grant, out);
    state.pursue(record, out);
    state.pass_on(record);
    state.tidy(record);
    state.part();
}

void Records::State::on(ProcessorId sender, const Delegate& command, Outbox& out) {
    const RecordName& record = command.record;
    const auto at = locals.find(record);
    const bool ours = sender == settings.self && at != locals.end() &&
                      at->second.phase == Phase::delegating && at->second.grant == command.grant;
    if (ours) at->second.phase = Phase::held;
    const Directory::Outcome outcome =
        directory.delegate(record, sender, command.grant, command.reader);
    settle(outcome, out);
    if (command.reader == settings.self) keep_copy(sender, command, outcome.delegated);
    if (!ours) return;
    pursue(record, out);
    pass_on(record);
    tidy(record);
}

// -- a reader

// The copy is kept even if nobody waits for it any more, for the directory says that we have it.
// Before our Returned we have none: the files will be reconciled, which drops them.
void Records::State::keep_copy(ProcessorId owner, const Delegate& command, bool delegated) {
    const auto read = reads.find(command.ticket);
    const bool awaited = read != reads.end() && read->second.record == command.record;
    if (awaited) reads.erase(read);
    if (active() && (delegated || mutated(Mutant::delegated_while_revoked)))
        emit(KeepCopy{command.record, command.grant, owner, awaited ? command.ticket : 0,
                      command.data});
    else if (awaited)
        emit(ReadAnswer{command.ticket, command.data});
}

// Said to everybody at the point of the order where somebody came who wants to write; those who
// have no copy have nothing to do. Who cannot do it now does it when it comes back.
void Records::State::drop_copy(const RecordName& record, Outbox& out) {
    const auto& all = directory.delegations().all();
    const auto at = all.find(record);
    const bool have_it = at != all.end() && at->second.readers.contains(settings.self);
    if (!have_it || !active()) return;
    const Grant grant = directory.find(record)->grant();
    if (!dropping.insert({record, grant}).second) return;
    emit(DropCopy{record, grant});
    if (!mutated(Mutant::dropped_before_it_is)) return;
    dropped.push_back({record, grant});
    send_dropped(out);
}

void Records::State::drop_revoked_copies(Outbox& out) {
    for (const auto& [record, delegation] : directory.delegations().all())
        if (delegation.revoked) drop_copy(record, out);
}

void Records::copy_dropped(const RecordName& record, Grant grant, Outbox& out) {
    state_->notice_time(out);
    if (!state_->dropping.contains({record, grant})) return;
    state_->dropped.push_back({record, grant});
    state_->send_dropped(out);
}

void Records::State::send_dropped(Outbox& out) {
    if (dropped_sent || dropped.empty()) return;
    dropped_sent = true;
    send(CopiesDropped{std::exchange(dropped, {})}, out);
}

void Records::State::on(ProcessorId sender, const CopiesDropped& command, Outbox& out) {
    const bool ours = sender == settings.self;
    for (const auto& [record, grant] : command.records) {
        if (ours) dropping.erase({record, grant});
        settle(directory.copy_dropped(record, sender, grant), out);
    }
    if (!ours) return;
    dropped_sent = false;
    send_dropped(out);
}

void Records::State::forget_copies() {
    dropping.clear();
    dropped.clear();
    dropped_sent = false;
}

} // namespace statedb
