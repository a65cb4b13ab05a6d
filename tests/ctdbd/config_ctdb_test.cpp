// ctdb.conf, totem.conf and the environment: what is understood, what is refused, and in which
// words.
#include "ctdbd/model/config_ctdb.h"
#include "ctdbd/model/config_totem.h"
#include "tests/ctdbd/refusal.h"

#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <map>
#include <unistd.h>

using namespace ctdbd::config;
using ctdbd::config::test::Case;
using ctdbd::config::test::refusal;
using ctdbd::protocol::DebugLevel;

namespace {

// A host on which everything that the defaults need exists, and a few scripts.
PathKind look(const fs::path& path) {
    static const std::map<std::string, PathKind> host = {
        {"/var/lib/ctdb/volatile", PathKind::directory},
        {"/var/lib/ctdb/persistent", PathKind::directory},
        {"/var/lib/ctdb/state", PathKind::directory},
        {"/var/log/ctdb", PathKind::directory},
        {"/db", PathKind::directory},
        {"/etc/ctdb/debug.sh", PathKind::executable},
        {"/etc/ctdb/plain.sh", PathKind::file},
        {"/etc/ctdb/scripts", PathKind::directory},
    };
    const auto found = host.find(path.string());
    return found != host.end() ? found->second : PathKind::absent;
}

CtdbConf ctdb(std::string_view text) {
    return parse_ctdb_conf(text, "ctdb.conf", "/etc/ctdb", look);
}

TotemConf totem(std::string_view text) { return parse_totem_conf(text, "totem.conf", "/run/ctdb"); }

} // namespace

TEST_CASE("ctdb.conf: an empty file is all defaults") {
    const CtdbConf conf = ctdb("");
    CHECK(conf.logging.location == "file:/var/log/ctdb/log.ctdb");
    CHECK(conf.logging.level == DebugLevel::notice);
    CHECK_FALSE(conf.cluster.node_address.has_value());
    CHECK(conf.cluster.lock.empty());
    CHECK(conf.cluster.leader_timeout.count() == 5);
    CHECK(conf.cluster.leader_capability);
    CHECK(conf.database.volatile_directory == "/var/lib/ctdb/volatile");
    CHECK(conf.database.tdb_mutexes);
    CHECK_FALSE(conf.failover_disabled);
    CHECK(conf.legacy.realtime_scheduling);
    CHECK(conf.legacy.lmaster_capability);
    CHECK_FALSE(conf.legacy.start_as_stopped);
    CHECK(conf.legacy.script_log_level == DebugLevel::error);
    CHECK(conf.warnings.empty());
    CHECK(conf.given.empty());
}

TEST_CASE("ctdb.conf: every option is read") {
    const CtdbConf conf = ctdb(R"(
[logging]
    location = syslog:nonblocking
    log level = deb
[cluster]
    transport = tcp
    node address = ::ffff:10.0.0.1
    cluster lock = !/bin/helper   /path  x
    leader timeout = 0x10
    leader capability = No
[database]
    volatile database directory = /db
    persistent database directory = /db
    state database directory = /db
    lock debug script = debug.sh
    tdb mutexes = FALSE
[event]
    debug script = /elsewhere/debug.sh
[failover]
    disabled = yes
[legacy]
    realtime scheduling = false
    lmaster capability = false
    start as stopped = true
    start as disabled = true
    script log level = 3
)");
    CHECK(conf.logging.location == "syslog:nonblocking");
    CHECK(conf.logging.level == DebugLevel::debug);
    CHECK(conf.cluster.node_address == boost::asio::ip::make_address("10.0.0.1"));
    CHECK(conf.cluster.lock == "!/bin/helper /path x");
    CHECK(conf.cluster.leader_timeout.count() == 16);
    CHECK_FALSE(conf.cluster.leader_capability);
    CHECK(conf.database.volatile_directory == "/db");
    CHECK(conf.database.persistent_directory == "/db");
    CHECK(conf.database.state_directory == "/db");
    CHECK(conf.database.lock_debug_script == "/etc/ctdb/debug.sh");
    CHECK_FALSE(conf.database.tdb_mutexes);
    CHECK(conf.event_debug_script == "/etc/ctdb/debug.sh");
    CHECK(conf.failover_disabled);
    CHECK_FALSE(conf.legacy.realtime_scheduling);
    CHECK_FALSE(conf.legacy.lmaster_capability);
    CHECK(conf.legacy.start_as_stopped);
    CHECK(conf.legacy.start_as_disabled);
    CHECK(conf.legacy.script_log_level == DebugLevel::notice);
    CHECK(conf.given.size() == 19);
    CHECK(conf.was_given("cluster", "node address"));
    CHECK_FALSE(conf.was_given("cluster", "recovery lock"));
}

