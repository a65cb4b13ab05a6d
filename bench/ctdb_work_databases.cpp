// Databases: committed to, attached, and filled.
#include "bench/ctdb_transaction.h"
#include "bench/ctdb_work.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace bench {

namespace {

constexpr unsigned many = 10; // clients of each node

// Commits until time is up, each of one record of the client's own.
Findings transact(const Workplace& place, unsigned clients_per_node, bool own_database) {
    const auto task = [&](Worker& worker) {
        GlobalLock lock(worker.client);
        const std::string name =
            own_database ? fmt::format("bench_persistent_{}_{}.tdb", place.tag, worker.number)
                         : fmt::format("bench_persistent_{}.tdb", place.tag);
        PersistentDatabase database(worker.client, lock, name);
        const std::string key = fmt::format("client {}", worker.number);
        worker.ready();
        const auto begin = Clock::now();
        const auto end = begin + Seconds(place.seconds);
        auto& latencies = worker.findings.samples["latency"];
        unsigned sent = 0;
        for (auto started = Clock::now(); started < end; started = Clock::now()) {
            sent += database.transact({{key, [&](const std::string&) {
                                            return fmt::format("{:0{}}", latencies.size(),
                                                               place.value_size);
                                        }}});
            latencies.push_back(
                std::chrono::duration<double, std::milli>(Clock::now() - started).count());
        }
        const auto done = static_cast<double>(latencies.size());
        worker.findings.figures["rate"] = done / Seconds(Clock::now() - begin).count();
        worker.findings.figures["repeated"] = sent - done;
    };
    return sum(run({place.sockets, clients_per_node}, task));
}

// In kB: memory of the daemon's own, and pages of files that it has mapped.
double memory_of(Client& client, const std::string& which) {
    const int pid = client.control(protocol::Opcode::get_pid).status;
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    std::string line;
    while (std::getline(status, line))
        if (line.rfind(which + ":", 0) == 0) return std::stod(line.substr(which.size() + 1));
    throw ClientError(fmt::format("/proc/{}/status has no {}", pid, which));
}

double memory_of_all(const Workplace& place, const std::string& which) {
    double total = 0;
    for (const std::string& socket : place.sockets) {
        Client client(socket);
        total += memory_of(client, which);
    }
    return total;
}

} // namespace

Figures transactions(const Workplace& place) {
    const auto one = [&] {
        Workplace alone = place;
        alone.sockets = {place.sockets.front()};
        alone.tag += "_one";
        return transact(alone, 1, false);
    }();
    const Findings shared = transact(place, many, false);
    const Findings own = transact(place, many, true);
    return {
        {"one client", one.figures.at("rate"), "1/s"},
        {"one client p50", quantile(one.samples.at("latency"), 0.5), "ms"},
        {"many clients of one database", shared.figures.at("rate"), "1/s"},
        {"many clients of one database p99", quantile(shared.samples.at("latency"), 0.99), "ms"},
        {"many clients of own databases", own.figures.at("rate"), "1/s"},
        {"many clients of own databases p99", quantile(own.samples.at("latency"), 0.99), "ms"},
        {"commits repeated",
         one.figures.at("repeated") + shared.figures.at("repeated") + own.figures.at("repeated"),
         ""}};
}

Figures attaching(const Workplace& place) {
    constexpr unsigned databases = 20;
    Client client(place.sockets.front());
    const auto attach = [&](const std::string& name, DatabaseKind kind) {
        std::vector<double> took;
        for (unsigned i = 0; i < databases; ++i) {
            const auto begin = Clock::now();
            const Database database(client, fmt::format("bench_{}_{}_{}.tdb", name, place.tag, i),
                                    kind);
            took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
        }
        return quantile(took, 0.5);
    };
    const double volatile_new = attach("attached", DatabaseKind::volatile_records);
    const double volatile_known = attach("attached", DatabaseKind::volatile_records);
    return {{"new volatile database p50", volatile_new, "ms"},
            {"known volatile database p50", volatile_known, "ms"},
            {"new persistent database p50", attach("kept", DatabaseKind::persistent), "ms"}};
}

Figures memory(const Workplace& place) {
    const std::string database = fmt::format("bench_memory_{}.tdb", place.tag);
    const auto nodes = static_cast<double>(place.sockets.size());
    {
        // The file's own pages are there before the first record.
        Client client(place.sockets.front());
        const Database attached(client, database, DatabaseKind::volatile_records);
    }
    const double before = memory_of_all(place, "RssAnon");
    const auto begin = Clock::now();
    const auto fill = [&](Worker& worker) {
        constexpr std::size_t at_once = 10000;
        Database records(worker.client, database, DatabaseKind::volatile_records);
        worker.ready();
        const std::size_t mine = place.records / place.sockets.size();
        const std::string value(place.value_size, 'v');
        for (std::size_t i = 0; i < mine; i += at_once) {
            std::vector<std::string> some;
            for (std::size_t j = i; j < std::min(mine, i + at_once); ++j)
                some.push_back(fmt::format("record {} of {}", j, worker.number));
            records.update_all(some, [&](const std::string&) { return value; });
        }
    };
    (void)run({place.sockets, 1}, fill);
    const double took = Seconds(Clock::now() - begin).count();
    const double after = memory_of_all(place, "RssAnon");
    const double millions = place.records / 1e6;
    return {
        {"records made", place.records / took, "1/s"},
        {"daemon's memory per million records", (after - before) / nodes / 1024 / millions, "MB"}};
}

} // namespace bench
