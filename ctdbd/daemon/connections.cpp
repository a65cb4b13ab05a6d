#include "ctdbd/daemon/connections.h"

#include "ctdbd/daemon/daemon.h"

#include <algorithm>
#include <utility>

namespace ctdbd::daemon {

Connections::Connections(boost::asio::io_context& loop, Daemon& daemon)
    : daemon_(daemon), timer_(loop) {}

void Connections::begin() { update(); }

const Connections::List& Connections::of(const protocol::IpAddress& ip) const {
    static const List none;
    const auto found = lists_.find(ip);
    return found != lists_.end() ? found->second : none;
}

protocol::TickleList Connections::list(const protocol::SocketAddress& address) const {
    protocol::TickleList list{.address = address, .connections = {}};
    for (const protocol::Connection& connection : of(address.ip))
        if (address.port == 0 || connection.server.port == address.port)
            list.connections.push_back(connection);
    return list;
}

bool Connections::add(const protocol::Connection& connection) {
    List& list = lists_[connection.server.ip];
    if (std::ranges::find(list, connection) != list.end()) return false;
    list.push_back(connection);
    return true;
}

void Connections::remove(const protocol::Connection& connection) {
    const auto found = lists_.find(connection.server.ip);
    if (found == lists_.end()) return;
    std::erase(found->second, connection);
    if (found->second.empty()) lists_.erase(found);
}

void Connections::replace(const protocol::TickleList& list) {
    if (list.connections.empty())
        lists_.erase(list.address.ip);
    else
        lists_[list.address.ip] = list.connections;
}

// -- from clients

void Connections::opened(ClientId client, const protocol::Connection& connection) {
    of_clients_[client].push_back(connection);
    tell_all(protocol::Opcode::tcp_add, protocol::encode(connection));
}

void Connections::client_gone(ClientId client) {
    const auto gone = of_clients_.extract(client);
    if (!gone) return;
    for (const protocol::Connection& connection : gone.mapped())
        tell_all(protocol::Opcode::tcp_remove, protocol::encode(connection));
}

// -- to the others

void Connections::tell_all(protocol::Opcode opcode, const Bytes& data) {
    daemon_.controls.tell(protocol::pnn::broadcast_connected,
                          {.opcode = opcode,
                           .srvid = 0,
                           .client_id = 0,
                           .flags = protocol::control_flag::noreply,
                           .data = data});
}

void Connections::push(const protocol::IpAddress& ip) {
    tell_all(protocol::Opcode::set_tcp_tickle_list, protocol::encode(list({ip, 0})));
}

void Connections::tell_everything() {
    for (const auto& [ip, list] : lists_)
        if (daemon_.addresses.is_held(ip)) push(ip);
}

void Connections::update() {
    for (const auto& ip : std::exchange(changed_, {}))
        if (daemon_.addresses.is_held(ip)) push(ip);
    const auto pause = std::max(1U, daemon_.tunables[config::Tunable::tickle_update_interval]);
    timer_.expires_after(std::chrono::seconds(pause));
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) update();
    });
}

} // namespace ctdbd::daemon
