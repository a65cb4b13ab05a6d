// The nodes file, the public addresses and the tunables: what is understood, what is refused.
#include "ctdbd/model/config_nodes.h"
#include "ctdbd/model/config_tunables.h"
#include "ctdbd/protocol/numbers.h"
#include "tests/ctdbd/refusal.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

using namespace ctdbd::config;
using boost::asio::ip::make_address;
using ctdbd::config::test::Case;
using ctdbd::config::test::refusal;

namespace {

std::vector<NodeLine> nodes(std::string_view text) { return parse_nodes(text, "nodes"); }

std::vector<PublicAddressLine> addresses(std::string_view text) {
    return parse_public_addresses(text, "public_addresses", [](const std::string& name) {
        return name == "lo" || name == "eth0";
    });
}

} // namespace

TEST_CASE("nodes: deleted lines count, blank ones do not") {
    CHECK(nodes("127.0.0.1\n\n  #127.0.0.2\n \t\n  fd00::1  \n::ffff:127.0.0.4") ==
          std::vector<NodeLine>{{0, make_address("127.0.0.1"), 1},
                                {1, std::nullopt, 3},
                                {2, make_address("fd00::1"), 5},
                                {3, make_address("127.0.0.4"), 6}});
}

TEST_CASE("nodes: a node map for the clients") {
    using namespace ctdbd::protocol;
    CHECK(node_map_of(nodes("127.0.0.1\n#127.0.0.2\n")) ==
          NodeMap{{{.pnn = 0, .flags = 0, .address = {make_address("127.0.0.1"), node_port}},
                   {.pnn = 1,
                    .flags = node_flag::deleted,
                    .address = {make_address("0.0.0.0"), node_port}}}});
}

TEST_CASE("nodes: wrong lines end the start") {
    constexpr std::string_view remedy = "a line of the nodes file is one address and nothing else; "
                                        "put # before the address of a deleted node";
    for (const std::string_view line : {"localhost", "127.0.0.1:4379", "127.0.0.1 # one",
                                        "127.0.0.01", "127.0.0.1 127.0.0.2", "127.0.0"})
        CHECK(refusal(nodes, fmt::format("10.0.0.1\n{}\n", line)) ==
              fmt::format("\"{}\" is no IPv4 or IPv6 address (nodes line 2: {})", line, remedy));
    CHECK(refusal(nodes, "10.0.0.1\n#10.0.0.2\n::ffff:10.0.0.1\n") ==
          "Address 10.0.0.1 stands there twice (nodes line 3: it is on line 1 already)");
    for (const std::string_view text : {"", "\n\n", "#10.0.0.1\n"})
        CHECK(refusal(nodes, text) ==
              "The nodes file names no node (nodes: write the address of every node "
              "of the cluster, one a line)");
    CHECK_THROWS_AS(load_nodes("/nonexistent/nodes"), ConfigError);
}

TEST_CASE("public_addresses: address, mask and interfaces") {
    CHECK(addresses("# ours\n10.0.0.1/24 eth0\n\n  fd00::1/64\tlo,eth0  \n") ==
          std::vector<PublicAddressLine>{{make_address("10.0.0.1"), 24, {"eth0"}, 2},
                                         {make_address("fd00::1"), 64, {"lo", "eth0"}, 4}});
    CHECK(addresses("").empty());
    CHECK(load_public_addresses("/nonexistent/public_addresses", {}).empty());
}

TEST_CASE("public_addresses: wrong lines end the start") {
    constexpr std::string_view form =
        "a line reads \"10.0.0.1/24 eth0\", several interfaces apart by commas";
    const auto cases = std::to_array<std::pair<std::string, std::string>>({
        {"10.0.0.1 lo",
         fmt::format("\"10.0.0.1\" is no ADDRESS/BITS (public_addresses line 1: {})", form)},
        {"10.0.0/24 lo",
         fmt::format("\"10.0.0/24\" is no ADDRESS/BITS (public_addresses line 1: {})", form)},
        {"10.0.0.1/x lo",
         fmt::format("\"10.0.0.1/x\" is no ADDRESS/BITS (public_addresses line 1: {})", form)},
        {"10.0.0.1/24x lo",
         fmt::format("\"10.0.0.1/24x\" is no ADDRESS/BITS (public_addresses line 1: {})", form)},
        {"10.0.0.1/33 lo",
         "\"10.0.0.1/33\" has too many mask bits (public_addresses line 1: they go up to 32)"},
        {"fd00::1/129 lo",
         "\"fd00::1/129\" has too many mask bits (public_addresses line 1: they go up to 128)"},
        {"10.0.0.1/24",
         fmt::format("No interface for 10.0.0.1/24 (public_addresses line 1: {})", form)},
        {"10.0.0.1/24 lo,wlan0", "Unknown interface wlan0 for public address 10.0.0.1 "
                                 "(public_addresses line 1: `ip link` lists the "
                                 "interfaces of this host)"},
        {"10.0.0.1/24 lo\n10.0.0.1/16 eth0",
         "Address 10.0.0.1 stands there twice (public_addresses line 2: it is on line 1 already)"},
    });
    for (const auto& [text, sentence] : cases)
        CHECK(refusal(addresses, text) == sentence);
}

