#include "ctdbd/model/config_totem.h"

#include "ctdbd/model/config_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ctdbd::config {
namespace {

using Apply = void (*)(TotemConf& conf, const Value& value);

struct Option {
    std::string_view section, name;
    Apply apply;
};

constexpr std::uint32_t mtu_min = 576, mtu_max = 65535;
constexpr std::uint32_t window_max = 100000;

std::uint32_t number_or_auto(const Value& value, std::uint32_t min, std::uint32_t max) {
    if (value.text() == "auto") return 0;
    const std::optional<std::uint32_t> number = number_in(value.text());
    if (!number || *number < min || *number > max)
        value.refuse(fmt::format("it takes auto or a number from {} to {}", min, max));
    return *number;
}

protocol::IpAddress multicast_group_of(const Value& value) {
    boost::system::error_code error;
    const auto group = boost::asio::ip::make_address(value.text(), error);
    if (error || !group.is_multicast())
        value.refuse("it takes a multicast address, 224.0.0.0 to 239.255.255.255 or ff00::/8");
    return group;
}

RingTransport transport_of(const Value& value) {
    if (value.text() == "multicast") return RingTransport::multicast;
    if (value.text() == "unicast") return RingTransport::unicast;
    value.refuse("it takes multicast or unicast");
}

QuorumRule quorum_rule_of(const Value& value) {
    if (value.text() == "dynamic") return QuorumRule::dynamic;
    if (value.text() == "majority") return QuorumRule::majority;
    value.refuse("it takes dynamic or majority");
}

fs::path absolute_path_of(const Value& value) {
    const fs::path path = value.text();
    if (!path.is_absolute()) value.refuse("it takes a path that begins with /");
    return path;
}

fs::path socket_of(const Value& value) {
    const fs::path path = absolute_path_of(value);
    if (path.native().size() > socket_path_max)
        value.refuse(fmt::format("a unix socket's path has at most {} bytes", socket_path_max));
    return path;
}

std::uint16_t port_of(const Value& value) {
    return static_cast<std::uint16_t>(value.number(1, 65535));
}

template <logs::Facility facility>
void set_level(TotemConf& conf, const Value& value) {
    conf.levels[facility] = value.level();
}

constexpr auto options = std::to_array<Option>({
    {"ring", "cluster name", [](auto& conf, auto& value) { conf.ring.cluster = value.text(); }},
    {"ring", "transport",
     [](auto& conf, auto& value) { conf.ring.transport = transport_of(value); }},
    {"ring", "multicast group",
     [](auto& conf, auto& value) { conf.ring.multicast_group = multicast_group_of(value); }},
    {"ring", "multicast ttl",
     [](auto& conf, auto& value) {
         conf.ring.multicast_ttl = static_cast<int>(value.number(0, 255));
     }},
    {"ring", "port", [](auto& conf, auto& value) { conf.ring.port = port_of(value); }},
    {"ring", "token port", [](auto& conf, auto& value) { conf.ring.token_port = port_of(value); }},
    {"ring", "obituary port",
     [](auto& conf, auto& value) { conf.ring.obituary_port = port_of(value); }},
    {"ring", "direct port",
     [](auto& conf, auto& value) { conf.ring.direct_port = port_of(value); }},
    {"ring", "direct moves",
     [](auto& conf, auto& value) { conf.ring.direct_moves = value.boolean(); }},
    {"ring", "direct spin",
     [](auto& conf, auto& value) {
         conf.ring.direct_spin = std::chrono::microseconds(value.number(0, 10000));
     }},
    {"ring", "mtu",
     [](auto& conf, auto& value) { conf.ring.mtu = number_or_auto(value, mtu_min, mtu_max); }},
    {"ring", "key file",
     [](auto& conf, auto& value) { conf.ring.key_file = absolute_path_of(value); }},
    {"ring", "token loss timeout",
     [](auto& conf, auto& value) {
         conf.ring.token_loss_timeout = std::chrono::milliseconds(value.number(10, 600000));
     }},
    {"ring", "window",
     [](auto& conf, auto& value) { conf.ring.window = number_or_auto(value, 1, window_max); }},
    {"ring", "visit window",
     [](auto& conf, auto& value) {
         conf.ring.visit_window = number_or_auto(value, 1, window_max);
     }},
    {"ring", "accelerated window",
     [](auto& conf, auto& value) { conf.ring.accelerated_window = value.number(0, 100); }},
    {"ring", "spin",
     [](auto& conf, auto& value) {
         conf.ring.spin = std::chrono::microseconds(value.number(0, 10000));
     }},
    {"ring", "new identity",
     [](auto& conf, auto& value) { conf.ring.new_identity = value.boolean(); }},
    {"ring", "trace file",
     [](auto& conf, auto& value) { conf.ring.trace_file = absolute_path_of(value); }},
    {"quorum", "rule", [](auto& conf, auto& value) { conf.quorum_rule = quorum_rule_of(value); }},
    {"quorum", "witness", [](auto& conf, auto& value) { conf.witness = absolute_path_of(value); }},
    {"quorum", "lock patience",
     [](auto& conf,
        auto& value) { conf.lock_patience = std::chrono::milliseconds(value.number(0, 600000)); }},
    {"lock", "control socket",
     [](auto& conf, auto& value) { conf.lock_socket = socket_of(value); }},
    {"logging", "ring", set_level<logs::Facility::ring>},
    {"logging", "cluster", set_level<logs::Facility::cluster>},
    {"logging", "databases", set_level<logs::Facility::databases>},
    {"logging", "addresses", set_level<logs::Facility::addresses>},
    {"logging", "events", set_level<logs::Facility::events>},
    {"logging", "clients", set_level<logs::Facility::clients>},
});

std::string names_in(std::string_view section) {
    std::string names;
    for (const Option& option : options)
        if (option.section == section) names.append(names.empty() ? "" : ", ").append(option.name);
    return names;
}

void apply(const Assignment& line, const std::string& file, TotemConf& conf) {
    const Value value(line, file);
    const auto option = std::ranges::find_if(
        options, [&](const Option& o) { return o.section == line.section && o.name == line.name; });
    if (option == options.end())
        throw ConfigError(value.place(), fmt::format("Unknown option {}", value.place().key),
                          line.section.empty()
                              ? "it must stand below a [section]"
                              : fmt::format("[{}] knows {}", line.section, names_in(line.section)));
    value.check_present();
    option->apply(conf, value);
}

void check_ports(const TotemConf& conf, const std::string& file) {
    const config::Ring& ring = conf.ring;
    const std::array<std::pair<std::string_view, std::uint16_t>, 4> ports = {
        {{"port", ring.port},
         {"token port", ring.token_port},
         {"obituary port", ring.obituary_port},
         {"direct port", ring.direct_port}}};
    for (std::size_t later = 1; later < ports.size(); ++later)
        for (std::size_t i = 0; i < later; ++i)
            if (ports[i].second == ports[later].second)
                throw ConfigError(
                    {.file = file, .key = fmt::format("[ring] -> {}", ports[later].first)},
                    fmt::format("[ring] -> {} and {} are both {}", ports[i].first,
                                ports[later].first, ports[i].second),
                    "they must differ");
}

} // namespace

TotemConf parse_totem_conf(std::string_view text, const std::string& file, const fs::path& run) {
    const ConfigText parsed = parse_text(text, file);
    TotemConf conf;
    conf.lock_socket = run / "totem.socket";
    for (const Warning& warning : parsed.warnings)
        throw ConfigError(warning.place, "Not an option", warning.text);
    for (const auto& [section, line] : parsed.sections)
        if (std::ranges::find(options, section, &Option::section) == options.end())
            throw ConfigError({file, line, fmt::format("[{}]", section)},
                              fmt::format("Unknown section [{}]", section),
                              "there are [ring], [quorum], [lock] and [logging]");
    for (const Assignment& line : parsed.assignments)
        apply(line, file, conf);
    check_ports(conf, file);
    return conf;
}

TotemConf load_totem_conf(const Paths& paths) {
    const std::string text = read_file(paths.totem_conf).value_or("");
    return parse_totem_conf(text, paths.totem_conf.string(), paths.run);
}

} // namespace ctdbd::config
