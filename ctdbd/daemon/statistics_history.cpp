#include "ctdbd/daemon/statistics_history.h"

#include "ctdbd/daemon/daemon.h"

#include <algorithm>
#include <malloc.h>
#include <utility>

namespace ctdbd::daemon {

StatisticsHistory::StatisticsHistory(boost::asio::io_context& loop, Daemon& daemon)
    : daemon_(daemon), timer_(loop) {}

void StatisticsHistory::start() {
    reset();
    wait();
}

// The tunable is looked at anew each time.
void StatisticsHistory::wait() {
    const std::uint32_t interval = daemon_.tunables[config::Tunable::stat_history_interval];
    timer_.expires_after(std::chrono::seconds(std::max(interval, 1U)));
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        over_.push_front(present());
        if (over_.size() > protocol::statistics_history) over_.pop_back();
        const protocol::Timeval started = past_.started;
        add(past_, over_.front());
        past_.started = started;
        begin_stretch();
        wait();
    });
}

void StatisticsHistory::reset() {
    for (const DatabaseEntry* const entry : daemon_.databases.newest_first())
        if (VolatileFile* const file = daemon_.records.find(entry->id)) file->reset_statistics();
    past_ = {};
    past_.started = time_of_day();
    begin_stretch();
}

void StatisticsHistory::begin_stretch() {
    const std::uint32_t pending = daemon_.statistics.pending_calls;
    daemon_.statistics = {};
    daemon_.statistics.pending_calls = pending;
    daemon_.statistics.started = time_of_day();
    at_begin_ = elsewhere();
}

StatisticsHistory::Elsewhere StatisticsHistory::elsewhere() const {
    const net::NodeReport ring = daemon_.cluster.report();
    Elsewhere counts{.client_packets_sent =
                         static_cast<std::uint32_t>(daemon_.clients.counts().packets_sent),
                     .node_packets_sent = static_cast<std::uint32_t>(ring.packets_sent),
                     .node_packets_recv = static_cast<std::uint32_t>(ring.packets_received),
                     .delegations = daemon_.records.delegation_counts(),
                     .locks = {}};
    for (const DatabaseEntry* const entry : daemon_.databases.newest_first())
        if (VolatileFile* const file = daemon_.records.find(entry->id))
            add(counts.locks, file->lock_statistics());
    return counts;
}

// Modulo 2^32, as the numbers themselves.
protocol::Statistics StatisticsHistory::present() const {
    const Elsewhere now = elsewhere();
    protocol::Statistics statistics = daemon_.statistics;
    statistics.client_packets_sent = now.client_packets_sent - at_begin_.client_packets_sent;
    statistics.node_packets_sent = now.node_packets_sent - at_begin_.node_packets_sent;
    statistics.node_packets_recv = now.node_packets_recv - at_begin_.node_packets_recv;
    statistics.total_ro_delegations = now.delegations.delegated - at_begin_.delegations.delegated;
    statistics.total_ro_revokes = now.delegations.revoked - at_begin_.delegations.revoked;
    statistics.locks = protocol::since(at_begin_.locks, now.locks);
    measure(statistics);
    return statistics;
}

protocol::Statistics StatisticsHistory::since_reset() const {
    protocol::Statistics statistics = past_;
    add(statistics, present());
    statistics.started = past_.started;
    statistics.locks = elsewhere().locks; // knows the least and the most of all
    measure(statistics);
    return statistics;
}

// What is not counted but is so at this moment.
void StatisticsHistory::measure(protocol::Statistics& statistics) const {
    statistics.pending_calls = daemon_.statistics.pending_calls;
    statistics.num_clients = static_cast<std::uint32_t>(daemon_.clients.size());
    statistics.frozen = daemon_.records.frozen() && daemon_.records.all_shut() ? 1 : 0;
    statistics.recovering = daemon_.recovery_mode() == protocol::RecoveryMode::active ? 1 : 0;
    statistics.memory_used = static_cast<std::uint32_t>(mallinfo2().uordblks);
    statistics.now = time_of_day();
}

protocol::StatisticsList StatisticsHistory::stretches() const {
    protocol::StatisticsList list{{over_.begin(), over_.end()}};
    list.entries.resize(protocol::statistics_history); // the rest is zero
    return list;
}

} // namespace ctdbd::daemon
