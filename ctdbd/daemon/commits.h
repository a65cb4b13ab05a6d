// Transactions on persistent and replicated databases (ctdb-behaviour.md 1.5.8, 3.10;
// ctdb-wire.md 3.3.6): the client's buffer becomes one commit of the database service.
//
// A client that is refused looks at the sequence number in its file and may ask again at once; so a
// refusal is given only when nothing is on its way any more, and not immediately.
#pragma once

#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/daemon/database_table.h"

#include <boost/asio/io_context.hpp>

#include <map>

namespace ctdbd::daemon {

class Commits {
public:
    Commits(boost::asio::io_context& loop, Daemon& daemon);

    [[nodiscard]] ControlOutcome asked(const ControlCall& call);

    // The whole content, put there by a tool; `reply` is given the outcome.
    void replace(DatabaseId db, std::vector<statedb::Write> content, ControlCall::Reply reply);

    // The cluster's decisions.
    void committed(std::uint64_t ticket);
    void refused(std::uint64_t ticket, const std::string& why);

private:
    struct Running {
        DatabaseId db = 0;
        ClientId client = 0;
        ControlCall::Reply reply;
    };

    boost::asio::io_context& loop_;
    Daemon& daemon_;
    std::map<std::uint64_t, Running> running_; // by ticket
    std::uint64_t last_ticket_ = 0;
};

} // namespace ctdbd::daemon
