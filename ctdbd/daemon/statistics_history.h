// What this node counted, in stretches of StatHistoryInterval seconds (ctdb-wire.md 3.1.5).
//
// Everybody counts into Daemon::statistics, which is the present stretch, or keeps counters of his
// own that are read here. A stretch that is over is kept; all since the last reset is the sum.
#pragma once

#include "ctdbd/daemon/record_world.h"
#include "ctdbd/protocol/statistics.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>

namespace ctdbd::daemon {

class Daemon;

class StatisticsHistory {
public:
    StatisticsHistory(boost::asio::io_context& loop, Daemon& daemon);

    void start();
    // Counts from now on.
    void reset();

    [[nodiscard]] protocol::Statistics since_reset() const;
    // The newest stretch that is over comes first.
    [[nodiscard]] protocol::StatisticsList stretches() const;

private:
    // What others count, and never set back.
    struct Elsewhere {
        std::uint32_t client_packets_sent = 0, node_packets_sent = 0, node_packets_recv = 0;
        RecordWorld::DelegationCounts delegations;
        protocol::LockStatistics locks;
    };

    [[nodiscard]] Elsewhere elsewhere() const;
    [[nodiscard]] protocol::Statistics present() const;
    void measure(protocol::Statistics& statistics) const;
    void begin_stretch();
    void wait();

    Daemon& daemon_;
    boost::asio::steady_timer timer_;
    Elsewhere at_begin_;        // of the present stretch
    protocol::Statistics past_; // since the last reset, without the present stretch
    std::deque<protocol::Statistics> over_;
};

} // namespace ctdbd::daemon
