// Attaching to databases and detaching them (ctdb-behaviour.md 2.7; ctdb-wire.md 3.3.5): who may,
// who must wait until this node serves, and who is answered when the cluster has decided.
#pragma once

#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/daemon/database_table.h"

#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <map>

namespace ctdbd::daemon {

class Attaching {
public:
    Attaching(boost::asio::io_context& loop, Daemon& daemon);

    [[nodiscard]] ControlOutcome asked(const ControlCall& call, DatabaseKind kind);

    // A volatile database ceases to exist, on every node; its file stays on the disk.
    [[nodiscard]] ControlOutcome asked_to_detach(const ControlCall& call);

    // The cluster's decisions.
    void attached(std::uint64_t ticket, DatabaseId id);
    void detached(std::uint64_t ticket);
    void refused(std::uint64_t ticket, const std::string& why);

    // This node serves now, or it does no more.
    void look_at_deferred();
    void client_gone(ClientId client);

private:
    struct Deferred {
        std::string name;
        DatabaseKind kind = DatabaseKind::is_volatile;
        ClientId client = 0;
        ControlCall::Reply reply;
        std::chrono::steady_clock::time_point deadline;
    };

    [[nodiscard]] bool must_wait() const;
    [[nodiscard]] ControlOutcome
    attach(const std::string& name, DatabaseKind kind, const ControlCall::Reply& reply);
    void watch_deferred();

    Daemon& daemon_;
    std::deque<Deferred> deferred_;
    std::map<std::uint64_t, ControlCall::Reply> asked_; // by ticket
    std::uint64_t last_ticket_ = 0;
    boost::asio::steady_timer timer_;
    bool timer_set_ = false;
};

} // namespace ctdbd::daemon
