// How a node steps its processor and performs what it answers.
#include "sim/node.h"
#include "sim/seal.h"
#include "sim/world.h"

#include <fmt/format.h>

namespace sim {

void Node::step(const membership::Event& event) {
    if (performing_) {
        pending_.push_back(event);
        return;
    }
    within([&] { step_now(event); });
}

void Node::step_now(const membership::Event& event) {
    world_.stepping(*this, event);
    processor_->step(now(), event, actions_);
    world_.stepped(*this, event, actions_);
}

// Actions may call the application, which may submit, which appends actions: all are performed in
// the order in which they arose. A crash point cuts that order.
void Node::perform_all() {
    for (std::size_t index = 0; index < actions_.size(); ++index) {
        if (crash_after_ && index >= *crash_after_) dying_ = true;
        if (dying_) break;
        membership::Action action = std::move(actions_[index]);
        std::visit([&](auto& what) { perform(what); }, action);
    }
    if (crash_after_) dying_ = true;
    actions_.clear();
}

void Node::finish() {
    while (!dying_ && (consumed_ > 0 || !pending_.empty())) {
        if (consumed_ > 0) pending_.emplace_back(membership::Consumed{std::exchange(consumed_, 0)});
        const membership::Event event = std::move(pending_.front());
        pending_.erase(pending_.begin());
        step_now(event);
        perform_all();
    }
    performing_ = false;
    if (dying_) crash();
}

void Node::perform(const membership::Multicast& multicast) {
    const std::vector<NodeId>& everybody = world_.node_ids();
    others_.clear();
    for (const NodeId node : everybody)
        if (node != plan_.id) others_.push_back(node);
    send(multicast.packet, others_);
}

void Node::perform(const membership::Unicast& unicast) {
    send(unicast.packet, std::span{&unicast.to.node, 1});
}

void Node::perform(const membership::Deliver& deliver) {
    const Delivery& message = deliver.message;
    const trace::Life sender = world_.life_of(message.origin);
    world_.delivering(*this, message);
    emit(trace::Deliver{{sender, message.counter},
                        message.service,
                        trace::name_of(message.ring),
                        message.position});
    application_->on_delivered(message);
}

void Node::perform(const membership::DeliverConfiguration& deliver) {
    const Configuration& configuration = deliver.configuration;
    trace::Members members;
    for (const ProcessorId& member : configuration.members)
        members.push_back(member.node);
    world_.delivering(*this, configuration);
    if (configuration.kind == Configuration::Kind::regular)
        emit(trace::Regular{trace::name_of(configuration.ring), std::move(members),
                            application_->primary(configuration)});
    else
        emit(trace::Transitional{trace::name_of(configuration.ring),
                                 trace::name_of(configuration.previous), std::move(members)});
    application_->on_configuration(configuration);
}

void Node::perform(const membership::Originated& originated) {
    emit(trace::Originate{{who(), originated.counter},
                          originated.service,
                          trace::name_of(originated.ring),
                          originated.position});
}

void Node::perform(const membership::Interrupted& interrupted) {
    world_.interrupted(*this);
    application_->on_interrupted(interrupted.why);
}

void Node::perform(const membership::RoomAvailable&) { application_->on_room(); }

void Node::perform(const membership::StoreRecord& store) { write_record(store.record); }

void Node::perform(const membership::PreferToken& prefer) { token_first_ = prefer.token_first; }

void Node::perform(const membership::Left&) {
    narrate("left cleanly");
    dying_ = true;
}

void Node::perform(const membership::Broken& broken) { stop_as_broken(broken.why); }

void Node::stop_as_broken(const std::string& why) {
    if (!world_.plan().may_break) violated("broken", why);
    narrate("refuses to go on: " + why);
    world_.measures().on_broken();
    dying_ = broken_ = true;
}

void Node::send(const Packet& packet, std::span<const NodeId> to) {
    const Envelope envelope{
        .sender = processor_->self(), .boot_nonce = boot_nonce_, .counter = ++packet_counter_};
    const std::optional<Sealed> sealed =
        seal(packet, envelope, plan_.settings.body_max, world_.packets());
    if (!sealed)
        throw Violation{"P24", fmt::format("{} sends a packet that exceeds the path's size: {}",
                                           describe(who()), describe(packet))};
    world_.sending(*this, to, packet, sealed->body);
    world_.transmit({plan_.id, type_of(packet), sealed->datagram}, to);
}

void Node::send_direct(NodeId to, const Bytes& content) {
    const Envelope envelope{.type = PacketType::direct,
                            .sender = processor_->self(),
                            .boot_nonce = boot_nonce_,
                            .counter = ++packet_counter_};
    if (content.size() <= plan_.settings.body_max)
        world_.transmit_direct({plan_.id, PacketType::direct, seal_direct(content, envelope)}, to);
}

} // namespace sim