// Each of these was tried with the stock daemon; see config_text.h for where we differ.
TEST_CASE("ctdb.conf: the grammar") {
    CHECK(ctdb("[cluster]\nleader timeout = 8").cluster.leader_timeout.count() == 8);
    CHECK(ctdb("[cluster]\r\nleader timeout = 8\r\n").cluster.leader_timeout.count() == 8);
    CHECK(ctdb("[cluster] junk\nleader timeout=8\n").cluster.leader_timeout.count() == 8);
    CHECK(ctdb("[cluster]\nleader\ttimeout = 8\n; c = d\n#x\n").cluster.leader_timeout.count() ==
          8);
    CHECK(ctdb("[cluster]\nleader \\\n timeout = 8\n").cluster.leader_timeout.count() == 8);
    CHECK(ctdb("[cluster]\ncluster lock = a\\\nb\n").cluster.lock == "ab");
    CHECK(ctdb("[cluster]\ncluster lock = a \\\n# b\n").cluster.lock == "a # b");
    CHECK(ctdb("[cluster]\ncluster lock = a=b ; c\n").cluster.lock == "a=b ; c");
    CHECK(ctdb("[cluster]\ncluster lock = \"a\\\n").cluster.lock == "\"a");
    CHECK(ctdb("; c = d\n  ; c\n# c\n\n \t\n  # c = d\n").warnings.empty());
    // A comment is not continued.
    CHECK(ctdb("[cluster]\n# c \\\nleader timeout = 8\n").cluster.leader_timeout.count() == 8);
    // The last one counts, also across two sections of one name.
    CHECK(ctdb("[cluster]\nleader timeout = 8\n[logging]\n[cluster]\nleader timeout = 9\n")
              .cluster.leader_timeout.count() == 9);
}

TEST_CASE("ctdb.conf: the old name of the cluster lock counts when the new one is absent") {
    CHECK(ctdb("[cluster]\nrecovery lock = /old\n").cluster.lock == "/old");
    CHECK(ctdb("[cluster]\ncluster lock = /new\nrecovery lock = /old\n").cluster.lock == "/new");
    CHECK(ctdb("[cluster]\nrecovery lock = /old\n").warnings.size() == 1);
}

