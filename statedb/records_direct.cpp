// Asking whoever has a record, and giving it to whoever asks, outside of the order
// (docs/adr/0016-direct-moves.md): two messages between two nodes, and nobody else is woken.
//
// The directory tells whom to ask. It may be late: then the question is passed on to where the
// record went. Messages may be lost, doubled or late, so a question is repeated, and when that does
// not help the record is claimed in the order. Nothing here moves a record from one configuration
// into another: what was said in another one is not heard.
#include "base/mutant.h"
#include "statedb/records_impl.h"

#include <algorithm>

namespace statedb {

using namespace record_command;

namespace {

// A lost message costs this; a question that waits for its turn is repeated for nothing.
constexpr Duration first_answer_due = 5ms;
constexpr unsigned attempts_max = 4; // the last one is given up after 75 ms
constexpr std::uint32_t hops_max = 4;
// What is kept until the order knows that it moved.
constexpr std::size_t moves_max = 8192;
constexpr std::size_t bytes_kept_max = std::size_t{4} << 20;

} // namespace

void Records::State::say(ProcessorId to, decltype(Direct::content) content) {
    const Ask* const asks = std::get_if<Ask>(&content);
    const bool question = asks != nullptr && asks->asking == settings.self;
    messages.push_back({to, encode_direct(Direct{ring, std::move(content)}), question});
}

std::vector<DirectMessage> Records::take_messages() { return std::exchange(state_->messages, {}); }

bool Records::arrived(ProcessorId from, const Bytes& message, Outbox& out) {
    State& state = *state_;
    state.notice_time(out);
    if (!state.settings.direct || !state.active() || state.frozen || state.freeze_at) return false;
    const std::optional<Direct> direct = decode_direct(message);
    if (!direct || !state.is_member(from)) return false;
    if (direct->ring != state.ring && !mutated(Mutant::grant_of_another_ring)) return false;
    const std::size_t effects = state.effects.size();
    std::visit([&](const auto& content) { state.on(from, content, out); }, direct->content);
    return std::holds_alternative<Give>(direct->content) && state.effects.size() > effects;
}

// -- asking

// Not if others wait for it in the order: they came before.
bool Records::State::may_ask(const RecordName& record) const {
    if (!settings.direct || freeze_at || frozen) return false;
    const Directory::Entry* const entry = directory.find(record);
    const ProcessorId whom = holder(record);
    const auto at = locals.find(record);
    const bool in_vain =
        at != locals.end() && !at->second.asked && at->second.attempts >= attempts_max;
    const bool is_read = directory.delegations().contains(record) &&
                         !mutated(Mutant::delegated_given_past_the_order);
    return entry != nullptr && directory.waiting(record).empty() && whom != settings.self &&
           is_member(whom) && !in_vain && !is_read;
}

void Records::State::ask(const RecordName& record, Outbox& out) {
    Local& local = locals[record];
    if (std::exchange(local.asked, true)) return;
    local.answer_due = out.now() + first_answer_due * (1U << local.attempts++);
    questions_due.emplace(local.answer_due, record);
    say(holder(record), Ask{record, settings.self, hops_max});
}

void Records::State::ask_again(Outbox& out) {
    if (!active()) return;
    while (!questions_due.empty() && questions_due.begin()->first <= out.now()) {
        const RecordName record = std::move(questions_due.begin()->second);
        questions_due.erase(questions_due.begin());
        const auto at = locals.find(record);
        if (at == locals.end() || !at->second.asked || at->second.answer_due > out.now()) continue;
        at->second.asked = false;
        pursue(record, out);
        tidy(record);
    }
}

void Records::State::on(ProcessorId, const Decline& decline, Outbox& out) {
    const auto at = locals.find(decline.record);
    if (at == locals.end() || !at->second.asked) return;
    at->second.asked = false;
    at->second.attempts = attempts_max;
    pursue(decline.record, out);
}

// What was asked in another configuration nobody hears.
void Records::State::forget_questions() {
    questions_due.clear();
    for (auto& [record, local] : locals) {
        local.asked = false;
        local.attempts = 0;
        local.asking.clear();
    }
    std::erase_if(locals, [](const auto& item) {
        const Local& local = item.second;
        return !local.wanted && !local.claimed && !local.renew && local.phase == Phase::held;
    });
}

// -- giving

void Records::State::on(ProcessorId, const Ask& ask, Outbox&) {
    if (ask.asking == settings.self || !is_member(ask.asking)) return;
    const std::optional<Grant> grant = holding(ask.record);
    if (!grant) return pass_on_question(ask);
    if (!may_give(ask.record, *grant)) return say(ask.asking, Decline{ask.record});
    std::vector<ProcessorId>& asking = locals[ask.record].asking;
    if (std::ranges::find(asking, ask.asking) == asking.end()) asking.push_back(ask.asking);
    pass_on(ask.record);
}

void Records::State::pass_on_question(const Ask& ask) {
    const auto move = moves.find(ask.record);
    if (move != moves.end() && (move->second.to == ask.asking || mutated(Mutant::given_twice))) {
        // If it does not fit, the order has been told.
        (void)ship(ask.asking, {ask.record, move->second.grant, move->second.data, {}});
        return;
    }
    const ProcessorId next = holder(ask.record);
    if (ask.hops > 0 && next != settings.self && next != ask.asking && is_member(next))
        say(next, Ask{ask.record, ask.asking, ask.hops - 1});
}

// It is not here any more: who asked us for it is heard where it is.
void Records::State::pass_on_questions(const RecordName& record) {
    const auto at = locals.find(record);
    if (at == locals.end() || at->second.asking.empty() || holding(record)) return;
    for (const ProcessorId& who : std::exchange(at->second.asking, {}))
        pass_on_question({record, who, hops_max});
}

bool Records::State::may_give(const RecordName& record, Grant grant) const {
    const auto at = locals.find(record);
    // Our claim, once it is ordered, may make it ours under another grant.
    const bool claimed = at != locals.end() && (at->second.claimed || at->second.renew);
    // While others may read it, it moves in the order alone, which knows of them.
    const bool is_read = is_shared(record) && !mutated(Mutant::delegated_given_past_the_order);
    return active() && !frozen && !freeze_at && !claimed && !is_read && moves.size() < moves_max &&
           bytes_kept < bytes_kept_max && ownership_of(grant + 1) == ownership_of(grant);
}

// Whether it fits; if need be without those who asked as well, who ask again.
bool Records::State::ship(ProcessorId to, Give give) {
    Bytes content = encode_direct(Direct{ring, give});
    if (content.size() > settings.direct_bytes_max && !give.asking.empty()) {
        give.asking.clear();
        content = encode_direct(Direct{ring, give});
    }
    const bool fits = content.size() <= settings.direct_bytes_max;
    if (fits) messages.push_back({to, std::move(content)});
    return fits;
}

// To the first of those that asked. The others are told to whom it went along with the record.
void Records::State::begin_giving(const RecordName& record, Local& local, Grant grant) {
    std::vector<ProcessorId>& asking = local.asking;
    if (!may_give(record, grant)) {
        for (const ProcessorId& who : std::exchange(asking, {}))
            say(who, Decline{record});
        return;
    }
    local.phase = Phase::giving;
    local.giving_to = asking.front();
    local.grant = grant;
    asking.erase(asking.begin());
    emit(GiveAway{record, grant, local.giving_to});
}

// The file says so already. From here on it is his: this cannot be taken back.
void Records::State::give(const RecordName& record, Local& local, Move move, Outbox& out) {
    local.phase = Phase::held;
    Give given{record, move.grant, move.data, std::exchange(local.asking, {})};
    if (!ship(move.to, std::move(given))) tell({as_told(record, move)}, out);
    note_move(record, std::move(move));
    pursue(record, out);
    tidy(record);
}

// A grant counts within the ownership that we know of, and once.
void Records::State::on(ProcessorId, const Give& give, Outbox& out) {
    const Directory::Entry* const entry = directory.find(give.record);
    if (entry == nullptr || entry->lost()) return;
    const auto known = moves.find(give.record);
    const Grant newest = known != moves.end() ? known->second.grant : entry->grant();
    const bool is_new = give.grant > newest || mutated(Mutant::grant_taken_again);
    if (!is_new || ownership_of(give.grant) != ownership_of(entry->grant())) return;
    note_move(give.record, {give.grant, settings.self, {}, out.now()});
    Local& local = locals[give.record];
    std::vector<ProcessorId> asking = give.asking;
    for (const ProcessorId& who : std::exchange(local.asking, {}))
        if (std::ranges::find(asking, who) == asking.end()) asking.push_back(who);
    std::erase_if(asking, [&](ProcessorId who) { return who == settings.self || !is_member(who); });
    local.asking = std::move(asking);
    local.phase = Phase::taking;
    local.grant = give.grant;
    local.wanted = local.asked = false;
    local.attempts = 0;
    emit(TakeOver{give.record, give.grant, TakeOver::Source::shipped, give.data});
}

} // namespace statedb
