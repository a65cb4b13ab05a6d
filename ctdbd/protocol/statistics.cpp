#include "ctdbd/protocol/statistics.h"

#include "ctdbd/protocol/layout.h"

#include <algorithm>
#include <bit>

namespace ctdbd::protocol {

void LatencyCounter::add(double seconds) {
    min = num == 0 ? seconds : std::min(min, seconds);
    max = num == 0 ? seconds : std::max(max, seconds);
    total += seconds;
    ++num;
}

void LatencyCounter::add(const LatencyCounter& more) {
    if (more.num == 0) return;
    min = num == 0 ? more.min : std::min(min, more.min);
    max = num == 0 ? more.max : std::max(max, more.max);
    total += more.total;
    num += more.num;
}

namespace {

void add(Buckets& sum, const Buckets& more) {
    for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += more[i];
}

} // namespace

void add(LockStatistics& sum, const LockStatistics& more) {
    sum.num_calls += more.num_calls;
    sum.num_current += more.num_current;
    sum.num_pending += more.num_pending;
    sum.num_failed += more.num_failed;
    sum.latency.add(more.latency);
    add(sum.buckets, more.buckets);
}

LockStatistics since(const LockStatistics& before, const LockStatistics& now) {
    LockStatistics between = now;
    between.num_calls -= before.num_calls;
    between.num_failed -= before.num_failed;
    for (std::size_t i = 0; i < between.buckets.size(); ++i)
        between.buckets[i] -= before.buckets[i];
    LatencyCounter& latency = between.latency;
    latency.num -= before.latency.num;
    latency.total -= before.latency.total;
    latency.min = latency.max = latency.num > 0 ? latency.total / latency.num : 0;
    if (latency.num <= 0) latency = {}; // counted anew meanwhile
    return between;
}

void add(Statistics& sum, const Statistics& more) {
    using S = Statistics;
    for (const auto member :
         {&S::client_packets_sent, &S::client_packets_recv, &S::node_packets_sent,
          &S::node_packets_recv, &S::keepalive_packets_sent, &S::keepalive_packets_recv,
          &S::total_calls, &S::childwrite_calls, &S::num_recoveries, &S::total_ro_delegations,
          &S::total_ro_revokes})
        sum.*member += more.*member;
    using N = NodePacketCounts;
    for (const auto member :
         {&N::req_call, &N::reply_call, &N::req_dmaster, &N::reply_dmaster, &N::reply_error,
          &N::req_message, &N::req_control, &N::reply_control, &N::req_tunnel})
        sum.node.*member += more.node.*member;
    using C = ClientPacketCounts;
    for (const auto member : {&C::req_call, &C::req_message, &C::req_control, &C::req_tunnel})
        sum.client.*member += more.client.*member;
    using T = TimeoutCounts;
    for (const auto member : {&T::call, &T::control, &T::traverse})
        sum.timeouts.*member += more.timeouts.*member;
    for (const auto member :
         {&S::reclock_ctdbd, &S::reclock_recd, &S::call_latency, &S::childwrite_latency})
        (sum.*member).add(more.*member);
    add(sum.locks, more.locks);
    add(sum.hop_count_buckets, more.hop_count_buckets);
    sum.max_hop_count = std::max(sum.max_hop_count, more.max_hop_count);
}

std::size_t lock_bucket(double seconds) {
    static constexpr std::array bounds{0.001, 0.01, 0.1, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0};
    return static_cast<std::size_t>(std::ranges::upper_bound(bounds, seconds) - bounds.begin());
}

std::size_t hop_count_bucket(std::uint32_t hops) {
    return std::min<std::size_t>(std::bit_width(hops), count_buckets - 1);
}

void layout(auto& io, Is<LatencyCounter> auto& counter) {
    io.number("num", counter.num);
    io.pad(4);
    io.number("min", counter.min);
    io.number("max", counter.max);
    io.number("total", counter.total);
}

void layout(auto& io, Is<Buckets> auto& buckets) {
    for (auto& bucket : buckets)
        io.number("bucket", bucket);
}

void layout(auto& io, Is<LockStatistics> auto& locks) {
    io.number("locks.num_calls", locks.num_calls);
    io.number("locks.num_current", locks.num_current);
    io.number("locks.num_pending", locks.num_pending);
    io.number("locks.num_failed", locks.num_failed);
    layout(io, locks.latency);
    layout(io, locks.buckets);
}

void layout(auto& io, Is<NodePacketCounts> auto& node) {
    io.number("node.req_call", node.req_call);
    io.number("node.reply_call", node.reply_call);
    io.number("node.req_dmaster", node.req_dmaster);
    io.number("node.reply_dmaster", node.reply_dmaster);
    io.number("node.reply_error", node.reply_error);
    io.number("node.req_message", node.req_message);
    io.number("node.req_control", node.req_control);
    io.number("node.reply_control", node.reply_control);
    io.number("node.req_tunnel", node.req_tunnel);
}

void layout(auto& io, Is<ClientPacketCounts> auto& client) {
    io.number("client.req_call", client.req_call);
    io.number("client.req_message", client.req_message);
    io.number("client.req_control", client.req_control);
    io.number("client.req_tunnel", client.req_tunnel);
}

void layout(auto& io, Is<TimeoutCounts> auto& timeouts) {
    io.number("timeouts.call", timeouts.call);
    io.number("timeouts.control", timeouts.control);
    io.number("timeouts.traverse", timeouts.traverse);
}

void layout(auto& io, Is<Statistics> auto& all) {
    io.number("num_clients", all.num_clients);
    io.number("frozen", all.frozen);
    io.number("recovering", all.recovering);
    io.number("client_packets_sent", all.client_packets_sent);
    io.number("client_packets_recv", all.client_packets_recv);
    io.number("node_packets_sent", all.node_packets_sent);
    io.number("node_packets_recv", all.node_packets_recv);
    io.number("keepalive_packets_sent", all.keepalive_packets_sent);
    io.number("keepalive_packets_recv", all.keepalive_packets_recv);
    layout(io, all.node);
    layout(io, all.client);
    layout(io, all.timeouts);
    io.pad(4);
    layout(io, all.reclock_ctdbd);
    layout(io, all.reclock_recd);
    layout(io, all.locks);
    io.number("total_calls", all.total_calls);
    io.number("pending_calls", all.pending_calls);
    io.number("childwrite_calls", all.childwrite_calls);
    io.number("pending_childwrite_calls", all.pending_childwrite_calls);
    io.number("memory_used", all.memory_used);
    io.pad(4); // a counter that nobody uses
    io.number("max_hop_count", all.max_hop_count);
    layout(io, all.hop_count_buckets);
    io.pad(4);
    layout(io, all.call_latency);
    layout(io, all.childwrite_latency);
    io.number("num_recoveries", all.num_recoveries);
    io.pad(4);
    layout(io, all.started);
    layout(io, all.now);
    io.number("total_ro_delegations", all.total_ro_delegations);
    io.number("total_ro_revokes", all.total_ro_revokes);
}

void layout(auto& io, Is<StatisticsList> auto& history) {
    io.count("num", history.entries, statistics_size);
    io.pad(4);
    for (auto& entry : history.entries)
        layout(io, entry);
}

// The heads of the hot keys come first, each with its key's size; the keys follow, back to back.
void layout(auto& io, Is<DbStatistics> auto& all) {
    layout(io, all.locks);
    layout(io, all.vacuum_latency);
    io.number("db_ro_delegations", all.ro_delegations);
    io.number("db_ro_revokes", all.ro_revokes);
    layout(io, all.hop_count_buckets);
    io.expect("num_hot_keys", io.length("num_hot_keys", hot_keys) == hot_keys);
    io.pad(4);
    std::array<std::uint64_t, hot_keys> sizes{};
    for (std::size_t i = 0; i < hot_keys; ++i) {
        io.number("hot_key.count", all.hottest[i].count);
        io.pad(4 + 8); // and a pointer that means nothing here
        sizes[i] = all.hottest[i].key.size();
        io.number("hot_key.size", sizes[i]);
    }
    for (std::size_t i = 0; i < hot_keys; ++i)
        io.blob("hot_key.key", all.hottest[i].key, sizes[i]);
}

template Decoded<LatencyCounter> decode(const Bytes&);
template Decoded<Statistics> decode(const Bytes&);
template Decoded<StatisticsList> decode(const Bytes&);
template Decoded<DbStatistics> decode(const Bytes&);

template Bytes encode(const LatencyCounter&);
template Bytes encode(const Statistics&);
template Bytes encode(const StatisticsList&);
template Bytes encode(const DbStatistics&);

} // namespace ctdbd::protocol