TEST_CASE("ctdb.conf: what is wrong ends the start, with place and remedy") {
    const auto cases = std::to_array<Case>({
        {"[cluster]\n\ntransport = ib\n", "Invalid value for [cluster] -> transport = ib "
                                          "(ctdb.conf line 3: only tcp is known; how the ring "
                                          "sends is said in totem.conf)"},
        {"[cluster]\ntransport =\n", "Empty value for [cluster] -> transport (ctdb.conf line 2: "
                                     "give it a value or remove the line)"},
        {"[cluster]\nnode \\\n address = localhost\n",
         "Invalid value for [cluster] -> node address = localhost (ctdb.conf line 2: it takes an "
         "IPv4 or "
         "IPv6 address)"},
        {"[cluster]\nleader timeout = 0\n", "Invalid value for [cluster] -> leader timeout = 0 "
                                            "(ctdb.conf line 2: it takes a number of "
                                            "seconds, at least 1)"},
        {"[cluster]\nleader timeout = abc\n", "Invalid value for [cluster] -> leader timeout = abc "
                                              "(ctdb.conf line 2: it takes a number of "
                                              "seconds, at least 1)"},
        {"[cluster]\nleader timeout = 99999999999\n",
         "Invalid value for [cluster] -> leader timeout = 99999999999 (ctdb.conf line 2: it takes "
         "a number "
         "of seconds, at least 1)"},
        {"[cluster]\nleader capability = on\n", "Invalid value for [cluster] -> leader capability "
                                                "= on (ctdb.conf line 2: it takes true or false)"},
        {"[logging]\nlog level = loud\n", "Invalid value for [logging] -> log level = loud "
                                          "(ctdb.conf line 2: it takes ERROR, WARNING, "
                                          "NOTICE, INFO or DEBUG)"},
        {"[logging]\nlocation = syslog:tcp\n",
         "Invalid value for [logging] -> location = syslog:tcp (ctdb.conf line 2: it takes "
         "file:PATH, "
         "syslog, syslog:nonblocking, syslog:udp or syslog:udp-rfc5424)"},
        {"[logging]\nlocation = file:/nowhere/log\n",
         "Invalid value for [logging] -> location = file:/nowhere/log (ctdb.conf line 2: the "
         "directory "
         "/nowhere does not exist; mkdir -p /nowhere)"},
        {"[database]\nvolatile database directory = /nowhere\n",
         "volatile database directory \"/nowhere\" does not exist (ctdb.conf line 2: mkdir -p "
         "/nowhere)"},
        {"[database]\nlock debug script = none.sh\n",
         "Invalid value for [database] -> lock debug script = none.sh (ctdb.conf line 2: "
         "/etc/ctdb/none.sh does not exist; scripts are looked for there)"},
        {"[event]\ndebug script = plain.sh\n", "Invalid value for [event] -> debug script = "
                                               "plain.sh (ctdb.conf line 2: /etc/ctdb/plain.sh is "
                                               "not executable; chmod +x /etc/ctdb/plain.sh)"},
        {"[event]\ndebug script = scripts\n", "Invalid value for [event] -> debug script = scripts "
                                              "(ctdb.conf line 2: /etc/ctdb/scripts is not "
                                              "a file)"},
        {"[legacy]\nscript log level = x\n", "Invalid value for [legacy] -> script log level = x "
                                             "(ctdb.conf line 2: it takes ERROR, WARNING, "
                                             "NOTICE, INFO or DEBUG)"},
        {"# c\n[cluster\ntransport = tcp\n",
         "Section [cluster has no closing bracket (ctdb.conf line 2: write [cluster])"},
    });
    for (const Case& wrong : cases)
        CHECK(refusal(ctdb, wrong.text) == wrong.sentence);
}

TEST_CASE("ctdb.conf: what the stock daemon tolerates is a warning") {
    const auto cases = std::to_array<Case>({
        {"[nope]\nx = y\n",
         "ctdb.conf line 1: unknown section [nope] is ignored, with all that stands in it"},
        {"[cluster]\nfoo = bar\n",
         "ctdb.conf line 2: unknown option \"foo\" is ignored: [cluster] knows transport, node "
         "address, "
         "cluster lock, recovery lock, leader timeout, leader capability"},
        {"[cluster]\nTransport = tcp\n", "ctdb.conf line 2: unknown option \"Transport\" is "
                                         "ignored: write transport, in this case of "
                                         "letters"},
        {"transport = tcp\n", "ctdb.conf line 1: unknown option \"transport\" is ignored: it "
                              "stands before the first [section]"},
        {"[cluster]\nnodes list = !x\n",
         "ctdb.conf line 2: option \"nodes list\" is ignored: only newer versions of CTDB know it"},
        {"[cluster]\n\ntransport tcp\n", "ctdb.conf line 3: \"transport tcp\" is ignored: an "
                                         "option is written as \"name = value\""},
        {"[cluster]\n= x\n",
         "ctdb.conf line 2: \"= x\" is ignored: an option is written as \"name = value\""},
        {"[database]\nlock debug script = debug.sh\n",
         "ctdb.conf line 2: [database] -> lock debug script has no effect: this daemon does not "
         "run it yet"},
    });
    for (const Case& odd : cases) {
        const CtdbConf conf = ctdb(odd.text);
        REQUIRE(conf.warnings.size() == 1);
        CHECK(fmt::format("{}", conf.warnings[0]) == odd.sentence);
    }
    const CtdbConf conf = ctdb("[cluster]\nleader timeout = 7 seconds\n");
    CHECK(conf.cluster.leader_timeout.count() == 7);
    CHECK(fmt::format("{}", conf.warnings.at(0)) ==
          "ctdb.conf line 2: [cluster] -> leader timeout = 7 seconds is read as 7");
}

