// Takeover runs: the leader decides who hosts which public address, whenever that may have to
// change (ctdb-behaviour.md 6.2 to 6.4; ctdb-wire.md 4.3, 7.2).
//
// The allocation itself is the packaged takeover helper's, which is a client of ours as any other:
// it asks the nodes what they know and could host, has addresses released, then taken, then tells
// everybody. So it allocates as it always did, with the leader's tunables. Here is when: after each
// generation and whenever somebody asks; never two at a time in a cluster; and not before a node
// that vanished has surely taken its own addresses off.
#pragma once

#include "ctdbd/daemon/child.h"
#include "ctdbd/daemon/cluster.h"
#include "ctdbd/protocol/nodes.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace ctdbd::daemon {

class Daemon;

class Takeover {
public:
    using Clock = std::chrono::steady_clock;

    Takeover(boost::asio::io_context& loop, Daemon& daemon);

    void begin(); // listens for requests
    // Something changed that may change who hosts what.
    void wanted();
    // A component serves; of nodes that vanished from the last one some may not have noticed.
    void generation_began();

    // Of somebody who vanished it is certain that its addresses are off.
    void death_is_certain() { look(); }

    // What that node forbade is over, and what a tool did: now addresses must move.
    void node_gone(Pnn pnn);

private:
    struct Run;

    void asked(const Bytes& data);
    void forbidden(const Bytes& data);
    void ip_check_forbidden(const Bytes& data);
    void forbid(Pnn by, std::chrono::seconds length);
    [[nodiscard]] bool is_forbidden();
    [[nodiscard]] bool must_wait();

    void look();
    void look_after(Clock::duration pause);
    void start_run();
    void read_result(const std::shared_ptr<Run>& run);
    void ended(bool well);
    void answer(const std::vector<protocol::SrvidMessage>& askers, std::int32_t result);
    void tell_others(std::chrono::seconds length);

    boost::asio::io_context& loop_;
    Daemon& daemon_;
    boost::asio::steady_timer timer_;
    bool wanted_ = false;
    std::vector<protocol::SrvidMessage> askers_; // of the next run
    std::set<Pnn> rebalance_;                    // in the next run
    std::map<Pnn, Clock::time_point> forbidden_; // by whom, until when
    std::shared_ptr<Run> run_;
    unsigned failures_ = 0;                  // in a row
    std::set<totem::ProcessorId> unnoticed_; // vanished, and may still have its addresses
    Clock::time_point noticed_at_{}; // since when all that vanished know that they are cut off
};

} // namespace ctdbd::daemon
