// Looking for what departed nodes had (docs/adr/0023-lost-records-are-looked-for-when-wanted.md).
//
// What somebody waits for is looked for where his claim or his read has its place in the order, and
// comes before everything here: the rest, piece by piece, so that nobody waits behind more than one
// piece, and with a pause after each, so that clients have at least half of the time. One member
// names the records; what is done about them all do alike (directory.cpp).
#include "statedb/records_impl.h"

#include <algorithm>

namespace statedb {

using namespace record_command;

namespace {

// A copy reported by each member and a change of somebody's file for each: a few milliseconds.
constexpr std::size_t piece_max = 128;
constexpr Duration pause_min = 1ms;
constexpr Duration pause_max = 100ms;
// For a record whose chain a client holds, so that no report comes, the others do not wait longer.
constexpr Duration piece_takes_max = 500ms;

} // namespace

// While a notice period is not over nothing could be decided.
bool Records::State::we_search() const {
    return we_tell_notices() && directory.unnoticed().empty() && directory.unsought() > 0;
}

std::optional<Instant> Records::State::search_due() const {
    if (!we_search()) return std::nullopt;
    if (!piece) return next_piece;
    return piece->ordered ? std::optional{piece->began + piece_takes_max} : std::nullopt;
}

bool Records::State::piece_is_over(Instant now) const {
    const std::size_t sought = directory.lost() - directory.unsought();
    return piece && piece->ordered &&
           (sought <= piece->left_over || now >= piece->began + piece_takes_max);
}

void Records::State::search_on(Outbox& out) {
    const Instant now = out.now();
    search_hurries = search_hurries && directory.lost() > 0;
    if (piece_is_over(now)) {
        const bool hurries = search_hurries || directory.any_retreats();
        const Duration took = now - piece->began;
        next_piece = now + (hurries ? Duration{} : std::clamp(took, pause_min, pause_max));
        piece.reset();
    }
    if (!we_search() || piece || next_piece > now) return;
    piece = Piece{.began = now};
    send(Search{directory.some_unsought(piece_max)}, out);
}

void Records::State::on(ProcessorId sender, const Search& command, Outbox& out) {
    if (command.records.empty()) search_hurries = true;
    if (sender == settings.self && piece && !command.records.empty()) {
        piece->ordered = true;
        piece->left_over = directory.lost() - directory.unsought();
    }
    settle(directory.search(command.records), out);
}

void Records::find_lost(Outbox& out) {
    state_->notice_time(out);
    if (!state_->active() || state_->search_hurries || state_->directory.lost() == 0) return;
    state_->send(Search{}, out);
}

} // namespace statedb