TEST_CASE("ctdb.conf: the default directories must be there, too") {
    const auto nothing = [](const fs::path&) { return PathKind::absent; };
    CHECK(
        refusal([&](auto text) { return parse_ctdb_conf(text, "ctdb.conf", "/etc/ctdb", nothing); },
                "") == "volatile database directory \"/var/lib/ctdb/volatile\" does not exist "
                       "(ctdb.conf: mkdir -p "
                       "/var/lib/ctdb/volatile)");
}

TEST_CASE("files: a missing one is none, an empty one is empty, a directory is an error") {
    const fs::path directory =
        fs::temp_directory_path() / fmt::format("ctdbd_config_{}", ::getpid());
    fs::create_directories(directory / "there");
    std::ofstream(directory / "empty");
    std::ofstream(directory / "full") << "[cluster]\n";
    CHECK(read_file(directory / "missing") == std::nullopt);
    CHECK(read_file(directory / "empty") == "");
    CHECK(read_file(directory / "full") == "[cluster]\n");
    CHECK_THROWS_AS(static_cast<void>(read_file(directory / "there")), ConfigError);

    CHECK(look_at_disk(directory) == PathKind::directory);
    CHECK(look_at_disk(directory / "full") == PathKind::file);
    CHECK(look_at_disk(directory / "missing") == PathKind::absent);
    CHECK(look_at_disk("/bin/sh") == PathKind::executable);
    CHECK(look_at_disk("/dev/null") == PathKind::other);
    fs::remove_all(directory);
}

TEST_CASE("totem.conf: an empty file is all defaults") {
    const TotemConf conf = totem("");
    CHECK(conf.ring.transport == RingTransport::multicast);
    CHECK(conf.ring.multicast_group.to_string() == "239.192.43.79");
    CHECK(conf.ring.multicast_ttl == 1);
    CHECK(conf.ring.port == 4379);
    CHECK(conf.ring.token_port == 4380);
    CHECK(conf.ring.obituary_port == 4381);
    CHECK(conf.ring.direct_port == 4382);
    CHECK(conf.ring.direct_moves);
    CHECK(conf.ring.direct_spin.count() == 100);
    CHECK(conf.ring.mtu == 0);
    CHECK(conf.ring.key_file.empty());
    CHECK(conf.ring.token_loss_timeout.count() == 300);
    CHECK(conf.ring.accelerated_window == 80);
    CHECK_FALSE(conf.ring.new_identity);
    CHECK(conf.quorum_rule == QuorumRule::dynamic);
    CHECK(conf.witness.empty());
    CHECK(conf.lock_socket == "/run/ctdb/totem.socket");
    CHECK(conf.levels.empty());
}