TEST_CASE("tunables: 62 of them, 13 obsolete, with the stock defaults") {
    CHECK(all_tunables().size() == 62);
    CHECK(std::ranges::count_if(all_tunables(), &TunableFacts::obsolete) == 13);
    const Tunables tunables;
    CHECK(tunables[Tunable::max_redirect_count] == 3);
    CHECK(tunables[Tunable::database_hash_size] == 100001);
    CHECK(tunables[Tunable::max_queue_drop_msg] == 1000000);
    CHECK(tunables[Tunable::pull_db_preallocation] == 10485760);
    CHECK(tunables[Tunable::ip_alloc_algorithm] == 2);
    CHECK(tunables[Tunable::allow_mixed_versions] == 0);
    CHECK(facts_of(Tunable::tdb_mutex_enabled).name == "TDBMutexEnabled");
    CHECK(facts_of(Tunable::tdb_mutex_enabled).obsolete);
}

TEST_CASE("tunables: names are matched in any case of letters") {
    CHECK(tunable_named("MonitorInterval") == Tunable::monitor_interval);
    CHECK(tunable_named("monitorinterval") == Tunable::monitor_interval);
    CHECK(tunable_named("LCP2PUBLICIPS") == Tunable::lcp2_public_ips);
    CHECK_FALSE(tunable_named("Monitor").has_value());
    CHECK_FALSE(tunable_named("").has_value());
    for (std::size_t i = 0; i < all_tunables().size(); ++i)
        CHECK(tunable_named(all_tunables()[i].name) == Tunable(i));
}

TEST_CASE("tunables: the list of names, as the stock daemon tells it") {
    const std::string text = tunable_names_text();
    CHECK(
        text ==
        ":SeqnumInterval:ControlTimeout:TraverseTimeout:KeepaliveInterval:KeepaliveLimit:"
        "RecoverTimeout"
        ":RecoverInterval:ElectionTimeout:TakeoverTimeout:MonitorInterval:TickleUpdateInterval"
        ":EventScriptTimeout:MonitorTimeoutCount:RecoveryGracePeriod:RecoveryBanPeriod:"
        "DatabaseHashSize"
        ":DatabaseMaxDead:RerecoveryTimeout:EnableBans:NoIPFailback:VerboseMemoryNames:"
        "RecdPingTimeout"
        ":RecdFailCount:LogLatencyMs:RecLockLatencyMs:RecoveryDropAllIPs:VacuumInterval:"
        "VacuumMaxRunTime"
        ":RepackLimit:VacuumFastPathCount:MaxQueueDropMsg:AllowUnhealthyDBRead:StatHistoryInterval"
        ":DeferredAttachTO:AllowClientDBAttach:FetchCollapse:HopcountMakeSticky:StickyDuration"
        ":StickyPindown:NoIPTakeover:DBRecordCountWarn:DBRecordSizeWarn:DBSizeWarn:"
        "PullDBPreallocation"
        ":LockProcessesPerDB:RecBufferSizeLimit:QueueBufferSize:IPAllocAlgorithm:"
        "AllowMixedVersions");
    CHECK(ctdbd::protocol::encode(ctdbd::protocol::TunableNames{text}).size() == 823);
}

TEST_CASE("tunables: the file sets what it can and says what it cannot") {
    Tunables tunables;
    CHECK(parse_tunables(
              "# all well\nMonitorInterval=7\n\n  recovertimeout   =   9  \nEnableBans=0x2\n"
              "TakeoverTimeout=010\r\nNoIPFailback=4294967295",
              "ctdb.tunables", tunables)
              .empty());
    CHECK(tunables[Tunable::monitor_interval] == 7);
    CHECK(tunables[Tunable::recover_timeout] == 9);
    CHECK(tunables[Tunable::enable_bans] == 2);
    CHECK(tunables[Tunable::takeover_timeout] == 8);
    CHECK(tunables[Tunable::no_ip_failback] == 4294967295);

    const auto cases = std::to_array<Case>({
        {"Nope=1", "t line 1: Unknown tunable \"Nope\": `ctdb listvars` shows those there are"},
        {"\nEnableBans=x", "t line 2: Invalid value \"x\" for tunable \"EnableBans\": it takes a "
                           "number from 0 to 4294967295"},
        {"EnableBans=-1", "t line 1: Invalid value \"-1\" for tunable \"EnableBans\": it takes a "
                          "number from 0 to 4294967295"},
        {"EnableBans=5 # five", "t line 1: Invalid value \"5 # five\" for tunable \"EnableBans\": "
                                "it takes a number from 0 to "
                                "4294967295"},
        {"EnableBans=99999999999", "t line 1: Invalid value \"99999999999\" for tunable "
                                   "\"EnableBans\": it takes a number from 0 to "
                                   "4294967295"},
        {"EnableBans=", "t line 1: Invalid value \"\" for tunable \"EnableBans\": it takes a "
                        "number from 0 to 4294967295"},
        {"EnableBans",
         "t line 1: Invalid line containing \"EnableBans\": a tunable is set by NAME=VALUE"},
        {"=4", "t line 1: Invalid line containing \"=4\": a tunable is set by NAME=VALUE"},
        {"VacuumLimit=3",
         "t line 1: Obsolete tunable \"VacuumLimit\": nothing reads it, the line can go"},
    });
    for (const Case& wrong : cases) {
        const auto warnings = parse_tunables(wrong.text, "t", tunables);
        REQUIRE(warnings.size() == 1);
        CHECK(fmt::format("{}", warnings[0]) == wrong.sentence);
    }
    CHECK(tunables[Tunable::enable_bans] == 2);
    CHECK(tunables[Tunable::vacuum_limit] == 3);
    CHECK(load_tunables("/nonexistent/ctdb.tunables", tunables).empty());
}
