// totem-bench: what the ring can do on this machine and network.
#include "bench/ring_client.h"
#include "net/key_file.h"

#include <CLI/CLI.hpp>
#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <map>

namespace {

const std::map<std::string, bench::Mode> modes = {{"flood", bench::Mode::flood},
                                                  {"pingpong", bench::Mode::pingpong},
                                                  {"paced", bench::Mode::paced},
                                                  {"probe", bench::Mode::probe},
                                                  {"watch", bench::Mode::watch}};

struct RingOptions {
    bench::RingWork work;
    std::string senders = "all";
    std::string addresses;
    std::string state;
    std::string service = "agreed";
    std::string transport = "multicast";
    std::string cipher = "aes256-gcm";
    std::uint32_t spin = 0;
    bool sealed = false;
    bool verbose = false;
    net::NodeOptions node;
};

// The key of a benchmark protects nothing: it is the same everywhere and known to everybody.
std::filesystem::path benchmark_key(const RingOptions& options) {
    const std::filesystem::path path = options.state + ".key";
    const auto cipher = net::cipher_named(options.cipher);
    if (!cipher) throw std::runtime_error(fmt::format("unknown cipher `{}`", options.cipher));
    std::array<std::uint8_t, net::secret_size> secret{};
    secret.fill(42);
    std::filesystem::remove(path);
    net::create_key_file(path, {1, *cipher, net::Secret(secret)});
    return path;
}

net::NodeOptions node_options(const RingOptions& options) {
    net::NodeOptions node = options.node;
    node.cluster = "totem-bench";
    node.self = static_cast<net::NodeId>(options.work.node);
    std::vector<std::string> addresses;
    boost::split(addresses, options.addresses, boost::is_any_of(","));
    for (std::size_t i = 0; i < addresses.size(); ++i)
        node.addresses[static_cast<net::NodeId>(i + 1)] = addresses[i];
    node.transport =
        options.transport == "unicast" ? net::Transport::unicast : net::Transport::multicast;
    node.spin = std::chrono::microseconds(options.spin);
    node.state_file = options.state;
    node.new_identity = !std::filesystem::exists(options.state + ".a");
    if (options.sealed) node.key_file = benchmark_key(options);
    return node;
}

int run_ring(RingOptions& options) {
    options.work.mode = modes.at(options.work.mode_name);
    options.work.all_send = options.senders == "all";
    if (options.addresses.empty()) {
        std::vector<std::string> loopback;
        for (int node = 1; node <= options.work.nodes; ++node)
            loopback.push_back(fmt::format("127.77.1.{}", node));
        options.addresses = fmt::format("{}", fmt::join(loopback, ","));
    }
    if (options.state.empty())
        options.state =
            fmt::format("{}/totem-bench.{}.{}", std::filesystem::temp_directory_path().string(),
                        ::getuid(), options.work.node);
    spdlog::set_default_logger(spdlog::stderr_logger_mt("totem-bench"));
    spdlog::set_level(options.verbose ? spdlog::level::info : spdlog::level::err);
    const auto service = options.service == "safe" ? totem::Service::safe : totem::Service::agreed;
    bench::RingClient client(options.work, service, node_options(options));
    return client.run() ? 0 : 1;
}

void describe_ring(CLI::App& app, RingOptions& options) {
    bench::RingWork& work = options.work;
    app.add_option("--node", work.node, "this node, 1 to nodes")->required();
    app.add_option("--nodes", work.nodes, "how many there are")->required();
    app.add_option("--addresses", options.addresses,
                   "all nodes' addresses, with commas (default: 127.77.1.1, .2, ...)");
    app.add_option("--size", work.size, "bytes of a message")
        ->check(CLI::Range(sizeof(bench::Header), totem::message_size_max))
        ->capture_default_str();
    app.add_option("--senders", options.senders, "who sends; one: node 1")
        ->check(CLI::IsMember({"all", "one"}))
        ->capture_default_str();
    app.add_option("--mode", work.mode_name, "what they send")
        ->check(CLI::IsMember(modes))
        ->capture_default_str();
    app.add_option("--outstanding", work.outstanding, "pingpong: own messages in flight");
    app.add_option("--inflight", work.inflight, "flood: own messages in flight, 0: no limit");
    app.add_option("--rate", work.rate, "paced: messages a second of each sender");
    app.add_option("--seconds", work.seconds, "length of the measured window");
    app.add_option("--warm", work.warm, "latencies of the first seconds do not count");
    app.add_option("--stack", work.stack, "a name for the output");
    app.add_option("--service", options.service)->check(CLI::IsMember({"agreed", "safe"}));
    app.add_option("--sealed", options.sealed, "1: encrypt and authenticate");
    app.add_option("--cipher", options.cipher, "of --sealed: aes256-gcm, chacha20-poly1305");
    app.add_option("--transport", options.transport)
        ->check(CLI::IsMember({"multicast", "unicast"}));
    app.add_option("--state", options.state, "file for the node's stable storage");
    app.add_option("--mtu", options.node.mtu, "0: ask the kernel");
    app.add_option("--offload", options.node.offload, "0: no segmentation or receive offload");
    app.add_option("--window", options.node.settings.window, "packets by all in a rotation");
    app.add_option("--visit-max", options.node.settings.visit_max, "packets by one in a visit");
    app.add_option("--accelerated", options.node.settings.accelerated,
                   "per cent of a visit's packets sent after the token");
    app.add_option("--outstanding-windows", options.node.settings.outstanding_windows,
                   "windows that may wait for the slowest receiver");
    app.add_option("--queue-bytes", options.node.settings.queue_bytes_max,
                   "own messages that may wait for the token");
    app.add_option("--own-thread", options.node.own_thread,
                   "1: the ring on a thread of its own; 0: in the application's loop");
    app.add_option("--spin", options.spin,
                   "microseconds that the ring's own thread looks on before it sleeps");
    app.add_option("--verbose", options.verbose, "1: tell the ring's story on stderr");
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Measures the ring."};
    app.require_subcommand(1);
    RingOptions options;
    CLI::App* ring =
        app.add_subcommand("ring", "one node of an ordered flood, the ring in process");
    describe_ring(*ring, options);
    try {
        app.parse(argc, argv);
        return run_ring(options);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::exception& error) {
        fmt::print(stderr, "totem-bench: {}\n", error.what());
        return 1;
    }
}
