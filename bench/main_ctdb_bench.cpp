// ctdb-bench: drives any ctdbd, packaged or ours, as its clients do.
#include "bench/ctdb_client.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

struct Options {
    std::string socket;
    std::string database = "bench.tdb";
    std::string key = "counter";
    unsigned count = 1000;
};

// Counts a record up, one fetch-lock a step, and says what it cost.
void increment(const Options& options) {
    bench::Client client(options.socket);
    bench::Database database(client, options.database, bench::DatabaseKind::volatile_records);
    unsigned long migrations = 0, last = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < options.count; ++i)
        migrations += database.update(options.key, [&](const std::string& value) {
            last = value.empty() ? 1 : std::strtoul(value.c_str(), nullptr, 10) + 1;
            return std::to_string(last);
        });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    fmt::print("node {}: {} increments in {:.3f} s, asked for the record {} times, last value {}\n",
               client.pnn(), options.count, took.count(), migrations, last);
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Drives any ctdbd as its clients do, and measures it."};
    app.require_subcommand(1);
    Options options;
    const char* environment = std::getenv("CTDB_SOCKET");
    options.socket = environment != nullptr ? environment : "/run/ctdb/ctdbd.socket";
    app.add_option("--socket", options.socket, "the daemon's unix socket (default: $CTDB_SOCKET)");
    CLI::App* counting =
        app.add_subcommand("increment", "count one record up under its fetch-lock");
    counting->add_option("--database", options.database, "a volatile database; attached if need be")
        ->capture_default_str();
    counting->add_option("--key", options.key)->capture_default_str();
    counting->add_option("--count", options.count, "how often")->capture_default_str();
    counting->callback([&] { increment(options); });
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::exception& error) {
        fmt::print(stderr, "ctdb-bench: {}\n", error.what());
        return 1;
    }
    return 0;
}
