// Leaving for good: what is ours goes to the others before we say goodbye, so that nothing is lost
// that only we had (ctdb-behaviour.md 9, pain 26; docs/adr/0003-records.md).
//
// Clients are kept out first, for the leaver's records are free to be used by others as soon as it
// has left. Then the records go in batches, each as a hand-off that nobody asked for; what comes to
// us meanwhile goes on like everything else. How long that may take is not known here.
#include "statedb/records_impl.h"

#include <algorithm>

namespace statedb {

using namespace record_command;

namespace {

// What our world is at and what is under way in the order, together.
constexpr std::size_t parting_max = 1024;
// A command ends with the record that exceeds it.
constexpr std::size_t bequest_size_max = 64 * 1024;

} // namespace

void Records::retreat(Outbox& out) {
    state_->notice_time(out);
    state_->leaving = true;
    state_->freeze_at.reset();
    state_->freeze();
    if (state_->active()) {
        state_->send(Bequest{}, out); // says that we shall inherit nothing
        state_->tell_moves_at_once(out);
    }
    state_->part();
}

bool Records::State::may_part() const {
    return leaving && active() && directory.has_heir(settings.self);
}

// A copy of ours that a lost record may be recovered from is worth waiting for, too.
bool Records::retreated() const {
    const State& state = *state_;
    const Directory& directory = state.directory;
    const ProcessorId self = state.settings.self;
    if (!state.leaving) return false;
    if (!state.primary || !directory.has_heir(self)) return true;
    if (!state.active() || state.parting > 0 || !state.to_part.empty()) return false;
    if (!state.moves.empty()) return false; // only we may be able to tell
    return directory.unsought() == 0 && directory.awaited_from(self).empty() &&
           std::ranges::none_of(directory.sought(),
                                [&](const RecordName& record) {
                                    return directory.reported(record, self).has_value();
                                }) &&
           !directory.owns_any(self);
}

// The next batch, as far as there is room. A record with which something else is going on comes
// again when we look next, which is when that is over.
void Records::State::part() {
    if (!may_part() || parting >= parting_max) return;
    if (to_part.empty()) {
        if (parting > 0) return;
        to_part = directory.owned_by(settings.self);
    }
    PartWith batch;
    while (!to_part.empty() && parting < parting_max) {
        const RecordName record = std::move(to_part.back());
        to_part.pop_back();
        const std::optional<Grant> grant = holding(record);
        if (!grant) continue;
        Local& local = locals[record];
        const bool is_read = directory.delegations().contains(record);
        if (local.phase == Phase::held && !is_read) {
            local.phase = Phase::giving;
            local.giving_to = nobody;
            local.grant = *grant;
            batch.records.push_back({record, *grant});
            ++parting;
        }
        tidy(record);
    }
    if (!batch.records.empty()) emit(std::move(batch));
}

void Records::parted(std::vector<Parted> records, Outbox& out) {
    state_->notice_time(out);
    Bequest bequest;
    Missing missing;
    std::size_t size = 0;
    const auto send_bequest = [&] {
        if (!bequest.records.empty()) state_->send(std::exchange(bequest, {}), out);
        size = 0;
    };
    for (Parted& one : records) {
        const auto at = state_->locals.find(one.record);
        const bool current = at != state_->locals.end() && at->second.phase == Phase::giving &&
                             at->second.grant == one.grant;
        if (!current || !one.data) state_->parting -= std::min<std::size_t>(state_->parting, 1);
        if (!current) continue;
        at->second.phase = one.data ? Phase::offered : Phase::lacking;
        if (!one.data) {
            missing.records.push_back({one.record, one.grant});
            continue;
        }
        size += one.record.key.size() + one.data->size();
        bequest.records.push_back({std::move(one.record), one.grant, std::move(*one.data)});
        if (size > bequest_size_max) send_bequest();
    }
    send_bequest();
    if (!missing.records.empty()) state_->send(missing, out);
    state_->part();
}

void Records::State::on(ProcessorId sender, const Bequest& command, Outbox& out) {
    settle(directory.retreats(sender), out);
    for (const HandOff& one : command.records)
        settle(directory.bequeath(one.record, sender, one.grant, one.data), out);
    if (sender == settings.self) parting -= std::min(parting, command.records.size());
}

} // namespace statedb
