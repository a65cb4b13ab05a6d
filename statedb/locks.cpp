#include "statedb/locks.h"

#include "base/mutant.h"
#include "statedb/digest.h"
#include "statedb/locks_codec.h"

#include <algorithm>

namespace statedb {

Locks::Locks(ProcessorId self) : self_(self) {}

// -- local requests -----------------------------------------------------------------------------

std::uint64_t Locks::claim(std::string name, Outbox& out) {
    check(!name.empty() && name.size() <= lock_name_max, "a lock's name has 1 to 255 bytes");
    const std::uint64_t ticket = ++last_ticket_;
    wishes_[ticket].name = std::move(name);
    submit_claim(ticket, out);
    return ticket;
}

void Locks::submit_claim(std::uint64_t ticket, Outbox& out) {
    Wish& wish = wishes_.at(ticket);
    wish.on_its_way = true;
    out.submit(id(), encode(LockCommand{wish.name, ticket, false}), Service::agreed);
}

void Locks::release(std::uint64_t ticket, Outbox& out) {
    const auto wish = wishes_.find(ticket);
    if (wish == wishes_.end()) return;
    const std::string name = wish->second.name;
    wishes_.erase(wish);
    // Also if the claim is still on its way: ours are ordered as we submit them.
    out.submit(id(), encode(LockCommand{name, ticket, true}), Service::agreed);
}

std::vector<LockEffect> Locks::take_effects() { return std::exchange(effects_, {}); }

std::vector<Claimant> Locks::queue(const std::string& name) const {
    const auto queue = queues_.find(name);
    return queue != queues_.end() ? queue->second : std::vector<Claimant>{};
}

std::vector<std::string> Locks::names() const {
    std::vector<std::string> names;
    for (const auto& [name, queue] : queues_)
        names.push_back(name);
    return names;
}

// The head of the queue has the lock. Tells our claimant once, and only while we are primary: else
// the lock may be somebody else's by now.
void Locks::grant_to_us(const std::string& name) {
    const auto queue = queues_.find(name);
    if (!primary_ || queue == queues_.end() || queue->second.front().processor != self_) return;
    const std::uint64_t ticket = queue->second.front().ticket;
    const auto wish = wishes_.find(ticket);
    if (wish == wishes_.end() || std::exchange(wish->second.granted, true)) return;
    effects_.emplace_back(LockGranted{name, ticket});
}

void Locks::grant_what_is_ours() {
    for (const auto& [name, queue] : queues_)
        grant_to_us(name);
}

// -- ordered ------------------------------------------------------------------------------------

void Locks::apply(const Command& command, Outbox& out) {
    (void)out;
    const auto said = decode_lock_command(command.payload);
    if (!said) return; // no version of ours says that
    const Claimant claimant{command.sender, said->ticket};
    if (said->release) {
        remove_if(said->name, [&](const Claimant& other) { return other == claimant; });
    } else {
        std::vector<Claimant>& queue = queues_[said->name];
        if (std::ranges::find(queue, claimant) == queue.end()) queue.push_back(claimant);
        if (command.sender == self_) arrived(said->ticket);
    }
    grant_to_us(said->name);
}

void Locks::remove_if(const std::string& name, const std::function<bool(const Claimant&)>& gone) {
    const auto queue = queues_.find(name);
    if (queue == queues_.end()) return;
    std::erase_if(queue->second, gone);
    if (queue->second.empty()) queues_.erase(queue);
}

void Locks::arrived(std::uint64_t ticket) {
    if (const auto wish = wishes_.find(ticket); wish != wishes_.end())
        wish->second.on_its_way = false;
}

void Locks::configured(const View& view, Outbox& out) {
    primary_ = view.primary;
    if (!view.primary) {
        for (auto& [ticket, wish] : wishes_)
            if (std::exchange(wish.granted, false) && !mutated(Mutant::lock_loss_unnoticed))
                effects_.emplace_back(LockLost{wish.name, ticket});
        return;
    }
    const auto departed = [&](const Claimant& claimant) {
        return !std::ranges::binary_search(view.members, claimant.processor);
    };
    if (!mutated(Mutant::lock_keeps_departed))
        for (const std::string& name : names())
            remove_if(name, departed);
    grant_what_is_ours();
    (void)out;
}

// -- state --------------------------------------------------------------------------------------

Bytes Locks::save(const Summary& joiner) const {
    (void)joiner;
    return encode(queues_);
}

bool Locks::load(const Bytes& state, Outbox& out) {
    auto queues = decode_lock_queues(state);
    if (!queues) return false;
    queues_ = std::move(*queues);
    reconcile(out);
    return true;
}

void Locks::begin_epoch(std::span<const Summary> summaries, Outbox& out) {
    (void)summaries;
    queues_.clear();
    reconcile(out);
}

// The queues changed behind our back: while we were away our claims were dropped, and what we let
// go of may still be there. Claims that are on their way will be heard of anyhow.
void Locks::reconcile(Outbox& out) {
    for (auto& [ticket, wish] : wishes_) {
        const std::vector<Claimant> waiting = queue(wish.name);
        const bool queued = std::ranges::find(waiting, Claimant{self_, ticket}) != waiting.end();
        if (!queued && !wish.on_its_way) submit_claim(ticket, out);
    }
    for (const auto& [name, queue] : queues_)
        for (const Claimant& claimant : queue)
            if (claimant.processor == self_ && !wishes_.contains(claimant.ticket))
                out.submit(id(), encode(LockCommand{name, claimant.ticket, true}), Service::agreed);
}

std::uint64_t Locks::digest() const {
    Digest digest;
    for (const auto& [name, queue] : queues_) {
        digest.add(name);
        for (const Claimant& claimant : queue)
            digest.add(claimant.processor.node)
                .add(claimant.processor.incarnation)
                .add(claimant.ticket);
    }
    return digest.value();
}

// -- our own commands that went astray ----------------------------------------------------------

void Locks::refused(const Bytes& payload, Outbox& out) {
    const auto said = decode_lock_command(payload);
    if (!said) return;
    if (said->release)
        out.submit(id(), payload, Service::agreed);
    else if (wishes_.contains(said->ticket))
        submit_claim(said->ticket, out);
}

// A claim that was ordered while we could not see it: in the queue, or dropped from it since.
void Locks::absorbed(const Bytes& payload, Outbox& out) {
    const auto said = decode_lock_command(payload);
    if (!said || said->release) return;
    arrived(said->ticket);
    const std::vector<Claimant> waiting = queue(said->name);
    const bool queued = std::ranges::find(waiting, Claimant{self_, said->ticket}) != waiting.end();
    if (wishes_.contains(said->ticket) && !queued) submit_claim(said->ticket, out);
}

} // namespace statedb
