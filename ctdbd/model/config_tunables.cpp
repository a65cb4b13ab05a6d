#include "ctdbd/model/config_tunables.h"

#include "ctdbd/model/config_text.h"
#include "ctdbd/model/config_value.h"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <fmt/format.h>

namespace ctdbd::config {
namespace {

// clang-format off
constexpr std::array<TunableFacts, protocol::tunables_count> table{{
    {"MaxRedirectCount", 3, true},
    {"SeqnumInterval", 1000, false},
    {"ControlTimeout", 60, false},
    {"TraverseTimeout", 20, false},
    {"KeepaliveInterval", 5, false},
    {"KeepaliveLimit", 5, false},
    {"RecoverTimeout", 30, false},
    {"RecoverInterval", 1, false},
    {"ElectionTimeout", 3, false},
    {"TakeoverTimeout", 9, false},
    {"MonitorInterval", 15, false},
    {"TickleUpdateInterval", 20, false},
    {"EventScriptTimeout", 30, false},
    {"MonitorTimeoutCount", 20, false},
    {"EventScriptUnhealthyOnTimeout", 0, true},
    {"RecoveryGracePeriod", 120, false},
    {"RecoveryBanPeriod", 300, false},
    {"DatabaseHashSize", 100001, false},
    {"DatabaseMaxDead", 5, false},
    {"RerecoveryTimeout", 10, false},
    {"EnableBans", 1, false},
    {"DeterministicIPs", 0, true},
    {"ReclockPingPeriod", 60, true},
    {"NoIPFailback", 0, false},
    {"DisableIPFailover", 0, true},
    {"VerboseMemoryNames", 0, false},
    {"RecdPingTimeout", 60, false},
    {"RecdFailCount", 10, false},
    {"LogLatencyMs", 0, false},
    {"RecLockLatencyMs", 1000, false},
    {"RecoveryDropAllIPs", 120, false},
    {"VerifyRecoveryLock", 1, true},
    {"VacuumInterval", 10, false},
    {"VacuumMaxRunTime", 120, false},
    {"RepackLimit", 10000, false},
    {"VacuumLimit", 5000, true},
    {"MaxQueueDropMsg", 1000000, false},
    {"AllowUnhealthyDBRead", 0, false},
    {"StatHistoryInterval", 1, false},
    {"DeferredAttachTO", 120, false},
    {"VacuumFastPathCount", 60, false},
    {"LCP2PublicIPs", 1, true},
    {"AllowClientDBAttach", 1, false},
    {"RecoverPDBBySeqNum", 1, true},
    {"DeferredRebalanceOnNodeAdd", 300, true},
    {"FetchCollapse", 1, false},
    {"HopcountMakeSticky", 50, false},
    {"StickyDuration", 600, false},
    {"StickyPindown", 200, false},
    {"NoIPTakeover", 0, false},
    {"DBRecordCountWarn", 100000, false},
    {"DBRecordSizeWarn", 10000000, false},
    {"DBSizeWarn", 100000000, false},
    {"PullDBPreallocation", 10485760, false},
    {"NoIPHostOnAllDisabled", 1, true},
    {"Samba3AvoidDeadlocks", 0, true},
    {"TDBMutexEnabled", 1, true},
    {"LockProcessesPerDB", 200, false},
    {"RecBufferSizeLimit", 1000000, false},
    {"QueueBufferSize", 1024, false},
    {"IPAllocAlgorithm", 2, false},
    {"AllowMixedVersions", 0, false},
}};

// clang-format on

// What is wrong with `NAME=VALUE`, after doing what it says as far as it says anything.
std::optional<std::string> apply(std::string_view name, std::string_view text, Tunables& tunables) {
    const std::optional<Tunable> tunable = tunable_named(name);
    if (!tunable)
        return fmt::format("Unknown tunable \"{}\": `ctdb listvars` shows those there are", name);
    const std::optional<std::uint32_t> value = number_in(text);
    if (!value)
        return fmt::format(
            "Invalid value \"{}\" for tunable \"{}\": it takes a number from 0 to {}", text, name,
            UINT32_MAX);
    tunables.set(*tunable, *value);
    if (facts_of(*tunable).obsolete)
        return fmt::format("Obsolete tunable \"{}\": nothing reads it, the line can go", name);
    return std::nullopt;
}

} // namespace

std::span<const TunableFacts> all_tunables() { return table; }

std::optional<Tunable> tunable_named(std::string_view name) {
    for (std::size_t i = 0; i < table.size(); ++i)
        if (boost::algorithm::iequals(table[i].name, name)) return Tunable(i);
    return std::nullopt;
}

Tunables::Tunables() {
    for (std::size_t i = 0; i < table.size(); ++i)
        values_.values[i] = table[i].by_default;
}

std::string tunable_names_text() {
    std::string text;
    const auto list = [&](Tunable tunable) {
        if (!facts_of(tunable).obsolete) text.append(":").append(facts_of(tunable).name);
    };
    // The order of the values, but for one name that stands with its kin here.
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (Tunable(i) == Tunable::max_queue_drop_msg) list(Tunable::vacuum_fast_path_count);
        if (Tunable(i) != Tunable::vacuum_fast_path_count) list(Tunable(i));
    }
    return text;
}

std::vector<Warning>
parse_tunables(std::string_view text, const std::string& file, Tunables& tunables) {
    std::vector<Warning> warnings;
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        const std::string line = boost::algorithm::trim_copy(std::string(text.substr(0, end)));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        if (line.empty() || line[0] == '#') continue;

        const std::size_t equals = line.find('=');
        const std::string name = boost::algorithm::trim_copy(line.substr(0, equals));
        if (equals == line.npos || name.empty()) {
            warnings.push_back(
                {{file, number, name},
                 fmt::format("Invalid line containing \"{}\": a tunable is set by NAME=VALUE",
                             line)});
            continue;
        }
        const std::string value = boost::algorithm::trim_copy(line.substr(equals + 1));
        if (auto problem = apply(name, value, tunables))
            warnings.push_back({{file, number, name}, std::move(*problem)});
    }
    return warnings;
}

std::vector<Warning> load_tunables(const fs::path& path, Tunables& tunables) {
    const std::optional<std::string> text = read_file(path);
    return text ? parse_tunables(*text, path.string(), tunables) : std::vector<Warning>{};
}

} // namespace ctdbd::config
