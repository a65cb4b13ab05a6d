// Actions out: done in the order in which the core gave them. Multicasts are gathered and go out in
// one system call at the latest when something else must follow them.
#include "base/match.h"
#include "net/driver.h"
#include "net/logs.h"

namespace net {

void Driver::step(const membership::Event& event) {
    now_ = BootClock::now();
    absorb(event);
}

void Driver::absorb(const membership::Event& event) {
    if (ended_) return;
    if (narrated_) logs::ring().trace("{} <- {}", describe_fully(identity_.self), describe(event));
    processor_.step(now_, event, actions_);
    perform();
}

void Driver::perform() {
    for (membership::Action& action : actions_) {
        if (ended_) break;
        if (narrated_)
            logs::ring().trace("{} -> {}", describe_fully(identity_.self), describe(action));
        perform(action);
    }
    actions_.clear();
    if (!ended_) flush_multicasts();
}

void Driver::perform(membership::Action& action) {
    std::visit(
        Match{
            [&](const membership::Multicast& send) { multicast(send.packet); },
            [&](const membership::Unicast& send) { unicast(send.to, send.packet); },
            [&](membership::Deliver& deliver) {
                trace_.delivered(now_, deliver.message);
                bridge_.push(std::move(deliver.message));
            },
            [&](membership::DeliverConfiguration& deliver) {
                configured(std::move(deliver.configuration));
            },
            [&](const membership::Originated& originated) { trace_.originated(now_, originated); },
            [&](const membership::Interrupted&) { bridge_.push(Interrupted{}); },
            [&](const membership::RoomAvailable&) {
                ring_full_ = false;
                more_ = true;
                if (bridge_.is_one_thread()) bridge_.push(RoomAvailable{});
            },
            [&](const membership::StoreRecord& store) { writer_.write(store.record); },
            [&](const membership::PreferToken& prefer) {
                token_first_ = look_at_token_ = prefer.token_first;
            },
            [&](const membership::Left&) { end(Left{}); },
            [&](const membership::Broken& broken) { end(Broken{broken.why}); },
        },
        action);
}

void Driver::multicast(const Packet& packet) {
    if (sockets_.everybody.empty()) return; // alone in the nodes file, without multicast
    if (data_.outbox.full()) flush_multicasts();
    write_into(data_.outbox, packet);
}

void Driver::unicast(ProcessorId to, const Packet& packet) {
    const auto found = sockets_.token_of.find(to.node);
    if (found == sockets_.token_of.end()) return;
    flush_multicasts();
    write_into(token_.outbox, packet);
    trace_.flush();
    token_.outbox.flush(token_.socket.get(), {&found->second, 1});
}

void Driver::write_into(Outbox& outbox, const Packet& packet) {
    const std::span<std::uint8_t> room = outbox.room();
    const auto body = encode(packet, room.subspan(envelope_size).first(options_.settings.body_max));
    check(body.has_value(), "the core's packets fit the MTU");
    outbox.add(sealer_.seal(type_of(packet), room, *body));
}

void Driver::flush_multicasts() {
    if (data_.outbox.empty()) return;
    trace_.flush(); // what we tell others stands in the trace before they can tell it
    data_.outbox.flush(data_.socket.get(), sockets_.everybody);
}

void Driver::configured(Configuration configuration) {
    trace_.configured(now_, configuration);
    logs::ring().debug("{}", describe(configuration)); // the daemon tells it in CTDB's words
    bridge_.push(std::move(configuration));
    reported_at_ = {}; // worth a fresh report
}

// The processor's life is over, while the application may still take its events. Closing the
// sockets tells the others, by their refused unicasts, what they could otherwise only guess.
void Driver::end(Event last_word) {
    flush_multicasts();
    bridge_.push(std::move(last_word));
    ended_ = true;
    for (Port* port : {&data_, &token_}) {
        waiter_.forget(port->socket.get());
        port->socket = Descriptor();
    }
}

} // namespace net