TEST_CASE("totem.conf: every option is read") {
    const TotemConf conf = totem(R"(
[ring]
    cluster name = blue
    transport = unicast
    multicast group = ff15::4379
    multicast ttl = 8
    port = 5000
    token port = 5001
    obituary port = 5002
    direct port = 5003
    direct moves = no
    direct spin = 0
    mtu = 9000
    key file = /etc/ctdb/totem.key
    token loss timeout = 1000
    window = 100
    visit window = auto
    accelerated window = 0
    spin = 50
    new identity = true
    trace file = /tmp/trace
[quorum]
    rule = majority
    witness = /shared/witness
    lock patience = 3000
[lock]
    control socket = /run/lock.socket
[logging]
    ring = debug
    clients = ERR
)");
    CHECK(conf.ring.cluster == "blue");
    CHECK(conf.ring.transport == RingTransport::unicast);
    CHECK(conf.ring.multicast_group.to_string() == "ff15::4379");
    CHECK(conf.ring.multicast_ttl == 8);
    CHECK(conf.ring.port == 5000);
    CHECK(conf.ring.token_port == 5001);
    CHECK(conf.ring.obituary_port == 5002);
    CHECK(conf.ring.direct_port == 5003);
    CHECK_FALSE(conf.ring.direct_moves);
    CHECK(conf.ring.direct_spin.count() == 0);
    CHECK(conf.ring.mtu == 9000);
    CHECK(conf.ring.key_file == "/etc/ctdb/totem.key");
    CHECK(conf.ring.token_loss_timeout.count() == 1000);
    CHECK(conf.ring.window == 100);
    CHECK(conf.ring.visit_window == 0);
    CHECK(conf.ring.accelerated_window == 0);
    CHECK(conf.ring.spin.count() == 50);
    CHECK(conf.ring.new_identity);
    CHECK(conf.ring.trace_file == "/tmp/trace");
    CHECK(conf.quorum_rule == QuorumRule::majority);
    CHECK(conf.witness == "/shared/witness");
    CHECK(conf.lock_patience.count() == 3000);
    CHECK(conf.lock_socket == "/run/lock.socket");
    CHECK(conf.levels ==
          std::map<logs::Facility, DebugLevel>{{logs::Facility::ring, DebugLevel::debug},
                                               {logs::Facility::clients, DebugLevel::error}});
}

TEST_CASE("totem.conf: it is ours, so everything that is wrong is an error") {
    const auto cases = std::to_array<Case>({
        {"[ring]\ntransport = pigeon\n", "Invalid value for [ring] -> transport = pigeon "
                                         "(totem.conf line 2: it takes multicast or unicast)"},
        {"[ring]\nmulticast group = 10.0.0.1\n",
         "Invalid value for [ring] -> multicast group = 10.0.0.1 (totem.conf line 2: it takes a "
         "multicast "
         "address, 224.0.0.0 to 239.255.255.255 or ff00::/8)"},
        {"[ring]\nport = 0\n", "Invalid value for [ring] -> port = 0 (totem.conf line 2: it takes "
                               "a number from 1 to 65535)"},
        {"[ring]\nport = 4379x\n", "Invalid value for [ring] -> port = 4379x (totem.conf line 2: "
                                   "it takes a number from 1 to 65535)"},
        {"[ring]\ntoken port = 4379\n",
         "[ring] -> port and token port are both 4379 (totem.conf: they must differ)"},
        {"[ring]\nobituary port = 4380\n",
         "[ring] -> token port and obituary port are both 4380 (totem.conf: they must differ)"},
        {"[ring]\ndirect port = 4381\n",
         "[ring] -> obituary port and direct port are both 4381 (totem.conf: they must differ)"},
        {"[ring]\nmtu = 100\n", "Invalid value for [ring] -> mtu = 100 (totem.conf line 2: it "
                                "takes auto or a number from 576 to "
                                "65535)"},
        {"[ring]\nkey file = totem.key\n", "Invalid value for [ring] -> key file = totem.key "
                                           "(totem.conf line 2: it takes a path that begins "
                                           "with /)"},
        {"[ring]\naccelerated window = 101\n", "Invalid value for [ring] -> accelerated window = "
                                               "101 (totem.conf line 2: it takes a number from "
                                               "0 to 100)"},
        {"[ring]\nnew identity =\n", "Empty value for [ring] -> new identity (totem.conf line 2: "
                                     "give it a value or remove the line)"},
        {"[quorum]\nrule = any\n", "Invalid value for [quorum] -> rule = any (totem.conf line 2: "
                                   "it takes dynamic or majority)"},
        {"[quorum]\nrules = any\n", "Unknown option [quorum] -> rules (totem.conf line 2: [quorum] "
                                    "knows rule, witness, lock patience)"},
        {"[rings]\n",
         "Unknown section [rings] (totem.conf line 1: there are [ring], [quorum], [lock] and "
         "[logging])"},
        {"[logging]\nevents = LOUD\n", "Invalid value for [logging] -> events = LOUD (totem.conf "
                                       "line 2: it takes ERROR, WARNING, NOTICE, INFO or DEBUG)"},
        {"port = 1\n",
         "Unknown option [] -> port (totem.conf line 1: it must stand below a [section])"},
        {"[ring]\nport\n", "Not an option (totem.conf line 2: \"port\" is ignored: an option is "
                           "written as \"name = value\")"},
    });
    for (const Case& wrong : cases)
        CHECK(refusal(totem, wrong.text) == wrong.sentence);
}

