// JOIN: what it says about us, and whether one that arrived is fresh, verified and welcome
// (totem.md 3.5, 5.3, 5.4 rows 13 to 18, 7.4). What an accepted one changes is gather.cpp's
// business.
#include "membership/protocol.h"
#include "totem/wire.h"

#include <algorithm>

namespace membership {

namespace {

const JoinView* view_of(const Join& join, ProcessorId id) {
    const auto found =
        std::lower_bound(join.processors.begin(), join.processors.end(), id,
                         [](const JoinView& view, ProcessorId wanted) { return view.id < wanted; });
    return found != join.processors.end() && found->id == id ? &*found : nullptr;
}

bool echoes(const Join& join, ProcessorId id, std::uint64_t challenge) {
    const JoinView* view = view_of(join, id);
    if (view != nullptr && view->challenge == challenge) return true;
    return std::any_of(join.echoes.begin(), join.echoes.end(), [&](const Echo& echo) {
        return echo.to == id && echo.challenge == challenge;
    });
}

} // namespace

// -- ours

Join Protocol::compose_join(const Processors& proc_set, const Processors& fail_set) {
    Join join{.join_seq = ++join_seq_,
              .ring_seq = high_ring_seq_,
              .installed = installed_.id(),
              .reason = session_.why};
    for (const ProcessorId id : proc_set) {
        const Acquaintance* who = id == self_ ? nullptr : acquaintances_.find(id);
        join.processors.push_back({.id = id,
                                   .failed = fail_set.contains(id),
                                   .heard = id == self_ || session_.heard.contains(id),
                                   .challenge = id == self_      ? challenge_
                                                : who != nullptr ? who->challenge
                                                                 : 0,
                                   .latest = who != nullptr ? who->latest : 0});
    }
    for (const auto& [id, who] : acquaintances_.all()) {
        if (proc_set.contains(id) || who.challenge == 0 || who.gone) continue;
        if (acquaintances_.outlived(id) || now_ - who.last_contact > 2 * settings_.consensus)
            continue;
        if (join.echoes.size() < echoes_max) join.echoes.push_back({id, who.challenge, who.latest});
    }
    fit(join);
    recent_joins_.sent(join.join_seq, now_);
    return join;
}

// One packet whatever happens: those who know us need no echo.
void Protocol::fit(Join& join) const {
    if (encoded_size(join) > settings_.body_max) join.echoes.clear();
    for (JoinView& view : join.processors)
        if (view.id != self_ && encoded_size(join) > settings_.body_max) view.challenge = 0;
}

// In Operational nobody starts a session but who hears us and is heard now (ADR 0015), and not by a
// replay of its stream (7.4): a stranger gets a JOIN of its own, at most one per T_join, and what
// it answers shows both.
void Protocol::call(ProcessorId stranger, JoinReason why) {
    const bool outlived = acquaintances_.outlived(stranger);
    // A packet of a former life, only late: its node lives on with us, and would take the call for
    // a member's JOIN.
    if (outlived && installed_.member_of(stranger.node) != nobody) return;
    Acquaintance& who = acquaintance(stranger);
    if (who.answered && now_ - who.answered_at < settings_.join) return;
    who.answered = true;
    who.answered_at = now_;
    const Processors members(installed_.members().begin(), installed_.members().end());
    Join join = compose_join(members, {});
    join.reason = why;
    for (JoinView& view : join.processors)
        if (view.id != self_) view.challenge = view.latest = 0; // those concern members
    join.echoes = {{stranger, who.challenge, who.latest}};
    // A process from an old disk image must learn that its node has lived on without it (N30).
    if (outlived) join.echoes.push_back({acquaintances_.newest_of(stranger.node), 0, 0});
    emit(Unicast{stranger, std::move(join)});
}

void Protocol::stranger_spoke(ProcessorId from, bool news) {
    if (phase() == Phase::operational) return call(from);
    auto* at = std::get_if<Gather>(&state_);
    if (at == nullptr || !news) return;
    schedule_join(*at); // to all; it carries the echo
    if (awaits_introduction(from)) newcomers_speak();
}

// Once a session for each, and for so many as a ring can have: replayed streams cannot hold up
// those who are here.
bool Protocol::awaits_introduction(ProcessorId stranger) {
    if (acquaintances_.outlived(stranger) || suspicion_.refuses(stranger, now_)) return false;
    return session_.strangers.size() < members_max && session_.strangers.insert(stranger).second;
}

// -- theirs

bool Protocol::verified(ProcessorId from) const {
    if (!settings_.verify_streams) return true;
    const Acquaintance* who = acquaintances_.find(from);
    return who != nullptr && who->verified;
}

bool Protocol::is_stale(ProcessorId from, const Join& join) const {
    const Acquaintance* who = acquaintances_.find(from);
    if (who == nullptr) return false;
    return who->gone || join.join_seq <= who->join_seq || join.ring_seq < who->last_common;
}

// Whether its sender has heard us a moment ago: it quotes a recent JOIN of ours.
bool Protocol::answers_us(const Join& join, Duration patience) const {
    if (const JoinView* us = view_of(join, self_))
        return !us->failed && recent_joins_.contain(us->latest, now_, patience);
    return std::any_of(join.echoes.begin(), join.echoes.end(), [&](const Echo& echo) {
        return echo.to == self_ && recent_joins_.contain(echo.latest, now_, patience);
    });
}

// Who agrees too slowly for tokens of ours to go round in time makes us try for ever: the more
// attempts have failed, the sooner an agreement must come behind our JOIN to count (ADR 0015). The
// next JOIN of everybody else comes within 1.3 T_join.
bool Protocol::answers_in_time(const Join& join) const {
    if (session_.failures == 0) return true;
    const Duration patience = settings_.consensus / (1U << std::min(session_.failures, 16U));
    return answers_us(join, std::max(patience, 3 * settings_.join));
}

// An answer does not: two who doubt each other would go on answering for ever.
bool Protocol::wants_us(const Join& join) const {
    const JoinView* us = view_of(join, self_);
    return us != nullptr ? !us->failed : join.reason == JoinReason::call;
}

// A doubted processor that hears us now gets in, a refused one does not (ADR 0010).
bool Protocol::is_welcome(ProcessorId from, const Join& join) const {
    if (!suspicion_.doubts(from, now_)) return true;
    return !suspicion_.refuses(from, now_) && wants_us(join) &&
           answers_us(join, settings_.consensus);
}

Acquaintance& Protocol::acquaintance(ProcessorId id) {
    return acquaintances_.of(id, now_, installed_.members());
}

void Protocol::packet(ProcessorId from, Join&& join) {
    constexpr std::uint64_t ring_seq_jump_max = std::uint64_t{1} << 48; // 7.6
    const JoinView* own = view_of(join, from);
    if (own == nullptr || own->failed || join.ring_seq > high_ring_seq_ + ring_seq_jump_max)
        return malformed();
    Acquaintance& who = acquaintance(from);
    who.last_contact = now_;
    who.latest = std::max(who.latest, join.join_seq);
    const bool newer = join.join_seq > who.join_seq;
    const bool news = own->challenge != 0 && own->challenge != who.challenge;
    if (news && (newer || !who.verified)) who.challenge = own->challenge;
    if (echoes(join, self_, challenge_)) who.verified = true;

    // Those who know a later life of our own node speak the truth even to strangers of theirs.
    if (verified(from))
        for (const Echo& echo : join.echoes)
            if (echo.to.node == self_.node && incarnation_shown(echo.to)) return;
    if (acquaintances_.outlived(from)) {
        drop(13);
        return stranger_spoke(from, news);
    }
    if (!verified(from)) {
        drop(16);
        return stranger_spoke(from, news);
    }
    if (is_stale(from, join)) return drop(13);
    who.join_seq = join.join_seq;
    who.ring_seq = std::max(who.ring_seq, join.ring_seq);
    extend_lease(join.ring_seq); // we may have to number the ring that comes of it
    if (auto* at = std::get_if<Gather>(&state_); at != nullptr && news) schedule_join(*at);

    // What it lists, it has verified. The newest incarnation of a node may change our state.
    (void)incarnation_shown(from);
    for (const JoinView& view : join.processors)
        if (!stopped()) (void)incarnation_shown(view.id);
    if (stopped()) return;

    switch (phase()) {
    case Phase::operational:
        return join_in_operational(from, std::move(join));
    case Phase::gather:
        return join_in_gather(from, std::move(join));
    case Phase::commit:
    case Phase::recovery:
        return join_in_attempt(from, std::move(join));
    }
}

void Protocol::join_in_operational(ProcessorId from, Join&& join) {
    const JoinView* us = view_of(join, self_);
    const bool lists_us_failed = us != nullptr && us->failed;
    if (!installed_.has_member(from)) {
        if (!is_welcome(from, join)) {
            if (!suspicion_.refuses(from, now_) && wants_us(join)) call(from, JoinReason::answer);
            return drop(16);
        }
        // 5.6a: no second-hand expulsion. Such a session began in trouble and ends without us; its
        // ring then finds ours by PROBE.
        const bool against_us =
            std::any_of(join.processors.begin(), join.processors.end(), [&](const JoinView& view) {
                return view.failed && installed_.has_member(view.id) &&
                       !acquaintances_.outlived(view.id);
            });
        if (against_us) return drop(lists_us_failed ? 18 : 15);
        count(15);
        if (!answers_us(join, settings_.consensus)) return call(from);
        shift_to_gather(JoinReason::join, {from}, {});
    } else {
        count(lists_us_failed ? 18 : 14);
        shift_to_gather(JoinReason::join, {}, {});
    }
    gather_join(from, join);
}

void Protocol::join_in_gather(ProcessorId from, Join&& join) {
    const bool known = session_.proc_set.contains(from);
    if (!known && !is_welcome(from, join)) return drop(16);
    const JoinView* us = view_of(join, self_);
    const bool member = installed_.has_member(from);
    count(us != nullptr && us->failed ? 18 : member ? 14 : 15);
    gather_join(from, join);
}

// Somebody of the ring that we are forming has given this attempt up, or can never take part in it:
// its sets have outgrown ours, sets only grow, and a commit token is accepted for equal ones only.
// To wait for T_commit then, as the papers do, would be to wait for nothing (ADR 0011).
void Protocol::join_in_attempt(ProcessorId from, Join&& join) {
    const bool in_commit = phase() == Phase::commit;
    const RingId ring =
        in_commit ? std::get<Commit>(state_).ring : std::get<Recovery>(state_).ring.id();
    const bool given_up = join.ring_seq >= ring.seq;
    const bool outgrown =
        in_commit &&
        std::any_of(join.processors.begin(), join.processors.end(), [&](const JoinView& view) {
            return !session_.proc_set.contains(view.id) ||
                   (view.failed && !session_.fail_set.contains(view.id));
        });
    if (!session_.candidates().contains(from) || !(given_up || outgrown)) return drop(15);
    count(15);
    if (given_up) ++session_.failures;
    shift_to_gather(JoinReason::join, {}, {});
    gather_join(from, join);
}

} // namespace membership
