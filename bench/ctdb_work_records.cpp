// Records: one that all want, many that another node has, many of one's own.
#include "bench/ctdb_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <thread>

namespace bench {

namespace {

// What a record holds here: how often it was changed, and by whom last.
struct Counter {
    std::uint64_t count = 0;
    std::uint32_t pnn = 0xFFFFFFFF;
};

Counter counter_in(const std::string& value) {
    Counter counter;
    if (value.size() >= sizeof counter) std::memcpy(&counter, value.data(), sizeof counter);
    return counter;
}

std::string value_of(const Counter& counter, std::size_t size) {
    std::string value(std::max(size, sizeof counter), '.');
    std::memcpy(value.data(), &counter, sizeof counter);
    return value;
}

double milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// Jain's index: 1 if all had the same, 1/n if one had it all.
double fairness(const std::vector<double>& shares) {
    double total = 0, squares = 0;
    for (const double share : shares) {
        total += share;
        squares += share * share;
    }
    return squares == 0 ? 0 : total * total / (static_cast<double>(shares.size()) * squares);
}

std::vector<std::string> keys(const std::string& name, std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i)
        all.push_back(fmt::format("{}.{}", name, i));
    return all;
}

// `pause` after each change: what smbd does meanwhile. Without one the clients fight for the
// processors rather than for the record, as soon as there are more of them than processors.
Figures hot_record(const Workplace& place, std::chrono::microseconds pause) {
    const std::string database = fmt::format("bench_hot_{}_{}.tdb", place.tag, pause.count());
    const std::string key = "hot";
    const auto task = [&](Worker& worker) {
        Database records(worker.client, database, DatabaseKind::volatile_records);
        worker.ready();
        double& changes = worker.findings.figures["changes"];
        double& handovers = worker.findings.figures["handovers"];
        auto& waits = worker.findings.samples["wait"];
        const auto end = Clock::now() + Seconds(place.seconds);
        for (auto begin = Clock::now(); begin < end; begin = Clock::now()) {
            const unsigned asked = records.update(key, [&](const std::string& value) {
                const Counter counter = counter_in(value);
                if (counter.pnn != worker.client.pnn()) ++handovers;
                return value_of({counter.count + 1, worker.client.pnn()}, place.value_size);
            });
            ++changes;
            if (asked > 0) waits.push_back(milliseconds_since(begin));
            if (pause.count() > 0) std::this_thread::sleep_for(pause);
        }
    };
    const auto all = run({place.sockets, place.clients}, task);
    std::vector<double> had(place.sockets.size());
    for (std::size_t i = 0; i < all.size(); ++i)
        had[i % had.size()] += all[i].figures.at("handovers");
    const Findings total = sum(all);

    Client client(place.sockets.front());
    Database records(client, database, DatabaseKind::volatile_records);
    double counted = 0;
    records.update(key, [&](const std::string& value) {
        counted = static_cast<double>(counter_in(value).count);
        return value;
    });
    const auto& waits =
        total.samples.count("wait") ? total.samples.at("wait") : std::vector<double>{};
    return {{"hand-overs", total.figures.at("handovers") / place.seconds, "1/s"},
            {"changes", total.figures.at("changes") / place.seconds, "1/s"},
            {"fairness of hand-overs", fairness(had), ""},
            {"wait p50", quantile(waits, 0.5), "ms"},
            {"wait p99", quantile(waits, 0.99), "ms"},
            {"changes lost", total.figures.at("changes") - counted, ""}};
}

} // namespace

Figures hot_record(const Workplace& place) {
    Figures figures = hot_record(place, std::chrono::microseconds(100));
    for (Figure figure : hot_record(place, std::chrono::microseconds(0))) {
        figure.name += ", no pause";
        figures.push_back(figure);
    }
    return figures;
}

Figures cold_records(const Workplace& place) {
    const std::string database = fmt::format("bench_cold_{}.tdb", place.tag);
    const auto nodes = static_cast<unsigned>(place.sockets.size());
    const auto names = [&](const std::string& what, unsigned node) {
        return keys(fmt::format("{}.{}", what, node), place.records / nodes);
    };
    // Each node has records first; then, one node at a time, they are had by the next one, which
    // asks for one after the other.
    const auto prepare = [&](Worker& worker) {
        Database records(worker.client, database, DatabaseKind::volatile_records);
        worker.ready();
        records.update_all(names("cold", worker.node), [&](const std::string&) {
            return value_of({1, worker.client.pnn()}, place.value_size);
        });
    };
    (void)run({place.sockets, 1}, prepare);
    Findings total;
    for (unsigned node = 0; node < nodes; ++node) {
        const auto task = [&](Worker& worker) {
            Database records(worker.client, database, DatabaseKind::volatile_records);
            worker.ready();
            const auto time_all = [&](const std::vector<std::string>& wanted,
                                      const std::string& what) {
                for (const std::string& key : wanted) {
                    const auto begin = Clock::now();
                    records.update(key, [&](const std::string&) {
                        return value_of({2, worker.client.pnn()}, place.value_size);
                    });
                    worker.findings.samples[what].push_back(milliseconds_since(begin));
                }
            };
            time_all(names("cold", (node + 1) % nodes), "cold");
            time_all(names("new", node), "new");
        };
        total.add(sum(run({{place.sockets[node]}, 1}, task)));
    }
    return {{"migration p50", quantile(total.samples["cold"], 0.5), "ms"},
            {"migration p99", quantile(total.samples["cold"], 0.99), "ms"},
            {"new record p50", quantile(total.samples["new"], 0.5), "ms"},
            {"new record p99", quantile(total.samples["new"], 0.99), "ms"}};
}

Figures own_records(const Workplace& place) {
    constexpr std::size_t working_set = 500;
    const std::string database = fmt::format("bench_own_{}.tdb", place.tag);
    const auto task = [&](Worker& worker, bool first_touch) {
        Database records(worker.client, database, DatabaseKind::volatile_records);
        const auto mine = keys(fmt::format("own.{}", worker.number), working_set);
        const auto change = [&](const std::string& value) {
            return value_of({counter_in(value).count + 1, worker.client.pnn()}, place.value_size);
        };
        worker.ready();
        double& done = worker.findings.figures["done"];
        const auto begin = Clock::now();
        const auto end = begin + Seconds(place.seconds);
        if (first_touch)
            for (; done < working_set; ++done)
                records.update(mine[static_cast<std::size_t>(done)], change);
        else
            for (std::size_t i = 0; Clock::now() < end; ++i, ++done)
                records.update(mine[i % mine.size()], change);
        worker.findings.figures["rate"] = done / Seconds(Clock::now() - begin).count();
    };
    const auto measure = [&](bool first_touch) {
        return sum(run({place.sockets, place.clients},
                       [&](Worker& worker) { task(worker, first_touch); }))
            .figures.at("rate");
    };
    const double first = measure(true);
    return {{"first touch", first, "1/s"}, {"again", measure(false), "1/s"}};
}

} // namespace bench
