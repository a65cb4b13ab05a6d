#include "sim/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sim {

namespace {

constexpr unsigned jobs_max = 256;

// What all workers share: which seed is next, and what each is doing.
struct Board {
    std::atomic<std::uint64_t> next;
    std::atomic<bool> stop;
    std::array<std::atomic<std::uint64_t>, jobs_max> playing; // 0: nothing
};

class SharedBoard {
public:
    SharedBoard() {
        void* memory =
            mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("no shared memory for the sweep");
        board_ = new (memory) Board{};
    }

    ~SharedBoard() { munmap(board_, sizeof(Board)); }

    SharedBoard(const SharedBoard&) = delete;
    SharedBoard& operator=(const SharedBoard&) = delete;

    Board& operator*() { return *board_; }

    Board* operator->() { return board_; }

private:
    Board* board_;
};

// One seed's outcome, small enough to be written to a pipe in one piece. The texts are cut.
struct Report {
    std::uint64_t seed = 0;
    std::uint64_t delivered = 0, rings = 0;
    double virtual_seconds = 0;
    bool failed = false, repeated = false;
    std::array<char, 24> property{};
    std::array<char, 1000> sentence{};
    std::array<std::uint8_t, membership::Coverage::rows> cells{}; // bit per phase
};

static_assert(sizeof(Report) <= 4096, "a pipe takes it whole");

template <std::size_t size>
void put(std::array<char, size>& field, const std::string& text) {
    const std::size_t length = std::min(text.size(), size - 1);
    std::memcpy(field.data(), text.data(), length);
    field[length] = 0;
}

Report play_one(const SweepPlan& plan, std::uint64_t seed) {
    RunOptions options{.nodes = nodes_of(plan, seed)};
    if (!plan.trace_dir.empty())
        options.trace_file = fmt::format("{}/{}.jsonl", plan.trace_dir, seed);
    Outcome outcome = run(plan.scenario, seed, options);
    Report report{.seed = seed,
                  .delivered = outcome.delivered,
                  .rings = outcome.rings,
                  .virtual_seconds = static_cast<double>(outcome.virtual_time.count()) / 1e9};
    if (!outcome.violation && plan.repeat_every > 0 && seed % plan.repeat_every == 0) {
        options.trace_file.clear();
        report.repeated = true;
        if (run(plan.scenario, seed, options).fingerprint != outcome.fingerprint)
            outcome.violation = Violation{"determinism", "the same seed gave two different runs"};
    }
    if (outcome.violation) {
        report.failed = true;
        put(report.property, outcome.violation->property);
        put(report.sentence, outcome.violation->sentence);
    }
    for (std::size_t row = 0; row < membership::Coverage::rows; ++row)
        for (std::size_t phase = 0; phase < 4; ++phase)
            if (outcome.coverage.hits[row][phase] > 0)
                report.cells[row] |= static_cast<std::uint8_t>(1U << phase);
    return report;
}

[[noreturn]] void work(const SweepPlan& plan, Board& board, unsigned worker, int pipe) {
    int status = 0;
    try {
        while (!board.stop) {
            const std::uint64_t seed = board.next.fetch_add(1);
            if (seed > plan.last) break;
            board.playing[worker] = seed;
            const Report report = play_one(plan, seed);
            if (write(pipe, &report, sizeof report) != sizeof report) break;
            board.playing[worker] = 0;
        }
    } catch (const std::exception& error) {
        fmt::print(stderr, "totem-sim: {}\n", error.what());
        status = 1;
    }
    _exit(status);
}

class Sweep {
public:
    explicit Sweep(const SweepPlan& plan) : plan_(plan) {
        board_->next = plan.first;
        if (!plan.trace_dir.empty()) std::filesystem::create_directories(plan.trace_dir);
    }

