#include "ctdbd/daemon/messenger.h"

#include <algorithm>
#include <utility>

namespace ctdbd::daemon {

Messenger::Messenger(Clients& clients,
                     const Registrations& registrations,
                     const NodeTable& nodes,
                     DiskThread& disk,
                     Cluster& cluster)
    : clients_(clients), registrations_(registrations), nodes_(nodes), disk_(disk),
      cluster_(cluster) {}

void Messenger::listen(Srvid srvid, Listener listener) { listeners_[srvid] = std::move(listener); }

void Messenger::stop_listening(Srvid srvid) { listeners_.erase(srvid); }

protocol::Header Messenger::header(std::uint32_t reqid) const {
    return {.generation = generation_,
            .operation = {},
            .destnode = 0,
            .srcnode = nodes_.self(),
            .reqid = reqid};
}

void Messenger::send(std::uint32_t destnode, Srvid srvid, const Bytes& data) {
    std::vector<Pnn> to = nodes_.destinations(destnode);
    if (std::erase(to, nodes_.self()) > 0)
        disk_.when_idle([this, srvid, data] { deliver(srvid, data); });
    if (!to.empty()) cluster_.send(to, ClientMessage{srvid, data});
}

void Messenger::arrived(const ClientMessage& message) {
    disk_.when_idle([this, message] { deliver(message.srvid, message.data); });
}

void Messenger::deliver(Srvid srvid, const Bytes& data) {
    const auto receivers = registrations_.listeners(srvid);
    const auto listener = listeners_.find(srvid);
    if (!receivers.empty()) {
        const Bytes packet = encode_packet(header(), protocol::Message{srvid, data});
        for (const ClientId client : receivers)
            if (Client* const receiver = clients_.find(client)) receiver->send_message(packet);
    }
    if (listener != listeners_.end()) listener->second(data);
}

void Messenger::deliver_private(Srvid srvid, const Bytes& data) {
    const Bytes packet = encode_packet(header(), protocol::Message{srvid, data});
    for (const ClientId client : registrations_.listeners(srvid, false))
        if (Client* const receiver = clients_.find(client)) receiver->send_message(packet);
}

void Messenger::send_to_client(ClientId client, Srvid srvid, const Bytes& data) {
    if (Client* const receiver = clients_.find(client))
        receiver->send_message(encode_packet(header(), protocol::Message{srvid, data}));
}

} // namespace ctdbd::daemon