namespace {

Paths paths_with(const std::map<std::string, std::string>& variables) {
    return find_paths([&](const char* name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found != variables.end() ? std::optional(found->second) : std::nullopt;
    });
}

} // namespace

TEST_CASE("paths: of an installation") {
    const Paths paths = paths_with({});
    CHECK_FALSE(paths.test_mode);
    CHECK(paths.socket == "/run/ctdb/ctdbd.socket");
    CHECK(paths.pid_file == "/run/ctdb/ctdbd.pid");
    CHECK(paths.eventd_socket == "/run/ctdb/eventd.socket");
    CHECK(paths.ctdb_conf == "/etc/ctdb/ctdb.conf");
    CHECK(paths.totem_conf == "/etc/ctdb/totem.conf");
    CHECK(paths.nodes == "/etc/ctdb/nodes");
    CHECK(paths.tunables == "/etc/ctdb/ctdb.tunables");
    CHECK(paths.events == "/etc/ctdb/events/legacy");
    CHECK(paths.var == "/var/lib/ctdb");
    CHECK(paths.eventd == "/usr/libexec/ctdb/ctdb-eventd");
    CHECK(paths_with({{"CTDB_BASE", "/other"}}).nodes == "/other/nodes");
    CHECK(paths_with({{"CTDB_BASE", "/other"}}).run == "/run/ctdb");
}

TEST_CASE("paths: in test mode everything is below CTDB_BASE") {
    const Paths paths = paths_with({{"CTDB_TEST_MODE", ""}, {"CTDB_BASE", "/t/node.0"}});
    CHECK(paths.test_mode);
    CHECK(paths.socket == "/t/node.0/run/ctdbd.socket");
    CHECK(paths.var == "/t/node.0/var");
    CHECK(paths.share == "/t/node.0/share");
    CHECK_THROWS_WITH(
        paths_with({{"CTDB_TEST_MODE", "1"}}),
        "CTDB_TEST_MODE is set, but CTDB_BASE is not (environment: set CTDB_BASE to the "
        "directory of this node)");
}

TEST_CASE("paths: the environment replaces socket and helpers") {
    CHECK(paths_with({{"CTDB_SOCKET", "/x"}}).socket == "/x");
    CHECK(paths_with({{"CTDB_EVENTD", "/e"}}).eventd == "/e");
    CHECK_THROWS_AS(paths_with({{"CTDB_SOCKET", "/" + std::string(socket_path_max, 'x')}}),
                    ConfigError);
    CHECK_NOTHROW(paths_with({{"CTDB_SOCKET", "/" + std::string(socket_path_max - 1, 'x')}}));
}
