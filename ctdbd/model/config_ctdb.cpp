#include "ctdbd/model/config_ctdb.h"

#include "ctdbd/model/config_value.h"

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unistd.h>

namespace ctdbd::config {
namespace {

// What an option's reader may look at besides its value.
struct Surroundings {
    const fs::path& base;
    const LookAt& look;
};

using Apply = void (*)(CtdbConf& conf, const Value& value, const Surroundings& around);

struct Option {
    std::string_view section, name;
    Apply apply;
    // Why setting it changes nothing in this daemon; empty: it does what it says.
    std::string_view without_effect = {};
};

// A bare name in the configuration directory, or a path of which only the name counts.
fs::path script_of(const Value& value, const Surroundings& around) {
    fs::path script = around.base / fs::path(value.text()).filename();
    switch (around.look(script)) {
    case PathKind::executable:
        return script;
    case PathKind::absent:
        value.refuse(
            fmt::format("{} does not exist; scripts are looked for there", script.string()));
    case PathKind::file:
        value.refuse(fmt::format("{0} is not executable; chmod +x {0}", script.string()));
    default:
        value.refuse(fmt::format("{} is not a file", script.string()));
    }
}

std::string location_of(const Value& value, const Surroundings& around) {
    const std::string& text = value.text();
    const std::string backend = text.substr(0, text.find(':'));
    const std::string detail = backend.size() < text.size() ? text.substr(backend.size() + 1) : "";
    if (backend == "file") {
        const fs::path directory = fs::path(detail).parent_path();
        if (!directory.empty() && around.look(directory) != PathKind::directory)
            value.refuse(
                fmt::format("the directory {0} does not exist; mkdir -p {0}", directory.string()));
        return text;
    }
    constexpr std::array methods{"", "nonblocking", "udp", "udp-rfc5424"};
    if (backend != "syslog" || std::ranges::find(methods, detail) == methods.end())
        value.refuse(
            "it takes file:PATH, syslog, syslog:nonblocking, syslog:udp or syslog:udp-rfc5424");
    return text;
}

// The stock daemon reads the digits in front and ignores the rest, comments included.
std::chrono::seconds leader_timeout_of(CtdbConf& conf, const Value& value) {
    constexpr const char* remedy = "it takes a number of seconds, at least 1";
    const std::string& text = value.text();
    const std::size_t end = text.find_first_not_of("0123456789abcdefABCDEFxX");
    std::optional<std::uint32_t> seconds = number_in(text.substr(0, end));
    if (!seconds) seconds = number_in(text.substr(0, text.find_first_not_of("0123456789")));
    if (!seconds || *seconds == 0) value.refuse(remedy);
    if (!number_in(text))
        conf.warnings.push_back({value.place(), fmt::format("{} = {} is read as {}",
                                                            value.place().key, text, *seconds)});
    return std::chrono::seconds(*seconds);
}

IpAddress address_of(const Value& value) {
    boost::system::error_code error;
    const IpAddress ip = boost::asio::ip::make_address(value.text(), error);
    if (error) value.refuse("it takes an IPv4 or IPv6 address");
    return protocol::canonical(ip);
}

constexpr auto options = std::to_array<Option>({
    {"logging", "location",
     [](auto& conf, auto& value, auto& around) {
         conf.logging.location = location_of(value, around);
     }},
    {"logging", "log level",
     [](auto& conf, auto& value, auto&) { conf.logging.level = value.level(); }},
    {"cluster", "transport",
     [](auto&, auto& value, auto&) {
         if (value.text() != "tcp")
             value.refuse("only tcp is known; how the ring sends is said in totem.conf");
     }},
    {"cluster", "node address",
     [](auto& conf, auto& value, auto&) { conf.cluster.node_address = address_of(value); }},
    {"cluster", "cluster lock",
     [](auto& conf, auto& value, auto&) { conf.cluster.lock = value.text(); }},
    {"cluster", "recovery lock",
     [](auto& conf, auto& value, auto&) {
         conf.warnings.push_back({value.place(), "recovery lock is the old name of cluster lock"});
     }},
    {"cluster", "leader timeout",
     [](auto& conf, auto& value, auto&) {
         conf.cluster.leader_timeout = leader_timeout_of(conf, value);
     },
     "the ring's membership names the leader at once"},
    {"cluster", "leader capability",
     [](auto& conf, auto& value, auto&) { conf.cluster.leader_capability = value.boolean(); }},
    {"database", "volatile database directory",
     [](auto& conf, auto& value, auto&) { conf.database.volatile_directory = value.text(); }},
    {"database", "persistent database directory",
     [](auto& conf, auto& value, auto&) { conf.database.persistent_directory = value.text(); }},
    {"database", "state database directory",
     [](auto& conf, auto& value, auto&) { conf.database.state_directory = value.text(); }},
    {"database", "lock debug script",
     [](auto& conf, auto& value, auto& around) {
         conf.database.lock_debug_script = script_of(value, around);
     },
     "this daemon does not run it yet"},
    {"database", "tdb mutexes",
     [](auto& conf, auto& value, auto&) { conf.database.tdb_mutexes = value.boolean(); }},
    {"event", "debug script",
     [](auto& conf, auto& value, auto& around) {
         conf.event_debug_script = script_of(value, around);
     }},
    {"failover", "disabled",
     [](auto& conf, auto& value, auto&) { conf.failover_disabled = value.boolean(); }},
    {"legacy", "realtime scheduling",
     [](auto& conf, auto& value, auto&) { conf.legacy.realtime_scheduling = value.boolean(); }},
    {"legacy", "lmaster capability",
     [](auto& conf, auto& value, auto&) { conf.legacy.lmaster_capability = value.boolean(); }},
    {"legacy", "start as stopped",
     [](auto& conf, auto& value, auto&) { conf.legacy.start_as_stopped = value.boolean(); }},
    {"legacy", "start as disabled",
     [](auto& conf, auto& value, auto&) { conf.legacy.start_as_disabled = value.boolean(); }},
    {"legacy", "script log level",
     [](auto& conf, auto& value, auto&) { conf.legacy.script_log_level = value.level(); }},
});

// Of CTDB 4.18 to 4.23 (ctdb-behaviour.md 7.3).
constexpr auto newer_options = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"cluster", "nodes list"},
     {"failover", "shutdown failover timeout"},
     {"failover", "shutdown extra timeout"}});

