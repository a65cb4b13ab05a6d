// Controls about public addresses, their interfaces and the connections to them
// (ctdb-wire.md 3.3.8; ctdb-behaviour.md 6.5 to 6.9).
#include "ctdbd/daemon/daemon.h"
#include "ctdbd/daemon/raw_packets.h"
#include "net/logs.h"

#include <boost/algorithm/string/split.hpp>
#include <fmt/format.h>

#include <array>

namespace ctdbd::daemon {

namespace {

using protocol::Opcode;
using protocol::ReplyControl;

constexpr std::int32_t not_public = 1;

Addresses& addresses(const ControlCall& call) { return call.daemon.addresses; }

Addresses::Done reply_to(const ControlCall& call) {
    return [reply = call.reply](bool well) {
        reply(well ? ReplyControl::done() : refused("the address could not be moved now"));
    };
}

// -- who hosts what

ControlOutcome takeover_ip(const ControlCall& call) {
    const auto ip = protocol::decode<protocol::PublicIp>(call.control.data);
    if (!ip) return refused(fmt::format("{}", ip.error()));
    if (ip->pnn != call.daemon.nodes.self()) return refused("another node is to take it");
    addresses(call).take(*ip, reply_to(call));
    return std::nullopt;
}

ControlOutcome release_ip(const ControlCall& call) {
    const auto ip = protocol::decode<protocol::PublicIp>(call.control.data);
    if (!ip) return refused(fmt::format("{}", ip.error()));
    addresses(call).release(*ip, reply_to(call));
    return std::nullopt;
}

ControlOutcome ipreallocated(const ControlCall& call) {
    call.daemon.lifecycle.run("ipreallocated", "", [reply = call.reply](int result) {
        reply(ReplyControl::with_status(result));
    });
    return std::nullopt;
}

ControlOutcome get_public_ips(const ControlCall& call) {
    const bool available = (call.control.flags & protocol::control_flag::only_available) != 0;
    return ReplyControl::done(protocol::encode(addresses(call).list(available)));
}

ControlOutcome get_public_ip_info(const ControlCall& call) {
    const auto ip = protocol::decode<protocol::SocketAddress>(call.control.data);
    if (!ip) return refused(fmt::format("{}", ip.error()));
    const auto* const address = addresses(call).table().find(ip->ip);
    if (address == nullptr) return refused("this is not a public address here");
    return ReplyControl::done(protocol::encode(addresses(call).table().info(*address)));
}

// -- which there are

ControlOutcome add_public_ip(const ControlCall& call) {
    const auto info = protocol::decode<protocol::AddrInfo>(call.control.data);
    if (!info) return refused(fmt::format("{}", info.error()));
    config::PublicAddressLine line{.address = info->address.ip, .mask_bits = info->mask_bits};
    boost::algorithm::split(line.ifaces, info->ifaces, [](char c) { return c == ','; });
    for (const std::string& iface : line.ifaces)
        if (!iface_exists(iface))
            return refused(fmt::format("there is no interface \"{}\"", iface));
    if (!addresses(call).table().add(line)) return refused("it is a public address already");
    return ReplyControl::done();
}

ControlOutcome del_public_ip(const ControlCall& call) {
    const auto info = protocol::decode<protocol::AddrInfo>(call.control.data);
    if (!info) return refused(fmt::format("{}", info.error()));
    if (!addresses(call).table().remove(info->address.ip))
        return refused("this is not a public address here");
    return ReplyControl::done();
}

ControlOutcome reload_public_ips(const ControlCall& call) {
    try {
        addresses(call).reload();
    } catch (const config::ConfigError& error) {
        logs::addresses().error("{}", error.what());
        return refused(error.what());
    }
    return ReplyControl::done();
}

// -- interfaces

ControlOutcome get_ifaces(const ControlCall& call) {
    return ReplyControl::done(
        protocol::encode(protocol::IfaceList{addresses(call).table().ifaces()}));
}

ControlOutcome set_iface_link_state(const ControlCall& call) {
    const auto iface = protocol::decode<protocol::Iface>(call.control.data);
    if (!iface) return refused(fmt::format("{}", iface.error()));
    if (iface->link_state > 1 || iface->references != 0)
        return refused("a link is up (1) or down (0), and nothing else is said of it");
    auto& table = addresses(call).table();
    const auto before = table.ifaces();
    if (!table.set_link(iface->name, iface->link_state == 1))
        return refused(fmt::format("no public address is on \"{}\"", iface->name));
    if (table.ifaces() != before) {
        logs::addresses().warn("interface {} is {}", iface->name,
                               iface->link_state == 1 ? "up" : "down");
        addresses(call).ask_for_takeover_run();
    }
    return ReplyControl::done();
}

ControlOutcome send_arp(const ControlCall& call) {
    const auto info = protocol::decode<protocol::AddrInfo>(call.control.data);
    if (!info) return refused(fmt::format("{}", info.error()));
    const std::string why = send_gratuitous_arp(info->address.ip, info->ifaces);
    if (!why.empty()) return refused(why);
    return ReplyControl::done();
}

// -- connections

bool has_addresses(const ControlCall& call) { return !addresses(call).table().all().empty(); }

// With no public addresses at all there is nothing to remember, and nothing wrong.
ControlOutcome tcp_client(const ControlCall& call) {
    const auto connection = protocol::decode<protocol::Connection>(call.control.data);
    if (!connection) return refused(fmt::format("{}", connection.error()));
    const auto* const address = addresses(call).table().find(connection->server.ip);
    if (address == nullptr) return ReplyControl::done();
    if (!address->held()) return refused("another node holds this address");
    call.daemon.connections.opened(call.client, *connection);
    return ReplyControl::done();
}

ControlOutcome add_tickle(const ControlCall& call, bool by_script) {
    const auto connection = protocol::decode<protocol::Connection>(call.control.data);
    if (!connection) return refused(fmt::format("{}", connection.error()));
    if (!has_addresses(call)) return ReplyControl::done();
    if (addresses(call).table().find(connection->server.ip) == nullptr)
        return refused("this is not a public address here");
    const bool is_new = call.daemon.connections.add(*connection);
    if (is_new && by_script) call.daemon.connections.changed(connection->server.ip);
    return ReplyControl::done();
}

ControlOutcome tcp_add(const ControlCall& call) { return add_tickle(call, false); }

ControlOutcome tcp_add_delayed_update(const ControlCall& call) { return add_tickle(call, true); }

ControlOutcome tcp_remove(const ControlCall& call) {
    const auto connection = protocol::decode<protocol::Connection>(call.control.data);
    if (!connection) return refused(fmt::format("{}", connection.error()));
    call.daemon.connections.remove(*connection);
    call.daemon.connections.changed(connection->server.ip);
    return ReplyControl::done();
}

ControlOutcome get_tcp_tickle_list(const ControlCall& call) {
    const auto address = protocol::decode<protocol::SocketAddress>(call.control.data);
    if (!address) return refused(fmt::format("{}", address.error()));
    if (addresses(call).table().find(address->ip) == nullptr)
        return ReplyControl::with_status(not_public, "this is not a public address here");
    return ReplyControl::done(protocol::encode(call.daemon.connections.list(*address)));
}

ControlOutcome set_tcp_tickle_list(const ControlCall& call) {
    const auto list = protocol::decode<protocol::TickleList>(call.control.data);
    if (!list) return refused(fmt::format("{}", list.error()));
    const auto* const address = addresses(call).table().find(list->address.ip);
    if (address == nullptr)
        return ReplyControl::with_status(not_public, "this is not a public address here");
    if (!address->held()) call.daemon.connections.replace(*list);
    return ReplyControl::done();
}

ControlOutcome startup(const ControlCall& call) {
    call.daemon.connections.tell_everything();
    return ReplyControl::done();
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::takeover_ip, takeover_ip},
    {Opcode::release_ip, release_ip},
    {Opcode::ipreallocated, ipreallocated},
    {Opcode::get_public_ips, get_public_ips},
    {Opcode::get_public_ip_info, get_public_ip_info},
    {Opcode::add_public_ip, add_public_ip},
    {Opcode::del_public_ip, del_public_ip},
    {Opcode::reload_public_ips, reload_public_ips},
    {Opcode::get_ifaces, get_ifaces},
    {Opcode::set_iface_link_state, set_iface_link_state},
    {Opcode::send_gratuitous_arp, send_arp},
    {Opcode::tcp_client, tcp_client},
    {Opcode::tcp_add, tcp_add},
    {Opcode::tcp_add_delayed_update, tcp_add_delayed_update},
    {Opcode::tcp_remove, tcp_remove},
    {Opcode::get_tcp_tickle_list, get_tcp_tickle_list},
    {Opcode::set_tcp_tickle_list, set_tcp_tickle_list},
    {Opcode::startup, startup},
});

} // namespace

std::span<const ControlRow> address_controls() { return rows; }

} // namespace ctdbd::daemon
