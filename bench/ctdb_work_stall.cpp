// What clients notice of a node's death: how long nothing moved.
#include "bench/ctdb_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <thread>
#include <unistd.h>

namespace bench {

namespace {

constexpr auto calm = std::chrono::seconds(1); // before the kill
constexpr unsigned lost_records = 100;
constexpr double shortest_gap = 0.002; // seconds; shorter ones are work
// Between two steps of a client: those who only count time shall not fight for the processors.
constexpr auto pause = std::chrono::milliseconds(1);

double now() { return Seconds(Clock::now().time_since_epoch()).count(); }

std::string lost_key(unsigned i) { return fmt::format("lost.{}", i); }

// The time of the kill, told to as many as wait for it.
class Announcement {
public:
    Announcement() {
        if (::pipe(ends_.data()) != 0) throw ClientError("no pipe for the announcement");
    }

    ~Announcement() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }

    Announcement(const Announcement&) = delete;
    Announcement& operator=(const Announcement&) = delete;

    void tell(double time, std::size_t listeners) const {
        for (std::size_t i = 0; i < listeners; ++i)
            if (::write(ends_[1], &time, sizeof time) != sizeof time) return;
    }

    [[nodiscard]] double wait() const {
        double time = 0;
        if (::read(ends_[0], &time, sizeof time) != sizeof time)
            throw ClientError("the kill was not announced");
        return time;
    }

private:
    std::array<int, 2> ends_{};
};

// Does `step` until `end` and notes every stretch of time in which none was completed.
void note_gaps(Worker& worker, double end, const std::string& what, const Task& step) {
    double last = now();
    while (last < end) {
        step(worker);
        const double completed = now();
        if (completed - last > shortest_gap) {
            worker.findings.samples[what + " from"].push_back(last);
            worker.findings.samples[what + " to"].push_back(completed);
        }
        std::this_thread::sleep_for(pause);
        last = now();
    }
}

double longest_gap_after(double time, const Findings& total, const std::string& what) {
    if (total.samples.count(what + " to") == 0) return 0;
    const auto& from = total.samples.at(what + " from");
    const auto& to = total.samples.at(what + " to");
    double longest = 0;
    for (std::size_t i = 0; i < to.size(); ++i)
        if (to[i] >= time) longest = std::max(longest, to[i] - std::max(from[i], time));
    return longest * 1000;
}

// The four kinds of client, a record's worth of work for each.
class Survivor {
public:
    Survivor(Worker& worker, const std::string& database)
        : worker_(worker), records_(worker.client, database, DatabaseKind::volatile_records) {
        touch(fmt::format("own.{}", worker.number));
    }

    void touch(const std::string& key) {
        records_.update(key, [](const std::string&) { return "touched"; });
    }

    void work(unsigned role, double end, const Announcement* kill) {
        const std::string own = fmt::format("own.{}", worker_.number);
        if (role == 0)
            note_gaps(worker_, end, "own", [&](Worker&) { touch(own); });
        else if (role == 1)
            note_gaps(worker_, end, "shared", [&](Worker&) { touch("shared"); });
        else if (role == 2)
            note_gaps(worker_, end, "new",
                      [&](Worker&) { touch(fmt::format("{}.{}", own, ++made_)); });
        else if (kill != nullptr)
            take_what_is_lost(kill->wait());
    }

private:
    void take_what_is_lost(double killed) {
        touch(lost_key(0));
        worker_.findings.samples["first lost"].push_back((now() - killed) * 1000);
        for (unsigned i = 1; i < lost_records; ++i)
            touch(lost_key(i));
        worker_.findings.samples["all lost"].push_back((now() - killed) * 1000);
    }

    Worker& worker_;
    Database records_;
    unsigned long made_ = 0;
};

constexpr unsigned roles = 4;

} // namespace

Figures stall(const Workplace& survivors, const Victim& victim) {
    const std::string database = fmt::format("bench_stall_{}.tdb", survivors.tag);
    int victim_pid = 0;
    if (victim.killed) {
        Client client(victim.socket);
        victim_pid = client.control(protocol::Opcode::get_pid).status;
        Database records(client, database, DatabaseKind::volatile_records);
        for (unsigned i = 0; i < lost_records; ++i)
            records.update(lost_key(i), [](const std::string&) { return "the victim's"; });
    }
    const Announcement announcement;
    double killed = 0;
    const auto task = [&](Worker& worker) {
        Survivor survivor(worker, database);
        worker.ready();
        survivor.work(worker.number / static_cast<unsigned>(survivors.sockets.size()),
                      now() + survivors.seconds, victim.killed ? &announcement : nullptr);
    };
    const auto kill_victim = [&] {
        if (!victim.killed) return;
        std::this_thread::sleep_for(calm);
        killed = now();
        if (victim_pid <= 0 || ::kill(victim_pid, SIGKILL) != 0)
            throw ClientError("the victim cannot be killed");
        announcement.tell(killed, survivors.sockets.size());
    };
    Findings total = sum(run({survivors.sockets, roles}, task, kill_victim));
    Figures figures;
    for (const std::string what : {"own", "shared", "new"})
        figures.push_back(
            {fmt::format("{} records", what), longest_gap_after(killed, total, what), "ms"});
    if (victim.killed) {
        figures.push_back({"first lost record", quantile(total.samples["first lost"], 1), "ms"});
        figures.push_back({"all lost records", quantile(total.samples["all lost"], 1), "ms"});
    }
    return figures;
}

} // namespace bench
