#include "net/control_metrics.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace net {

namespace {

namespace json = boost::json;

enum class Kind { counter, gauge };

struct Metric {
    const char* key; // in the status
    const char* name;
    Kind kind;
    double scale; // the status' unit in the metric's
    const char* help;
};

constexpr Metric metrics[] = {
    {"token rotation us", "totem_token_rotation_seconds", Kind::gauge, 1e-6,
     "Smoothed time that the token takes round the active ring."},
    {"window packets", "totem_window_packets", Kind::gauge, 1,
     "Packets that all members may send in one rotation."},
    {"queue bytes", "totem_send_queue_bytes", Kind::gauge, 1, "Submitted and not yet sent."},
    {"packets held", "totem_held_packets", Kind::gauge, 1,
     "Packets kept because another member may still want them."},
    {"records", "totem_records", Kind::gauge, 1, "Volatile records of the whole cluster."},
    {"tokens handled", "totem_tokens_total", Kind::counter, 1, "Visits of the token."},
    {"token retransmissions", "totem_token_retransmissions_total", Kind::counter, 1,
     "Tokens sent again because they seemed lost."},
    {"packets originated", "totem_packets_originated_total", Kind::counter, 1,
     "Data packets that this node put in order."},
    {"retransmissions", "totem_retransmissions_total", Kind::counter, 1,
     "Data packets sent again for others."},
    {"duplicates", "totem_duplicates_total", Kind::counter, 1, "Data packets received once more."},
    {"messages delivered", "totem_messages_delivered_total", Kind::counter, 1,
     "Messages delivered in order."},
    {"bytes delivered", "totem_delivered_bytes_total", Kind::counter, 1,
     "Payload of the messages delivered in order."},
    {"gathers", "totem_gathers_total", Kind::counter, 1, "How often members were looked for."},
    {"rings installed", "totem_rings_installed_total", Kind::counter, 1,
     "Regular configurations delivered."},
    {"commands applied", "totem_commands_applied_total", Kind::counter, 1,
     "Ordered commands of the replicated services."},
    {"packets sent", "totem_sent_packets_total", Kind::counter, 1,
     "Packets handed to the network."},
    {"packets received", "totem_received_packets_total", Kind::counter, 1,
     "Packets taken from the network."},
    {"packets refused", "totem_refused_packets_total", Kind::counter, 1,
     "Packets that were malformed, foreign or not authentic."},
    {"socket overruns", "totem_socket_overruns_total", Kind::counter, 1,
     "Packets that the kernel dropped because its buffer was full."},
    {"wake-ups", "totem_wake_ups_total", Kind::counter, 1, "How often the ring's thread woke up."},
};

std::optional<double> number(const json::object& status, std::string_view key) {
    const json::value* value = status.if_contains(key);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
}

std::string text(const json::object& status, std::string_view key) {
    const json::value* value = status.if_contains(key);
    if (value == nullptr) return "unknown";
    return value->is_string() ? json::value_to<std::string>(*value) : json::serialize(*value);
}

std::size_t length_of(const json::object& status, std::string_view key) {
    const json::value* list = status.if_contains(key);
    return list != nullptr && list->is_array() ? list->get_array().size() : 0;
}

void append(std::string& out,
            const char* name,
            const char* type,
            const char* help,
            const std::string& labels,
            double value) {
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{0}{{{3}}} {4}\n", name, help, type, labels,
                       value);
}

} // namespace

std::string describe_metrics(const json::object& status) {
    const auto node = number(status, "node");
    if (!node) throw std::runtime_error("the answer is not a status");
    const std::string labels = fmt::format("node=\"{}\"", *node);
    std::string out;
    append(out, "totem_members", "gauge", "Members of the installed ring.", labels,
           static_cast<double>(length_of(status, "members")));
    append(out, "totem_suspects", "gauge",
           "Nodes that this node would rather not form a ring with for a while.", labels,
           static_cast<double>(length_of(status, "suspects")));
    append(out, "totem_operational", "gauge", "1: the token turns; 0: the ring is being formed.",
           labels, text(status, "ring phase") == "operational" ? 1 : 0);
    append(out, "totem_serving", "gauge",
           "1: this node is in the primary component and serves; 0: it does not.", labels,
           text(status, "component phase") == "active" ? 1 : 0);
    for (const Metric& metric : metrics)
        if (const auto value = number(status, metric.key))
            append(out, metric.name, metric.kind == Kind::counter ? "counter" : "gauge",
                   metric.help, labels, *value * metric.scale);
    return out;
}

std::string describe_top(const json::object& before,
                         const json::object& now,
                         std::chrono::duration<double> elapsed) {
    std::string out = fmt::format("node {}  ring {}  {}  members {}\n", text(now, "node"),
                                  text(now, "ring"), text(now, "ring phase"), text(now, "members"));
    out += fmt::format("component {}  {}  quorum: {}\n", text(now, "component"),
                       text(now, "component phase"), text(now, "quorum"));
    out += fmt::format("{}\n\n", text(now, "explanation"));
    for (const Metric& metric : metrics)
        if (const auto value = number(now, metric.key); value && metric.kind == Kind::gauge)
            out += fmt::format("{:24}{:>16.0f}\n", metric.key, *value);
    out += fmt::format("\n{:24}{:>16}{:>20}\n", "", "per second", "in all");
    for (const Metric& metric : metrics) {
        const auto value = number(now, metric.key);
        if (!value || metric.kind != Kind::counter) continue;
        const double past = number(before, metric.key).value_or(0);
        const double grown = *value >= past ? *value - past : *value;
        out += fmt::format("{:24}{:>16.1f}{:>20.0f}\n", metric.key,
                           elapsed.count() > 0 ? grown / elapsed.count() : 0, *value);
    }
    return out;
}

} // namespace net
