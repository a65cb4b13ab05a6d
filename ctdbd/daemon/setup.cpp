#include "ctdbd/daemon/setup.h"

#include "ctdbd/daemon/iface_addresses.h"
#include "net/file.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace ctdbd::daemon {

namespace {

using config::ConfigError;

// Whether the ring's token could be received at this address by us: it is local and nobody has it.
bool is_free_here(const config::IpAddress& address, std::uint16_t port) {
    boost::asio::io_context context;
    boost::asio::ip::udp::socket socket(context);
    boost::system::error_code error;
    socket.open(address.is_v6() ? boost::asio::ip::udp::v6() : boost::asio::ip::udp::v4(), error);
    if (!error) socket.bind({address, port}, error);
    return !error;
}

} // namespace

Setup read_configuration() {
    Setup setup;
    setup.paths = config::find_paths(config::process_environment);
    setup.conf = config::load_ctdb_conf(setup.paths);
    setup.totem = config::load_totem_conf(setup.paths);
    if (!setup.totem.witness.empty() && setup.conf.cluster.lock.empty())
        throw ConfigError(
            {setup.paths.totem_conf.string(), 0, "[quorum] -> witness"},
            "a witness is of use only beside a cluster lock",
            fmt::format("set [cluster] -> cluster lock in {}", setup.paths.ctdb_conf.string()));
    setup.nodes = config::load_nodes(setup.paths.nodes);
    setup.public_addresses =
        config::load_public_addresses(setup.paths.public_addresses, iface_exists);
    setup.warnings = setup.conf.warnings;
    const auto more = config::load_tunables(setup.paths.tunables, setup.tunables);
    setup.warnings.insert(setup.warnings.end(), more.begin(), more.end());
    return setup;
}

std::uint32_t find_own_line(const Setup& setup) {
    const auto& wanted = setup.conf.cluster.node_address;
    const auto is_ours = [&](const config::NodeLine& line) {
        if (!line.address) return false;
        return wanted ? *line.address == *wanted
                      : is_free_here(*line.address, setup.totem.ring.token_port);
    };
    const auto found = std::find_if(setup.nodes.begin(), setup.nodes.end(), is_ours);
    if (found != setup.nodes.end()) return found->pnn;
    const std::string nodes = setup.paths.nodes.string();
    if (wanted)
        throw ConfigError({setup.paths.ctdb_conf.string(), 0, "[cluster] -> node address"},
                          fmt::format("no node has the address {}", wanted->to_string()),
                          fmt::format("write it into {}, or correct it", nodes));
    throw ConfigError({nodes, 0, ""}, "no address in it is this machine's",
                      "give one of them to an interface, or set [cluster] -> node address");
}

void tell_children(const Setup& setup) {
    const auto set = [](const char* name, const std::string& value) {
        setenv(name, value.c_str(), 1);
    };
    set("CTDB_BASE", setup.paths.base.string());
    set("CTDB_LOGGING", setup.conf.logging.location);
    set("CTDB_DEBUGLEVEL", std::string(protocol::name_of(setup.conf.logging.level)));
    set("CTDB_DBDIR_STATE", setup.conf.database.state_directory.string());
    if (setup.conf.failover_disabled) set("CTDB_DISABLE_IP_FAILOVER", "yes");
}

StateFiles state_files_of(const Setup& setup) {
    const auto directory = setup.conf.database.state_directory / "totem";
    return {.directory = directory,
            .ring = directory / fmt::format("ring.{}", setup.pnn),
            .votes = directory / fmt::format("votes.{}", setup.pnn),
            .journal = directory / fmt::format("journal.{}", setup.pnn)};
}

Past read_past(const Setup& setup, const StateFiles& files) {
    std::filesystem::create_directories(files.directory);
    // The ring's storage keeps two copies beside each other.
    const bool has_ring = std::filesystem::exists(files.ring.string() + ".a") ||
                          std::filesystem::exists(files.ring.string() + ".b");
    const bool has_votes = std::filesystem::exists(files.votes);
    Past past;
    past.new_identity = !has_ring;
    if (has_ring != has_votes && !setup.totem.ring.new_identity) {
        const auto& lost = has_ring ? files.votes : files.ring;
        const auto& kept = has_ring ? files.ring : files.votes;
        throw ConfigError(
            {lost.string(), 0, ""}, fmt::format("it is missing, but {} is there", kept.string()),
            fmt::format("bring it back; if it is lost for good, set [ring] -> new identity = true "
                        "in {} for one start, while the rest of the cluster is up",
                        setup.paths.totem_conf.string()));
    }
    if (!has_votes) return past;
    const auto text = config::read_file(files.votes);
    const auto bytes = base::Bytes::copy_of(std::string_view(*text));
    const auto history = statedb::decode_history(bytes.span());
    if (!history)
        throw ConfigError({files.votes.string(), 0, ""}, "it is damaged",
                          "remove it and set [ring] -> new identity = true for one start, while "
                          "the rest of the cluster is up");
    past.history = *history;
    return past;
}

net::NodeOptions ring_options(const Setup& setup, const StateFiles& files, bool new_identity) {
    const config::Ring& ring = setup.totem.ring;
    net::NodeOptions options;
    options.self = setup.pnn + 1; // node ids begin with 1
    options.cluster = ring.cluster;
    options.transport = ring.transport == config::RingTransport::multicast
                            ? net::Transport::multicast
                            : net::Transport::unicast;
    options.multicast_group = ring.multicast_group.to_string();
    options.multicast_ttl = ring.multicast_ttl;
    options.port = ring.port;
    options.token_port = ring.token_port;
    options.direct_port = ring.direct_port;
    options.mtu = ring.mtu;
    options.key_file = ring.key_file;
    options.state_file = files.ring;
    options.new_identity = new_identity || ring.new_identity;
    options.real_time = setup.conf.legacy.realtime_scheduling && !setup.paths.test_mode;
    options.spin = ring.spin;
    options.trace_file = ring.trace_file;
    options.settings = totem::Settings::for_token_loss(ring.token_loss_timeout);
    options.settings.window = ring.window;
    options.settings.visit_max = ring.visit_window;
    options.settings.accelerated = ring.accelerated_window;
    return options;
}

} // namespace ctdbd::daemon
