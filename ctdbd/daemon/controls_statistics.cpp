// Controls about counters (ctdb-wire.md 3.1.5). What has no meaning here stays zero.
#include "ctdbd/daemon/daemon.h"

#include <fmt/format.h>

#include <array>
#include <malloc.h>

namespace ctdbd::daemon {

namespace {

using protocol::Opcode;
using protocol::ReplyControl;

void add(protocol::LockStatistics& sum, const protocol::LockStatistics& locks) {
    sum.num_calls += locks.num_calls;
    sum.num_current += locks.num_current;
    sum.num_pending += locks.num_pending;
    sum.num_failed += locks.num_failed;
    const bool first = sum.latency.num == 0;
    if (locks.latency.num > 0) {
        sum.latency.min = first ? locks.latency.min : std::min(sum.latency.min, locks.latency.min);
        sum.latency.max = std::max(sum.latency.max, locks.latency.max);
    }
    sum.latency.num += locks.latency.num;
    sum.latency.total += locks.latency.total;
    for (std::size_t i = 0; i < sum.buckets.size(); ++i)
        sum.buckets[i] += locks.buckets[i];
}

// What others count for us, and never set back.
void add_counts(const Daemon& daemon, protocol::Statistics& sum, std::uint32_t sign) {
    const net::NodeReport ring = daemon.cluster.report();
    const auto add = [sign](std::uint32_t& number, std::uint64_t count) {
        number += sign * static_cast<std::uint32_t>(count);
    };
    add(sum.client_packets_sent, daemon.clients.counts().packets_sent);
    add(sum.node_packets_sent, ring.packets_sent);
    add(sum.node_packets_recv, ring.packets_received);
}

// What is not counted but measured when asked for.
protocol::Statistics now(Daemon& daemon) {
    protocol::Statistics statistics = daemon.statistics;
    add_counts(daemon, statistics, 1);
    statistics.num_clients = static_cast<std::uint32_t>(daemon.clients.size());
    statistics.frozen = daemon.records.frozen() && daemon.records.all_shut() ? 1 : 0;
    statistics.recovering = daemon.recovery_mode() == protocol::RecoveryMode::active ? 1 : 0;
    statistics.memory_used = static_cast<std::uint32_t>(mallinfo2().uordblks);
    for (const DatabaseEntry* const entry : daemon.databases.newest_first())
        if (VolatileFile* const file = daemon.records.find(entry->id))
            add(statistics.locks, file->lock_statistics());
    statistics.now = time_of_day();
    return statistics;
}

ControlOutcome statistics(const ControlCall& call) {
    return ReplyControl::done(protocol::encode(now(call.daemon)));
}

ControlOutcome statistics_reset(const ControlCall& call) {
    const std::uint32_t pending = call.daemon.statistics.pending_calls;
    call.daemon.statistics = {};
    add_counts(call.daemon, call.daemon.statistics, -1U); // modulo 2^32 they begin at zero again
    call.daemon.statistics.pending_calls = pending;
    call.daemon.statistics.started = time_of_day();
    for (const DatabaseEntry* const entry : call.daemon.databases.newest_first())
        if (VolatileFile* const file = call.daemon.records.find(entry->id))
            file->reset_statistics();
    return ReplyControl::done();
}

// Text for people: here, what this program holds.
ControlOutcome dump_memory(const ControlCall& call) {
    const auto records = call.daemon.cluster.records().status();
    const std::string text = fmt::format(
        "heap {} bytes\nclients {}\ndatabases {}\nrecords in the directory {}\ncalls waiting {}\n",
        mallinfo2().uordblks, call.daemon.clients.size(), call.daemon.databases.size(),
        records.records, call.daemon.records.calls_waiting());
    return ReplyControl::done(Bytes::copy_of(std::string_view(text)));
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::statistics, statistics},
    {Opcode::statistics_reset, statistics_reset},
    {Opcode::dump_memory, dump_memory},
});

} // namespace

std::span<const ControlRow> statistics_controls() { return rows; }

} // namespace ctdbd::daemon
