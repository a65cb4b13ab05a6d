// totem-sim: plays scenarios, sweeps over seeds, judges recorded traces. Built with the deliberate
// bugs switchable it is totem-sim-mutants, which proves that the checkers can fail.
#include "base/mutant.h"
#include "sim/checker/checker.h"
#include "sim/measures.h"
#include "sim/mutant_hunt.h"
#include "sim/scenario_codec.h"
#include "sim/story.h"
#include "sim/sweep.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <thread>
#include <unistd.h>

namespace {

using namespace sim;

enum ExitCode { kept = 0, violated = 1, misused = 2 };

struct Seeds {
    std::uint64_t first = 1, last = 1;
};

// "A..B", or one number.
Seeds parse_seeds(const std::string& text) {
    const auto number = [&](const std::string& part) {
        std::size_t used = 0;
        const std::uint64_t value = part.empty() || part[0] == '-' ? 0 : std::stoull(part, &used);
        if (used != part.size() || value == 0) throw std::invalid_argument(text);
        return value;
    };
    try {
        const std::size_t dots = text.find("..");
        if (dots == std::string::npos) return {number(text), number(text)};
        const Seeds seeds{number(text.substr(0, dots)), number(text.substr(dots + 2))};
        if (seeds.last >= seeds.first) return seeds;
    } catch (const std::logic_error&) {
    }
    throw std::runtime_error(fmt::format("\"{}\" is not a range of seeds such as 1..2000", text));
}

// "3..8", or one number: how many processes.
void parse_nodes(const std::string& text, SweepPlan& plan) {
    if (text.empty()) return;
    const Seeds range = parse_seeds(text);
    if (range.last > members_max)
        throw std::runtime_error(fmt::format("a ring has at most {} processes", members_max));
    plan.nodes_min = static_cast<std::uint32_t>(range.first);
    plan.nodes_max = static_cast<std::uint32_t>(range.last);
}

std::string program_name = "totem-sim";

std::string replay_command(const std::string& scenario, const Failure& failure) {
    std::string mutant;
#ifdef TOTEM_MUTANTS
    for (const auto& known : all_mutants)
        if (known.mutant == active_mutant && active_mutant != Mutant::none)
            mutant = fmt::format("--mutant {} ", known.name);
#endif
    return fmt::format(
        "{} {}run {} --seed {}{} --trace {}.jsonl", program_name, mutant, scenario, failure.seed,
        failure.nodes != 0 ? fmt::format(" --nodes {}", failure.nodes) : "", failure.seed);
}

struct Command {
    std::string scenario = "mixed";
    std::uint64_t seed = 1;
    std::string seeds = "1..2000";
    std::string trace;
    std::string trace_dir;
    std::string nodes;
    unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
    std::size_t failures = 10;
    bool measures = false, packets = false;
    std::vector<std::string> files;
    bool live = false;
    std::string mutant, mutants_of;
};

int run_one(const Command& command) {
    const Scenario scenario = find_scenario(command.scenario);
    SweepPlan nodes;
    parse_nodes(command.nodes, nodes);
    Story story(stdout, command.packets);
    fmt::print("{}: {}\nseed {}\n\n", scenario.name, scenario.says, command.seed);
    const Outcome outcome =
        run(scenario, command.seed,
            {.nodes = nodes.nodes_max, .trace_file = command.trace, .story = &story});
    if (command.measures) {
        fmt::print("\n");
        for (const auto& [name, value] : outcome.measures)
            fmt::print("  {:20} {:.6g}\n", name, value);
    }
    if (outcome.violation) {
        if (!outcome.last_lines.empty()) fmt::print("\nthe last events:\n");
        for (const std::string& line : outcome.last_lines)
            fmt::print("  {}\n", line);
        fmt::print("\nVIOLATION of {}: {}\n", outcome.violation->property,
                   outcome.violation->sentence);
        return violated;
    }
    fmt::print("\nAll promises kept: {} processes, {:.3f} virtual seconds, {} rings, {} messages "
               "delivered; fingerprint {:016x}.\n",
               outcome.nodes, static_cast<double>(outcome.virtual_time.count()) / 1e9,
               outcome.rings, outcome.delivered, outcome.fingerprint);
    return kept;
}

void print_coverage(const membership::Coverage& coverage) {
    std::size_t reached = 0;
    for (const auto& row : coverage.hits)
        reached += static_cast<std::size_t>(
            std::ranges::count_if(row, [](std::uint64_t hits) { return hits > 0; }));
    fmt::print("{} cells of the event x state table were reached.\n", reached);
}

int sweep_many(const Command& command) {
    const Seeds seeds = parse_seeds(command.seeds);
    SweepPlan plan{.scenario = find_scenario(command.scenario),
                   .first = seeds.first,
                   .last = seeds.last,
                   .jobs = command.jobs,
                   .trace_dir = command.trace_dir,
                   .failures_max = command.failures,
                   .progress = isatty(STDERR_FILENO) != 0};
    parse_nodes(command.nodes, plan);
    const SweepResult result = sweep(plan);
    fmt::print("{}: {} seeds in {:.1f} s ({:.0f} seeds/s, {:.0f} virtual s/s), {} rings, {} "
               "messages delivered; {} seeds played twice.\n",
               plan.scenario.name, result.seeds, result.seconds,
               static_cast<double>(result.seeds) / result.seconds,
               result.virtual_seconds / result.seconds, result.rings, result.delivered,
               result.repeated);
    print_coverage(result.coverage);
    for (const Failure& failure : result.failures)
        fmt::print("\nseed {} violates {}: {}\n  play it again: {}\n", failure.seed,
                   failure.property, failure.sentence, replay_command(command.scenario, failure));
    if (!result.failures.empty()) return violated;
    fmt::print("All promises kept.\n");
    return kept;
}

int report(const std::string& name, const Judgement& judgement) {
    if (!judgement.violation) {
        fmt::print("{}: {} events, all promises kept\n", name, judgement.events);
        return kept;
    }
    for (const std::string& line : judgement.last_lines)
        fmt::print("  {}\n", line);
    fmt::print("{}:{}: VIOLATION of {}: {}\n", name, judgement.events,
               judgement.violation->property, judgement.violation->sentence);
    return violated;
}

int check_files(const Command& command) {
    if (command.live) return report("all together", judge_live_traces(command.files));
    int code = kept;
    for (const std::string& file : command.files)
        code = std::max(code, report(file, judge_trace_file(file)));
    return code;
}

int list_scenarios() {
    for (const Scenario& scenario : all_scenarios())
        fmt::print("{:24} {}\n", scenario.name, scenario.says);
    return kept;
}

#ifdef TOTEM_MUTANTS

void choose_mutant(const std::string& name) {
    for (const auto& known : all_mutants)
        if (known.name == name) {
            active_mutant = known.mutant;
            return;
        }
    throw std::runtime_error(
        fmt::format("there is no mutant \"{}\"; base/mutants.inc lists all", name));
}

int hunt_mutants(const Command& command) {
    const Seeds seeds = parse_seeds(command.seeds);
    int code = kept;
    std::size_t hunted = 0, survivors = 0, not_hunted = 0;
    fmt::print("{:30} {:12} {:34} {:>6}  {}\n", "mutant", "caught by", "in", "runs",
               "what is broken");
    for (const auto& known : all_mutants) {
        if (known.mutant == Mutant::none) continue;
        if (!command.mutant.empty() && known.name != command.mutant) continue;
        const std::string of = known.of == MutantOf::statedb ? "statedb" : "ring";
        if (!command.mutants_of.empty() && of != command.mutants_of) continue;
        if (!can_be_hunted(known)) {
            ++not_hunted;
            continue;
        }
        const Caught caught =
            hunt(known, {.first = seeds.first, .last = seeds.last, .jobs = command.jobs});
        ++hunted;
        const bool survived = caught.property.empty();
        survivors += survived ? 1 : 0;
        fmt::print("{:30} {:12} {:34} {:>6}  {}\n", known.name,
                   survived ? "SURVIVED" : caught.property,
                   survived ? "" : fmt::format("{} seed {}", caught.scenario, caught.seed),
                   caught.runs, known.breaks);
        std::fflush(stdout);
        if (survived) code = violated;
    }
    fmt::print("{} deliberate bugs, {} caught\n", hunted, hunted - survivors);
    if (not_hunted > 0)
        fmt::print("not hunted: {} more, which no scenario's workload would meet\n", not_hunted);
    return code;
}

#endif

} // namespace