    SweepResult play() {
        if (pipe(pipe_.data()) != 0) throw std::runtime_error("no pipe for the sweep");
        const unsigned jobs = std::clamp(plan_.jobs, 1U, jobs_max);
        for (unsigned worker = 0; worker < jobs; ++worker)
            start(worker);
        collect();
        bury();
        std::ranges::sort(result_.failures, {}, &Failure::seed);
        result_.seconds = seconds_passed();
        if (plan_.progress) fmt::print(stderr, "\r{:78}\r", "");
        return result_;
    }

private:
    void start(unsigned worker) {
        std::fflush(nullptr);
        const pid_t child = fork();
        if (child < 0) throw std::runtime_error("cannot start the sweep's workers");
        if (child == 0) {
            close(pipe_[0]);
            work(plan_, *board_, worker, pipe_[1]);
        }
        children_.push_back(child);
    }

    // Until the last worker has closed its end.
    void collect() {
        close(pipe_[1]);
        Report report;
        while (true) {
            const ssize_t size = read(pipe_[0], &report, sizeof report);
            if (size < 0 && errno == EINTR) continue;
            if (size != sizeof report) break;
            add(report);
        }
        close(pipe_[0]);
    }

    void add(const Report& report) {
        ++result_.seeds;
        result_.repeated += report.repeated ? 1 : 0;
        result_.virtual_seconds += report.virtual_seconds;
        result_.delivered += report.delivered;
        result_.rings += report.rings;
        for (std::size_t row = 0; row < membership::Coverage::rows; ++row)
            for (std::size_t phase = 0; phase < 4; ++phase)
                if (report.cells[row] & (1U << phase)) ++result_.coverage.hits[row][phase];
        if (report.failed) fail(report.seed, report.property.data(), report.sentence.data());
        if (plan_.progress) show_progress();
    }

    void fail(std::uint64_t seed, const std::string& property, const std::string& sentence) {
        result_.failures.push_back({seed, property, sentence, nodes_of(plan_, seed)});
        if (result_.failures.size() >= plan_.failures_max) board_->stop = true;
    }

    // A worker that did not end by itself took its seed with it.
    void bury() {
        for (std::size_t worker = 0; worker < children_.size(); ++worker) {
            int status = 0;
            while (waitpid(children_[worker], &status, 0) < 0 && errno == EINTR) {
            }
            const std::uint64_t seed = board_->playing[worker];
            if (seed == 0) continue;
            ++result_.seeds;
            fail(seed, "crash",
                 WIFSIGNALED(status)
                     ? fmt::format("the run was ended by signal {}", WTERMSIG(status))
                     : std::string("the run ended its process"));
        }
    }

    [[nodiscard]] double seconds_passed() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    }

    void show_progress() {
        const double seconds = seconds_passed();
        if (seconds < shown_ + 0.1) return;
        shown_ = seconds;
        const std::uint64_t total = plan_.last - plan_.first + 1;
        const double done = static_cast<double>(result_.seeds) / static_cast<double>(total);
        constexpr int width = 30;
        const int full = static_cast<int>(done * width);
        fmt::print(stderr,
                   "\r[{:#<{}}{:.<{}}] {}/{} seeds, {:.0f}/s, {:.0f} virtual s/s, {} failed ", "",
                   full, "", width - full, result_.seeds, total,
                   static_cast<double>(result_.seeds) / seconds, result_.virtual_seconds / seconds,
                   result_.failures.size());
        std::fflush(stderr);
    }

    const SweepPlan& plan_;
    SharedBoard board_;
    std::array<int, 2> pipe_{};
    std::vector<pid_t> children_;
    SweepResult result_;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    double shown_ = 0;
};

} // namespace

std::uint32_t nodes_of(const SweepPlan& plan, std::uint64_t seed) {
    if (plan.nodes_max == 0) return 0;
    return static_cast<std::uint32_t>(
        Random{seed}
            .split("sweep nodes")
            .between(std::uint64_t{plan.nodes_min}, std::uint64_t{plan.nodes_max}));
}

SweepResult sweep(const SweepPlan& plan) { return Sweep(plan).play(); }

} // namespace sim
