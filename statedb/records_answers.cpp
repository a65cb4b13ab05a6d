// What the world answers to the effects of the record service. An answer that belongs to an earlier
// ownership than the present one comes too late and is ignored: the grant tells.
#include "statedb/records_impl.h"

namespace statedb {

using namespace record_command;

void Records::turn_over(const RecordName& record, Outbox& out) {
    state_->notice_time(out);
    const auto at = state_->locals.find(record);
    if (at == state_->locals.end() || at->second.phase != Phase::taking) return;
    at->second.phase = Phase::held;
    // Who came after the reply was decided asks again, now or behind those that wait.
    state_->pursue(record, out);
    state_->pass_on(record);
    state_->tidy(record);
    state_->part();
}

void Records::handed_off(const RecordName& record,
                         Grant grant,
                         std::optional<Bytes> data,
                         Outbox& out) {
    state_->notice_time(out);
    const auto at = state_->locals.find(record);
    if (at == state_->locals.end()) return;
    State::Local& local = at->second;
    if (local.phase != Phase::giving || local.grant != grant) return;
    const ProcessorId to = std::exchange(local.giving_to, nobody);
    if (data && to != nobody && state_->may_give(record, grant) && state_->is_member(to)) {
        state_->give(record, local, {grant + 1, to, std::move(*data), out.now()}, out);
    } else if (data) {
        local.phase = Phase::offered;
        state_->send(HandOff{record, grant, std::move(*data)}, out);
    } else {
        local.phase = Phase::lacking;
        state_->send(Missing{{{record, grant}}}, out);
    }
}

void Records::retired(const RecordName& record, Grant grant, bool was_empty, Outbox& out) {
    state_->notice_time(out);
    const auto at = state_->locals.find(record);
    if (at == state_->locals.end()) return;
    State::Local& local = at->second;
    if (local.phase != Phase::retiring || local.grant != grant) return;
    if (was_empty) {
        local.phase = Phase::retired;
        state_->to_vacuum.push_back({record, grant});
        state_->send_vacuum(out);
        return;
    }
    local.phase = Phase::held;
    state_->renew(record, out);
    state_->pursue(record, out);
    state_->pass_on(record);
    state_->tidy(record);
    state_->part();
}

void Records::State::send_vacuum(Outbox& out) {
    if (vacuum_sent || to_vacuum.empty()) return;
    vacuum_sent = true;
    send(Vacuum{std::exchange(to_vacuum, {})}, out);
}

void Records::read_local(const ReadLocal& request, std::optional<Bytes> data, Outbox& out) {
    state_->notice_time(out);
    if (!data)
        state_->lack(request.record, request.grant, out);
    else if (request.reader != state_->settings.self)
        state_->send(ReadReply{request.reader, request.ticket, std::move(*data)}, out);
    else if (state_->reads.erase(request.ticket) != 0)
        state_->emit(ReadAnswer{request.ticket, std::move(*data)});
}

// Our file has not got what the directory says is ours: it was granted to us in a state that we
// loaded. Nobody is told that there is no such record: it is looked for, and then read again.
void Records::State::lack(const RecordName& record, Grant grant, Outbox& out) {
    if (must_reconcile || holding(record) != grant) return;
    Local& local = locals[record];
    if (local.phase != Phase::held) return; // that is under way, or the record is
    local.phase = Phase::lacking;
    local.grant = grant;
    send(Missing{{{record, grant}}}, out);
}

// What the files had before they were reconciled they may not have any more.
void Records::copies(std::span<const Copy> held, Outbox& out) {
    state_->notice_time(out);
    if (state_->must_reconcile) return;
    for (const Copy& copy : held)
        state_->to_report.push_back({copy.record, copy.rsn});
    state_->send_copies(out);
}

void Records::State::send_copies(Outbox& out) {
    if (report_sent || to_report.empty()) return;
    report_sent = true;
    send(Copies{std::exchange(to_report, {})}, out);
}

void Records::reconciled(std::span<const RecordName> missing, Outbox& out) {
    state_->notice_time(out);
    Missing command;
    for (const RecordName& record : missing) {
        const std::optional<Grant> grant = state_->holding(record);
        if (!grant) continue;
        State::Local& local = state_->locals[record];
        if (local.phase != Phase::held) continue;
        local.phase = Phase::lacking;
        local.grant = *grant;
        command.records.push_back({record, *grant});
    }
    if (!command.records.empty()) state_->send(command, out);
}

} // namespace statedb
