// ctdb-bench: drives any ctdbd, packaged or ours, as its clients do, and measures it. Says what it
// found as a table or as JSON lines; comparing daemons is scripts/bench's part.
#include "bench/ctdb_work.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <unistd.h>

namespace {

struct Options {
    bench::Workplace place;
    bool json = false;
    std::string database = "bench.tdb";
    std::string key = "counter";
    unsigned count = 1000;
    std::string values; // a file; empty: none
    bench::Victim victim;
};

// Counts a record up, one fetch-lock a step, and says what it cost.
void increment(const Options& options) {
    bench::Client client(options.place.sockets.front());
    bench::Database database(client, options.database, bench::DatabaseKind::volatile_records);
    std::ofstream values;
    if (!options.values.empty()) values.open(options.values);
    unsigned long migrations = 0, last = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < options.count; ++i) {
        migrations += database.update(options.key, [&](const std::string& value) {
            last = value.empty() ? 1 : std::strtoul(value.c_str(), nullptr, 10) + 1;
            return std::to_string(last);
        });
        if (values.is_open()) values << last << std::endl; // others may read it while we run
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    fmt::print("node {}: {} increments in {:.3f} s, asked for the record {} times, last value {}\n",
               client.pnn(), options.count, took.count(), migrations, last);
}

void print(const std::string& work, const bench::Figures& figures, bool json) {
    for (const auto& [name, value, unit] : figures)
        if (json)
            fmt::print(
                "{{\"work\": \"{}\", \"figure\": \"{}\", \"value\": {}, \"unit\": \"{}\"}}\n", work,
                name, value, unit);
        else
            fmt::print("{:<14}{:<40}{:>14.3f} {}\n", work, name, value, unit);
    std::fflush(stdout);
}

// -- the command line

void add_counting(CLI::App& app, Options& options) {
    CLI::App* counting =
        app.add_subcommand("increment", "count one record up under its fetch-lock");
    counting->add_option("--database", options.database, "a volatile database; attached if need be")
        ->capture_default_str();
    counting->add_option("--key", options.key)->capture_default_str();
    counting->add_option("--count", options.count, "how often")->capture_default_str();
    counting->add_option("--values", options.values, "a file for the values stored, a line each");
    counting->callback([&] { increment(options); });
}

void add_works(CLI::App& app, Options& options) {
    struct Work {
        const char* name;
        const char* what;
        bench::Figures (*measure)(const bench::Workplace&);
    };

    static constexpr Work works[] = {
        {"hot", "one record that all nodes want", bench::hot_record},
        {"cold", "records that another node has, and records that nobody has", bench::cold_records},
        {"own", "records of each node's own", bench::own_records},
        {"messages", "messages from each node to the next", bench::messages},
        {"transactions", "commits to persistent databases", bench::transactions},
        {"attach", "new and known databases", bench::attaching},
        {"memory", "what --records more records cost", bench::memory},
    };
    for (const Work& work : works)
        app.add_subcommand(work.name, work.what)->callback([&options, work] {
            print(work.name, work.measure(options.place), options.json);
        });
}

void add_failures(CLI::App& app, Options& options) {
    CLI::App* stall = app.add_subcommand(
        "stall", "how long nothing moves at these nodes when another one's daemon is killed");
    stall->add_option("--victim", options.victim.socket, "the socket of the daemon to be killed")
        ->required();
    stall->callback(
        [&] { print("stall", bench::stall(options.place, options.victim), options.json); });
    CLI::App* watch = app.add_subcommand(
        "watch", "how long nothing moves at these nodes while somebody else makes trouble");
    watch->callback([&] {
        options.victim.killed = false;
        print("watch", bench::stall(options.place, options.victim), options.json);
    });
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Drives any ctdbd as its clients do, and measures it."};
    app.require_subcommand(1);
    Options options;
    const char* environment = std::getenv("CTDB_SOCKET");
    options.place.sockets = {environment != nullptr ? environment : "/run/ctdb/ctdbd.socket"};
    options.place.tag = std::to_string(getpid());
    app.add_option("--socket", options.place.sockets,
                   "the daemons' unix sockets, in the order of the nodes (default: $CTDB_SOCKET)");
    app.add_option("--seconds", options.place.seconds, "of each measurement that takes time")
        ->capture_default_str();
    app.add_option("--clients", options.place.clients, "of each node")->capture_default_str();
    app.add_option("--records", options.place.records)->capture_default_str();
    app.add_option("--size", options.place.value_size, "of a record's value")
        ->capture_default_str();
    app.add_option("--tag", options.place.tag, "part of the names of databases");
    app.add_flag("--json", options.json, "JSON lines instead of a table");
    add_counting(app, options);
    add_works(app, options);
    add_failures(app, options);
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