const Option* option_named(std::string_view section, std::string_view name) {
    const auto found = std::ranges::find_if(
        options, [&](const Option& o) { return o.section == section && o.name == name; });
    return found != options.end() ? &*found : nullptr;
}

bool is_section(std::string_view name) {
    return std::ranges::find(options, name, &Option::section) != options.end();
}

std::string why_unknown(const Assignment& line) {
    if (line.section.empty())
        return fmt::format("unknown option \"{}\" is ignored: it stands before the first [section]",
                           line.name);
    for (const auto& [section, name] : newer_options)
        if (line.section == section && line.name == name)
            return fmt::format("option \"{}\" is ignored: only newer versions of CTDB know it",
                               name);
    std::string known;
    for (const Option& option : options) {
        if (option.section != line.section) continue;
        if (boost::algorithm::iequals(option.name, line.name))
            return fmt::format(
                "unknown option \"{}\" is ignored: write {}, in this case of letters", line.name,
                option.name);
        known.append(known.empty() ? "" : ", ").append(option.name);
    }
    return fmt::format("unknown option \"{}\" is ignored: [{}] knows {}", line.name, line.section,
                       known);
}

void apply(const Assignment& line,
           const std::string& file,
           const Surroundings& around,
           CtdbConf& conf) {
    if (!line.section.empty() && !is_section(line.section)) return; // said of the section already
    const Value value(line, file);
    const Option* option = option_named(line.section, line.name);
    if (option == nullptr) {
        conf.warnings.push_back({value.place(), why_unknown(line)});
        return;
    }
    value.check_present();
    option->apply(conf, value, around);
    conf.given.push_back(line);
    if (!option->without_effect.empty())
        conf.warnings.push_back(
            {value.place(),
             fmt::format("{} has no effect: {}", value.place().key, option->without_effect)});
}

void check_directory(const fs::path& directory,
                     std::string_view name,
                     const std::string& file,
                     const LookAt& look,
                     const std::vector<Assignment>& given) {
    if (look(directory) == PathKind::directory) return;
    Place place = {file, 0, fmt::format("[database] -> {}", name)};
    for (const Assignment& line : given)
        if (line.section == "database" && line.name == name) place.line = line.line;
    throw ConfigError(place, fmt::format("{} \"{}\" does not exist", name, directory.string()),
                      fmt::format("mkdir -p {}", directory.string()));
}

} // namespace

PathKind look_at_disk(const fs::path& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) return PathKind::absent;
    if (fs::is_directory(status)) return PathKind::directory;
    if (!fs::is_regular_file(status)) return PathKind::other;
    return ::access(path.c_str(), X_OK) == 0 ? PathKind::executable : PathKind::file;
}

bool CtdbConf::was_given(std::string_view section, std::string_view name) const {
    return std::ranges::any_of(given, [&](const Assignment& line) {
        return line.section == section && line.name == name;
    });
}

CtdbConf parse_ctdb_conf(std::string_view text,
                         const std::string& file,
                         const fs::path& base,
                         const LookAt& look) {
    ConfigText parsed = parse_text(text, file);
    CtdbConf conf;
    conf.warnings = std::move(parsed.warnings);
    for (const auto& [section, line] : parsed.sections)
        if (!is_section(section))
            conf.warnings.push_back(
                {{file, line, fmt::format("[{}]", section)},
                 fmt::format("unknown section [{}] is ignored, with all that stands in it",
                             section)});
    for (const Assignment& line : parsed.assignments)
        apply(line, file, {base, look}, conf);
    if (conf.cluster.lock.empty())
        for (const Assignment& line : conf.given)
            if (line.name == "recovery lock") conf.cluster.lock = line.value;
    const Database& database = conf.database;
    check_directory(database.volatile_directory, "volatile database directory", file, look,
                    conf.given);
    check_directory(database.persistent_directory, "persistent database directory", file, look,
                    conf.given);
    check_directory(database.state_directory, "state database directory", file, look, conf.given);
    return conf;
}

CtdbConf load_ctdb_conf(const Paths& paths) {
    const std::string text = read_file(paths.ctdb_conf).value_or("");
    return parse_ctdb_conf(text, paths.ctdb_conf.string(), paths.base);
}

} // namespace ctdbd::config
