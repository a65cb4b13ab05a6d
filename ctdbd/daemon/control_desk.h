// Controls: what clients ask of this node or of another one (ctdb-wire.md 2.5, 2.6, 3;
// ctdb-behaviour.md 1.2).
//
// The desk knows where a control is to be carried out and that everybody who wants a reply gets
// exactly one. What a control does stands in the controls_*.cpp, one small function each.
#pragma once

#include "ctdbd/daemon/client.h"
#include "ctdbd/daemon/letters.h"
#include "ctdbd/protocol/packets.h"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>

namespace ctdbd::daemon {

class Daemon;

// One control that is being carried out here.
struct ControlCall {
    using Reply = std::function<void(protocol::ReplyControl)>;

    Daemon& daemon;
    const protocol::Control& control;
    ClientId client = 0;    // who asked; 0: somebody on another node
    std::uint32_t from = 0; // the node of whoever asked
    Reply reply;            // for the answer that comes later; survives the call

    [[nodiscard]] bool from_client() const { return client != 0; }
};

// The reply, or none: it will be given later, through ControlCall::reply, exactly once.
using ControlOutcome = std::optional<protocol::ReplyControl>;
using ControlFunction = ControlOutcome (*)(const ControlCall& call);

struct ControlRow {
    protocol::Opcode opcode;
    ControlFunction function;
};

// The table, by subject; null: this daemon does not know how.
[[nodiscard]] ControlFunction control_function(protocol::Opcode opcode);
[[nodiscard]] std::span<const ControlRow> database_controls();
[[nodiscard]] std::span<const ControlRow> record_controls();
[[nodiscard]] std::span<const ControlRow> node_controls();
[[nodiscard]] std::span<const ControlRow> client_controls();
[[nodiscard]] std::span<const ControlRow> tunable_controls();
[[nodiscard]] std::span<const ControlRow> statistics_controls();
[[nodiscard]] std::span<const ControlRow> traverse_controls();
[[nodiscard]] std::span<const ControlRow> section_controls();
[[nodiscard]] std::span<const ControlRow> address_controls();

// -1, with a reason for whoever reads packets: the ctdb tool does not print it.
[[nodiscard]] inline protocol::ReplyControl refused(std::string why) {
    return protocol::ReplyControl::with_status(-1, std::move(why));
}

class ControlDesk {
public:
    ControlDesk(boost::asio::io_context& loop, Daemon& daemon);
    ~ControlDesk();

    ControlDesk(const ControlDesk&) = delete;
    ControlDesk& operator=(const ControlDesk&) = delete;

    // From one of our clients.
    void asked(Client& client, const protocol::Header& header, protocol::Control control);
    // From another node, and the answers of other nodes.
    void arrived(std::uint32_t from, const ControlRequest& request);
    void arrived(std::uint32_t from, const ControlAnswer& answer);
    // To a node or a broadcast address, without a reply; here, too, if we are among them.
    void tell(std::uint32_t destnode, const protocol::Control& control);

    // That node's daemon is gone; another one may be there already.
    void node_gone(std::uint32_t pnn);
    void client_gone(ClientId client);

private:
    struct Pending {
        std::uint32_t pnn = 0;
        ClientId client = 0;
        ControlCall::Reply reply;
        bool after_messages = false; // the reply may not overtake them: they are what was asked for
        std::chrono::steady_clock::time_point deadline;
    };

    void carry_out(const ControlCall& call);
    void carry_out_elsewhere(std::uint32_t pnn,
                             ClientId client,
                             const protocol::Control& control,
                             ControlCall::Reply reply);
    void watch_deadlines();

    boost::asio::io_context& loop_;
    Daemon& daemon_;
    std::map<std::uint64_t, Pending> pending_; // by id: in the order of their age
    std::uint64_t last_id_ = 0;
    boost::asio::steady_timer timer_;
    bool timer_set_ = false;
};

} // namespace ctdbd::daemon
