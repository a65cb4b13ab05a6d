#include "statedb/messages.h"

#include "base/mutant.h"
#include "statedb/messages_codec.h"

#include <algorithm>

namespace statedb {

Messages::Messages(ProcessorId self) : self_(self) {}

// -- local requests -----------------------------------------------------------------------------

void Messages::send(std::vector<NodeId> targets, std::uint32_t kind, Bytes content, Outbox& out) {
    out.submit(id(),
               encode({.form = NodeMessage::Form::plain,
                       .targets = std::move(targets),
                       .kind = kind,
                       .content = std::move(content)}),
               Service::agreed);
}

std::uint64_t Messages::ask(NodeId target, std::uint32_t kind, Bytes content, Outbox& out) {
    const std::uint64_t ticket = ++last_ticket_;
    const auto member = std::ranges::find(members_, target, &ProcessorId::node);
    if (member == members_.end()) {
        effects_.emplace_back(NodeGone{ticket, target});
        return ticket;
    }
    asked_[ticket] = *member;
    out.submit(id(),
               encode({.form = NodeMessage::Form::question,
                       .targets = {target},
                       .kind = kind,
                       .ticket = ticket,
                       .content = std::move(content)}),
               Service::agreed);
    return ticket;
}

void Messages::answer(ProcessorId asker, std::uint64_t ticket, Bytes content, Outbox& out) {
    // Tickets are unique within one life; another life of the asker has no such question.
    if (!std::ranges::binary_search(members_, asker)) return;
    out.submit(id(),
               encode({.form = NodeMessage::Form::answer,
                       .targets = {asker.node},
                       .ticket = ticket,
                       .life = asker.incarnation,
                       .content = std::move(content)}),
               Service::agreed);
}

void Messages::forget(std::uint64_t ticket) { asked_.erase(ticket); }

std::vector<MessageEffect> Messages::take_effects() { return std::exchange(effects_, {}); }

// -- ordered ------------------------------------------------------------------------------------

void Messages::apply(const Command& command, Outbox&) {
    std::optional<NodeMessage> message = decode_node_message(command.payload);
    if (!message) {
        ++malformed_;
        return;
    }
    const auto& targets = message->targets;
    const bool for_us = targets.empty() || std::ranges::find(targets, self_.node) != targets.end();
    if (!for_us) return;
    switch (message->form) {
    case NodeMessage::Form::plain:
        effects_.emplace_back(
            MessageArrived{command.sender, message->kind, std::move(message->content), 0});
        break;
    case NodeMessage::Form::question:
        effects_.emplace_back(MessageArrived{command.sender, message->kind,
                                             std::move(message->content), message->ticket});
        break;
    case NodeMessage::Form::answer: {
        // Only who was asked may answer, and only once; what the last life of our node asked is
        // answered behind its death, and nobody knows that ticket any more.
        if (message->life != self_.incarnation) break;
        const auto question = asked_.find(message->ticket);
        if (question == asked_.end() || question->second != command.sender) break;
        asked_.erase(question);
        effects_.emplace_back(AnswerArrived{message->ticket, std::move(message->content)});
        break;
    }
    }
}

void Messages::configured(const View& view, Outbox&) {
    members_ = view.members;
    for (auto it = asked_.begin(); it != asked_.end();) {
        // Departed, even if it is back already: what was on its way is lost (View::departed).
        const bool gone = std::ranges::find(view.departed, it->second) != view.departed.end();
        if (gone && !mutated(Mutant::question_waits_for_departed)) {
            effects_.emplace_back(NodeGone{it->first, it->second.node});
            it = asked_.erase(it);
        } else {
            ++it;
        }
    }
}

} // namespace statedb
