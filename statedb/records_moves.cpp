// What moved outside of the order, and how the directory learns of it
// (docs/adr/0016-direct-moves.md).
//
// A record that was given away is the receiver's, whatever happens: nobody takes a move back, it is
// only told in order sooner or later. The receiver tells it, many moves in one message; if that
// does not come in time, the giver does, with the data, for his message may have been lost. Until
// the directory has caught up, both know better than it.
#include "base/mutant.h"
#include "statedb/records_impl.h"

#include <algorithm>

namespace statedb {

using namespace record_command;

namespace {

// Every message wakes all nodes and quickens the token, which costs more than many moves do: so
// many are told together. Nobody waits for it but reads that want no ownership, and for them it is
// told at once.
constexpr Duration tell_after = 50ms;
// Far longer than the receiver takes to have it ordered, even on a busy machine.
constexpr Duration tell_late_after = 250ms;
constexpr std::size_t moves_told_together = 256;

} // namespace

// The grant under which we have the record, if we do: as the directory says, or as we know beyond.
std::optional<Grant> Records::State::holding(const RecordName& record) const {
    const Directory::Entry* const entry = directory.find(record);
    if (entry == nullptr || entry->lost()) return std::nullopt;
    if (const auto move = moves.find(record); move != moves.end())
        return move->second.to == settings.self ? std::optional{move->second.grant} : std::nullopt;
    return entry->owner() == settings.self ? std::optional{entry->grant()} : std::nullopt;
}

std::map<RecordName, Grant> Records::State::held_records() const {
    std::map<RecordName, Grant> held;
    const auto add = [&](const RecordName& record) {
        const auto local = locals.find(record);
        const bool lacking = local != locals.end() && local->second.phase == Phase::lacking;
        if (const auto grant = holding(record); grant && !lacking) held[record] = *grant;
    };
    for (const RecordName& record : directory.owned_by(settings.self))
        add(record);
    for (const auto& [record, move] : moves)
        add(record);
    return held;
}

// Who has it, as far as we know.
ProcessorId Records::State::holder(const RecordName& record) const {
    const Directory::Entry* const entry = directory.find(record);
    if (entry == nullptr || entry->lost()) return nobody;
    const auto move = moves.find(record);
    return move != moves.end() ? move->second.to : entry->owner();
}

bool Records::State::is_member(ProcessorId who) const {
    return std::ranges::binary_search(members, who);
}

// -- what we know beyond the directory

void Records::State::note_move(const RecordName& record, Move move) {
    forget_move(record);
    bytes_kept += move.data.size();
    if (move.to == settings.self) {
        to_tell.insert(record);
        if (!tell_at) tell_at = move.since + tell_after;
    }
    tell_late.emplace_back(move.since + tell_late_after, record);
    moves.emplace(record, std::move(move));
}

void Records::State::forget_move(const RecordName& record) {
    const auto at = moves.find(record);
    if (at == moves.end()) return;
    bytes_kept -= at->second.data.size();
    moves.erase(at);
}

void Records::State::forget_overtaken(const RecordName& record) {
    const auto at = moves.find(record);
    if (at == moves.end()) return;
    const Directory::Entry* const entry = directory.find(record);
    const bool ahead = entry != nullptr && at->second.grant > entry->grant() &&
                       ownership_of(at->second.grant) == ownership_of(entry->grant());
    if (!ahead) forget_move(record);
}

void Records::State::forget_all_overtaken() {
    std::vector<RecordName> names;
    for (const auto& [record, move] : moves)
        names.push_back(record);
    for (const RecordName& record : names)
        forget_overtaken(record);
}

void Records::State::forget_all_moves() {
    moves.clear();
    bytes_kept = 0;
}

// -- telling

Moved::Move Records::State::as_told(const RecordName& record, const Move& move) const {
    const bool may_lack_it = move.to != settings.self && is_member(move.to);
    return {record, move.grant, move.to, may_lack_it ? std::optional{move.data} : std::nullopt};
}

void Records::State::tell(std::vector<Moved::Move> told, Outbox& out) {
    for (std::size_t first = 0; first < told.size(); first += moves_told_together) {
        const auto from = told.begin() + static_cast<std::ptrdiff_t>(first);
        const auto count = std::min(moves_told_together, told.size() - first);
        send(Moved{{from, from + static_cast<std::ptrdiff_t>(count)}}, out);
    }
}

// What is due. What went on to somebody else meanwhile is his to tell.
void Records::State::tell_moves(Outbox& out) {
    if (!active()) return;
    std::vector<Moved::Move> told;
    if (tell_at && *tell_at <= out.now()) {
        tell_at.reset();
        for (const RecordName& record : std::exchange(to_tell, {}))
            if (const auto at = moves.find(record);
                at != moves.end() && at->second.to == settings.self)
                told.push_back(as_told(record, at->second));
    }
    while (!tell_late.empty() && tell_late.front().first <= out.now()) {
        const RecordName record = std::move(tell_late.front().second);
        tell_late.pop_front();
        const auto at = moves.find(record);
        if (at == moves.end() || out.now() - at->second.since < tell_late_after) continue;
        told.push_back(as_told(record, at->second));
        at->second.since = out.now();
        tell_late.emplace_back(out.now() + tell_late_after, record);
    }
    tell(std::move(told), out);
}

// The order goes on after it was interrupted: what we took, and what we gave to somebody who is not
// here; all of it if we are about to leave. Of that we are the only one who can tell, and until we
// have, the directory takes it for ours, and nobody waits for the notice of the one who has it.
void Records::State::tell_moves_at_once(Outbox& out) {
    std::vector<Moved::Move> told;
    for (const auto& [record, move] : moves)
        if (leaving || move.to == settings.self || !is_member(move.to))
            told.push_back(as_told(record, move));
    to_tell.clear();
    tell_at.reset();
    tell(std::move(told), out);
}

// -- at its place in the order

void Records::State::on(ProcessorId, const Moved& command, Outbox& out) {
    for (const Moved::Move& move : command.moves) {
        const Directory::Outcome outcome = directory.moved(move.record, move.to, move.grant);
        for (const RecordName& record : outcome.lost)
            forget_overtaken(record);
        ask_for_copies(outcome.lost);
        for (const Directory::Moved& moved : outcome.moved)
            settle(moved, move.data, out);
    }
}

void Records::State::settle(const Directory::Moved& moved,
                            const std::optional<Bytes>& data,
                            Outbox& out) {
    const RecordName& record = moved.record;
    const auto known = moves.find(record);
    const bool knew = known != moves.end() && known->second.grant >= moved.grant;
    forget_overtaken(record);
    for (auto& [ticket, read] : reads) // who was asked had given it away
        if (read.record == record) read.asked = nobody;
    Local& local = locals[record];
    if (const auto grant = holding(record); grant && !knew && *grant == moved.grant) {
        local.grant = *grant;
        if (data) {
            local.phase = Phase::taking;
            local.wanted = local.asked = false;
            emit(TakeOver{record, *grant, TakeOver::Source::shipped, *data});
        } else { // it was given to us and did not arrive, and the giver is gone
            local.phase = Phase::lacking;
            send(Missing{{{record, *grant}}}, out);
        }
    } else if (grant && moved.found && active()) {
        // What we were doing with it when its owner departed was given up, and may be under way in
        // the order. Our claim comes behind that. (Before our Returned nothing was given up that
        // the files will not be reconciled with, and a claim would be forgotten by it.)
        local.renew = true;
        renew(record, out);
    } else {
        pursue(record, out);
    }
    read_again(record, out);
    pass_on_questions(record);
    pass_on(record);
    tidy(record);
}

} // namespace statedb
