// Installation: the old ring's story is told to its end, then the new ring begins (totem.md 5.8).
// All of it happens in one step; a crash may cut it anywhere.
//
// Everybody of trans tells the same end: what is delivered here follows from the commit token and
// from the old ring's packets, and both are equal at all of them by now (lemma R).
#include "membership/protocol.h"

namespace membership {

void Protocol::install(Recovery& at) {
    ++statistics_.rings_installed;
    finish_regular(at);
    if (ever_installed_) {
        emit(DeliverConfiguration{{.kind = Configuration::Kind::transitional,
                                   .ring = at.ring.id(),
                                   .previous = installed_.id(),
                                   .members = {at.trans.begin(), at.trans.end()}}});
    }
    finish_transitional(at);

    Configuration regular{.kind = Configuration::Kind::regular,
                          .ring = at.ring.id(),
                          .previous = ring(),
                          .members = at.ring.members()};
    for (CommitEntry& entry : at.table.entries)
        regular.hints.push_back(std::move(entry.hint));
    emit(DeliverConfiguration{std::move(regular)});

    // Who was called or spoke to us and did not come: not again so soon (5.10). All of us doubt it
    // alike, not only who met it, or the next one would begin with it anew. Members who fell silent
    // are missed, not doubted, unless the ring with them hardly lasted.
    for (const ProcessorId id : session_.proc_set) {
        const bool missed =
            installed_.has_member(id) && !session_.heard.contains(id) && session_.failures == 0;
        if (!at.ring.has_member(id) && !missed) suspicion_.disagreed(id, now_);
    }

    // Who was expelled for deafness is refused by all, not only by the member that noticed: or its
    // next JOIN would come back in by the others (4.7).
    for (const ProcessorId id : session_.deaf)
        if (!at.ring.has_member(id) && !suspicion_.refuses(id, now_)) suspicion_.expelled(id, now_);

    at.ring.start_delivery_after(at.install_seq); // wrapped packets were for the old ring
    installed_ = std::move(at.ring);
    ever_installed_ = true;
    last_originated_ = {};
    obligation_.clear();
    consumer_.forget_partial();
    // A message of which only a part got its place starts over: its old fragments are forgotten by
    // everybody, with the old ring's assembly (1.3, 3.10).
    if (!mutated(Mutant::head_not_restarted)) queue_.restart_head();
    enter_operational();
    if (installed_.size() == 1)
        visit_alone(std::get<Operational>(state_));
    else
        deliver_due(); // of members that installed before us
}

// Phase 1: still in the old regular configuration. It ends at the first safe message that not all
// members of the old ring are known to have: in the regular configuration "safe" speaks of them.
void Protocol::finish_regular(Recovery& at) {
    const Window& window = installed_.window();
    Seq seq = installed_.delivered();
    while (const DataPacket* packet = window.find(next(seq))) {
        if (packet->service == Service::safe && packet->seq > at.known_safe) break;
        deliver_from_old_ring(*packet);
        seq = packet->seq;
    }
    check(seq >= at.delivered_by_one, "what one of us delivered, all of us have (H)");
    at.finished = seq;
}

// Phase 3: in the transitional configuration, which speaks of trans only. Behind a hole a message
// could depend on one that is lost, unless it comes from somebody whose every message we have.
void Protocol::finish_transitional(Recovery& at) {
    bool hole = false;
    const Seq last = std::min(at.top, installed_.high_seq());
    for (Seq seq = next(at.finished); seq <= last; seq = next(seq)) {
        const DataPacket* packet = installed_.window().find(seq);
        if (packet == nullptr) {
            hole = true;
            continue;
        }
        if (hole && !at.deliver_set.contains(packet->origin) &&
            !mutated(Mutant::hole_not_discarded))
            continue;
        deliver_from_old_ring(*packet);
    }
}

void Protocol::deliver_from_old_ring(const DataPacket& packet) {
    outbox_.deliveries.clear();
    installed_.assembly().take(packet, outbox_.deliveries);
    consumer_.delivered(static_cast<std::uint32_t>(outbox_.deliveries.size()));
    emit_deliveries();
}

} // namespace membership
