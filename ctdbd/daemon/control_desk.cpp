#include "ctdbd/daemon/control_desk.h"

#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/opcodes.h"
#include "net/logs.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace ctdbd::daemon {

using protocol::Control;
using protocol::ReplyControl;

ControlFunction control_function(protocol::Opcode opcode) {
    static const auto functions = [] {
        std::map<protocol::Opcode, ControlFunction> all;
        for (const auto rows : {database_controls(), record_controls(), node_controls(),
                                client_controls(), tunable_controls(), statistics_controls(),
                                traverse_controls(), section_controls(), address_controls()})
            for (const ControlRow& row : rows)
                all.emplace(row.opcode, row.function);
        return all;
    }();
    const auto found = functions.find(opcode);
    return found != functions.end() ? found->second : nullptr;
}

ControlDesk::ControlDesk(boost::asio::io_context& loop, Daemon& daemon)
    : loop_(loop), daemon_(daemon), timer_(loop) {}

ControlDesk::~ControlDesk() = default;

// -- where to

void ControlDesk::asked(Client& client, const protocol::Header& header, Control control) {
    control.client_id = client.id();
    const bool wants_reply = (control.flags & protocol::control_flag::noreply) == 0;
    const std::uint32_t destnode =
        header.destnode == protocol::pnn::current_node ? daemon_.nodes.self() : header.destnode;
    daemon_.sections.passed_on(client.id(), destnode, control);
    if (!wants_reply && destnode != daemon_.nodes.self()) {
        tell(destnode, control);
        return;
    }
    auto reply = [this, id = client.id(), reqid = header.reqid, wants_reply](ReplyControl answer) {
        if (!wants_reply) return;
        if (Client* const asker = daemon_.clients.find(id))
            asker->send(encode_packet(daemon_.messenger.header(reqid), answer));
    };
    if (protocol::pnn::is_broadcast(destnode))
        // The stock daemon never answers here and the client hangs.
        reply(refused("a control to many nodes can have no reply: set the NOREPLY flag"));
    else if (!daemon_.nodes.is_connected(destnode))
        reply(refused("ctdb_control to disconnected node"));
    else if (destnode == daemon_.nodes.self())
        carry_out({daemon_, control, client.id(), destnode, std::move(reply)});
    else
        carry_out_elsewhere(destnode, client.id(), control, std::move(reply));
}

void ControlDesk::tell(std::uint32_t destnode, const Control& control) {
    std::vector<Pnn> to = daemon_.nodes.destinations(destnode);
    const bool here = std::erase(to, daemon_.nodes.self()) > 0;
    if (!to.empty())
        daemon_.cluster.send(to, ControlRequest{.id = 0,
                                                .opcode = control.opcode,
                                                .srvid = control.srvid,
                                                .client_id = control.client_id,
                                                .flags = control.flags,
                                                .data = control.data});
    if (here)
        carry_out({daemon_, control, control.client_id, daemon_.nodes.self(),
                   [](const ReplyControl&) {}});
}

// -- here

void ControlDesk::carry_out(const ControlCall& call) {
    const protocol::Opcode opcode = call.control.opcode;
    const protocol::OpcodeFacts* const facts = protocol::facts_of(opcode);
    const ControlFunction function = control_function(opcode);
    if (facts == nullptr || facts->state == protocol::OpcodeState::dead || function == nullptr) {
        logs::clients().warn("control {} ({}) from client {} is not implemented",
                             static_cast<std::uint32_t>(opcode), protocol::name_of(opcode),
                             call.client);
        call.reply(refused(fmt::format("{} is not implemented", protocol::name_of(opcode))));
    } else if (!facts->accepts(call.control.data.size())) {
        call.reply(refused(fmt::format("{} with {} bytes of data is malformed", facts->name,
                                       call.control.data.size())));
    } else if (facts->scope == protocol::OpcodeScope::client && !call.from_client()) {
        call.reply(refused(fmt::format("{} is about the asking client", facts->name)));
    } else if (ControlOutcome outcome = function(call)) {
        call.reply(std::move(*outcome));
    }
}

void ControlDesk::arrived(std::uint32_t from, const ControlRequest& request) {
    const Control control{.opcode = request.opcode,
                          .srvid = request.srvid,
                          .client_id = 0,
                          .flags = request.flags,
                          .data = request.data};
    carry_out({daemon_, control, 0, from, [this, from, id = request.id](ReplyControl answer) {
                   if (id == 0) return;
                   const std::array<Pnn, 1> to = {from};
                   daemon_.cluster.send(to, ControlAnswer{.id = id,
                                                          .status = answer.status,
                                                          .data = answer.data,
                                                          .error = answer.error});
               }});
}

// -- elsewhere

void ControlDesk::carry_out_elsewhere(std::uint32_t pnn,
                                      ClientId client,
                                      const Control& control,
                                      ControlCall::Reply reply) {
    const std::uint32_t patience = daemon_.tunables[config::Tunable::control_timeout];
    const auto now = std::chrono::steady_clock::now();
    pending_.emplace(
        ++last_id_, Pending{.pnn = pnn,
                            .client = client,
                            .reply = std::move(reply),
                            .after_messages = control.opcode == protocol::Opcode::db_pull,
                            .deadline = patience == 0 ? std::chrono::steady_clock::time_point::max()
                                                      : now + std::chrono::seconds(patience)});
    const std::array<Pnn, 1> to = {pnn};
    daemon_.cluster.send(to, ControlRequest{.id = last_id_,
                                            .opcode = control.opcode,
                                            .srvid = control.srvid,
                                            .client_id = control.client_id,
                                            .flags = control.flags,
                                            .data = control.data});
    watch_deadlines();
}

void ControlDesk::arrived(std::uint32_t from, const ControlAnswer& answer) {
    const auto found = pending_.find(answer.id);
    if (found == pending_.end() || found->second.pnn != from) return; // too late
    const Pending pending = std::move(found->second);
    pending_.erase(found);
    const bool done = answer.status == 0;
    const ReplyControl reply{
        .status = answer.status, .data = done ? answer.data : Bytes(), .error = answer.error};
    if (pending.after_messages)
        daemon_.disk.when_idle([reply, to = pending.reply] { to(reply); });
    else
        pending.reply(reply);
}

void ControlDesk::node_gone(std::uint32_t pnn) {
    std::vector<ControlCall::Reply> replies;
    std::erase_if(pending_, [&](auto& entry) {
        if (entry.second.pnn != pnn) return false;
        replies.push_back(std::move(entry.second.reply));
        return true;
    });
    for (const auto& reply : replies)
        reply(refused("node is disconnected"));
}

void ControlDesk::client_gone(ClientId client) {
    std::erase_if(pending_, [&](const auto& entry) { return entry.second.client == client; });
}

// A second more or less does not matter to a minute.
void ControlDesk::watch_deadlines() {
    if (pending_.empty() || std::exchange(timer_set_, true)) return;
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        timer_set_ = false;
        const auto now = std::chrono::steady_clock::now();
        std::vector<ControlCall::Reply> late;
        std::erase_if(pending_, [&](auto& entry) {
            if (entry.second.deadline > now) return false;
            late.push_back(std::move(entry.second.reply));
            return true;
        });
        for (const auto& reply : late) {
            ++daemon_.statistics.timeouts.control;
            reply(refused("ctdb_control timed out"));
        }
        watch_deadlines();
    });
}

} // namespace ctdbd::daemon