int main(int argc, char** argv) {
    Command command;
    CLI::App app("Plays the ring protocol in virtual time and holds it to its promises.");
    app.require_subcommand(1);
    app.footer("Exit status: 0 all promises kept, 1 a violation, 2 wrong usage.");

    CLI::App* run_command = app.add_subcommand("run", "Play one scenario and tell the story");
    run_command->add_option("scenario", command.scenario, "A file, or a name from `list`")
        ->required();
    run_command->add_option("--seed", command.seed, "What decides everything else")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    run_command->add_option("--trace", command.trace, "Write every event here, as JSON lines");
    run_command->add_option("--nodes", command.nodes,
                            "How many processes, if not as the scenario says");
    run_command->add_flag("--measures", command.measures, "Show what was measured");
    run_command->add_flag("--packets", command.packets, "Tell of every packet, too");

    CLI::App* sweep_command =
        app.add_subcommand("sweep", "Play many seeds on all cores; a failure prints its replay");
    sweep_command->add_option("--seeds", command.seeds, "A..B")->capture_default_str();
    sweep_command->add_option("--scenario", command.scenario)->capture_default_str();
    sweep_command->add_option("--nodes", command.nodes, "A..B processes, drawn by each seed");
    sweep_command->add_option("--jobs", command.jobs)
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    sweep_command->add_option("--trace-dir", command.trace_dir,
                              "Write SEED.jsonl of each run here");
    sweep_command->add_option("--failures", command.failures, "Stop after so many")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();

    CLI::App* check_command =
        app.add_subcommand("check", "Judge recorded traces, of the simulator or of real processes");
    check_command->add_option("file", command.files)->required()->check(CLI::ExistingFile);
    check_command->add_flag("--live", command.live,
                            "The files are of the processes of one real run: merge them by time");

    CLI::App* list_command = app.add_subcommand("list", "Show the simulator's own scenarios");

#ifdef TOTEM_MUTANTS
    program_name = "totem-sim-mutants";
    app.add_option("--mutant", command.mutant, "Switch this deliberate bug on");
    CLI::App* mutants_command =
        app.add_subcommand("mutants", "Sweep with every deliberate bug until it is caught");
    mutants_command->add_option("--seeds", command.seeds, "A..B")->capture_default_str();
    mutants_command->add_option("--jobs", command.jobs)->check(CLI::Range(1, 256));
    mutants_command->add_option("--of", command.mutants_of, "Only bugs of these floors")
        ->check(CLI::IsMember({"ring", "statedb"}));
#endif

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kept : misused;
    }
    try {
#ifdef TOTEM_MUTANTS
        if (!command.mutant.empty()) choose_mutant(command.mutant);
        if (mutants_command->parsed()) return hunt_mutants(command);
#endif
        if (run_command->parsed()) return run_one(command);
        if (sweep_command->parsed()) return sweep_many(command);
        if (check_command->parsed()) return check_files(command);
        if (list_command->parsed()) return list_scenarios();
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}: {}\n", program_name, error.what());
    }
    return misused;
}
