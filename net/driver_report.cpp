// What operators want to know of the driver: a report that other threads may read at any time, and
// a warning when the network does not take our packets, or we do not take those of others.
#include "net/driver.h"
#include "net/logs.h"

#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

namespace net {

namespace {

constexpr Duration report_interval = 200ms;
constexpr Duration complaint_interval = 10s;

// What somebody has to mend. Other refusals are part of a healthy ring's life: its own echoes, and
// what was on its way when a node started anew.
constexpr std::pair<Refusal, const char*> complaints[] = {
    {Refusal::malformed, "they are not of a ring: something else sends to our port"},
    {Refusal::truncated, "they are larger than our MTU: set the same `mtu` on all nodes"},
    {Refusal::foreign_cluster, "they are of a ring with another `cluster name`: if it is not ours, "
                               "give it another `multicast group` or `port`"},
    {Refusal::unknown_node, "our nodes file does not have their node: it must be the same on all"},
    {Refusal::wrong_address, "our nodes file has another address for their node"},
    {Refusal::wrong_mode, "one of us has a `key file` and the other has none"},
    {Refusal::unknown_key,
     "our key file does not have their key: it must be the same on all nodes"},
    {Refusal::not_authentic, "they are not sealed with our key: the key file must be the same on "
                             "all nodes"},
};

} // namespace

NodeReport Driver::report() const {
    const std::lock_guard lock(report_mutex_);
    return report_;
}

void Driver::make_report() {
    if (now_ - reported_at_ < report_interval) return;
    reported_at_ = now_;
    complain_of_losses();
    complain_of_refusals();
    const RefusalCounts& refusals = opener_.refusals();
    const std::uint64_t echoes = refusals[static_cast<std::size_t>(Refusal::own_echo)];
    std::string explanation = processor_.explain(now_);
    auto suspects = processor_.suspects(now_);
    const membership::Processor::View view = processor_.view();
    const std::lock_guard lock(report_mutex_);
    report_.phase = processor_.phase();
    report_.ring = processor_.ring();
    report_.members.assign(processor_.members().begin(), processor_.members().end());
    report_.statistics = processor_.statistics();
    report_.turns = turns_;
    report_.packets_sent = data_.outbox.counts().sent + token_.outbox.counts().sent;
    report_.packets_received = packets_received_ - echoes;
    report_.packets_refused =
        std::accumulate(refusals.begin(), refusals.end(), std::uint64_t{0}) - echoes;
    report_.socket_overruns = data_.inbox.overruns() + token_.inbox.overruns();
    report_.queue_bytes = view.queue_bytes;
    report_.packets_held = view.packets_held;
    report_.window_packets = view.window_packets;
    report_.suspects = std::move(suspects);
    report_.explanation = std::move(explanation);
}

void Driver::complain_of_losses() {
    const Outbox::Counts& data = data_.outbox.counts();
    const Outbox::Counts& token = token_.outbox.counts();
    const std::uint64_t lost = data.lost + token.lost;
    if (lost == lost_reported_ || now_ - loss_reported_at_ < complaint_interval) return;
    const int error = data.last_error != 0 ? data.last_error : token.last_error;
    logs::ring().warn("the network did not take {} of our packets: {}{}", lost - lost_reported_,
                      std::strerror(error),
                      error == EMSGSIZE ? "; the path's MTU is smaller than ours: set `mtu`" : "");
    lost_reported_ = lost;
    loss_reported_at_ = now_;
}

void Driver::complain_of_refusals() {
    if (now_ - refusals_reported_at_ < complaint_interval) return;
    for (const auto& [refusal, why] : complaints) {
        const auto kind = static_cast<std::size_t>(refusal);
        const std::uint64_t count = opener_.refusals()[kind] - refusals_reported_[kind];
        if (count == 0) continue;
        logs::ring().warn("{} packets refused, the last of them from {}: {}", count,
                          refused_from_[kind].address().to_string(), why);
        refusals_reported_at_ = now_;
    }
    refusals_reported_ = opener_.refusals();
}

} // namespace net
