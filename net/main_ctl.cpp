// totemctl: what the ctdb tool has no word for, asked from the daemon on this node.
#include "net/control_client.h"
#include "net/control_text.h"

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace {

int run(int argc, char** argv) {
    CLI::App app("Shows the ring and the locks as this node's ctdbd knows them.", "totemctl");
    app.require_subcommand(1);
    std::string socket = net::default_control_socket().string();
    bool as_json = false;
    app.add_option("--socket", socket, "where ctdbd listens")->capture_default_str();
    CLI::App* status = app.add_subcommand("status", "the ring, its members, what it counted");
    CLI::App* locks = app.add_subcommand("locks", "who holds the named locks, and who waits");
    for (CLI::App* command : {status, locks})
        command->add_flag("--json", as_json, "the daemon's answer itself");
    CLI11_PARSE(app, argc, argv);

    net::ControlClient daemon(socket);
    daemon.send({{"verb", *status ? "status" : "locks"}});
    const boost::json::object answer = daemon.next();
    if (as_json)
        fmt::print("{}\n", boost::json::serialize(answer));
    else
        fmt::print("{}", *status ? net::describe_status(answer) : net::describe_locks(answer));
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "totemctl: {}\n", error.what());
        return 1;
    }
}
