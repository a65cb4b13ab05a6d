#include "sim/run.h"

#include "sim/records/record_runs.h"
#include "sim/swarm.h"
#include "sim/talkers.h"

#include <fmt/format.h>

#include <cstdio>
#include <stdexcept>

namespace sim {

namespace {

// Writes every event as it happens, so that a run that dies leaves its trace.
class TraceFile final : public Listener {
public:
    explicit TraceFile(const std::string& path)
        : path_(path), file_(std::fopen(path.c_str(), "w")) {
        if (file_ == nullptr) throw std::runtime_error(fmt::format("cannot write {}", path));
    }

    ~TraceFile() override { std::fclose(file_); }

    TraceFile(const TraceFile&) = delete;
    TraceFile& operator=(const TraceFile&) = delete;

    void on_event(const trace::Event& event) override {
        line_.clear();
        append_json(event, line_);
        if (std::fwrite(line_.data(), 1, line_.size(), file_) != line_.size())
            throw std::runtime_error(fmt::format("cannot write {}", path_));
    }

private:
    std::string path_;
    std::FILE* file_;
    std::string line_;
};

// A failed base::check inside the floors is a violation like any other: the exception leaves the
// processor behind, which nobody looks at again.
void throw_broken_promise(const char* sentence) { throw Violation{"promise", sentence}; }

std::unique_ptr<Applications> make_applications(const Scenario& plan) {
    if (plan.application == "talkers") return std::make_unique<Talkers>(plan.talk);
    if (plan.application == "records") return std::make_unique<records::RecordRuns>(plan);
    throw std::runtime_error(fmt::format("there is no application \"{}\"", plan.application));
}

} // namespace

Outcome run(const Scenario& scenario, std::uint64_t seed, const RunOptions& options) {
    observe_failed_checks(throw_broken_promise);
    const Scenario plan = draw(scenario, seed, options.nodes);
    const std::unique_ptr<Applications> applications = make_applications(plan);
    std::vector<Listener*> listeners;
    std::unique_ptr<TraceFile> trace;
    if (!options.trace_file.empty()) {
        trace = std::make_unique<TraceFile>(options.trace_file);
        listeners.push_back(trace.get());
    }
    listeners.insert(listeners.end(), options.listeners.begin(), options.listeners.end());
    World world(plan, seed, *applications, listeners);
    Outcome outcome;
    try {
        world.play();
        if (const auto unmet = world.measures().unmet(plan.expect))
            outcome.violation = Violation{"expectation", *unmet};
        for (const Cell& cell : plan.expect.cells)
            if (!was_reached(world.coverage(), cell))
                outcome.violation = Violation{
                    "expectation", fmt::format("the run does not reach {}", describe(cell))};
    } catch (const Violation& violation) {
        outcome.violation = violation;
        outcome.violated_at = world.now();
        outcome.last_lines = world.checker().last_lines();
    }
    observe_failed_checks(nullptr);
    outcome.fingerprint = world.fingerprint();
    outcome.virtual_time = world.now().time_since_epoch();
    outcome.nodes = plan.nodes_max;
    outcome.measures = world.measures().all();
    outcome.delivered = static_cast<std::uint64_t>(outcome.measures["delivered"]);
    outcome.rings = static_cast<std::uint64_t>(outcome.measures["rings"]);
    outcome.coverage = world.coverage();
    outcome.lost_by_chance = std::as_const(world).network().lost_by_chance();
    return outcome;
}

} // namespace sim
