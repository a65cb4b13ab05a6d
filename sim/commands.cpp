#include "sim/commands.h"

#include "base/mutant.h"
#include "sim/checker/checker.h"
#include "sim/coverage.h"
#include "sim/draw/picture.h"
#include "sim/mutant_hunt.h"
#include "sim/scenario_codec.h"
#include "sim/shrink.h"
#include "sim/story.h"

#include <fmt/format.h>

#include <fstream>
#include <unistd.h>

namespace sim {

namespace {

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

// How to start us for the same run again, up to the subcommand.
std::string ourselves(const Command& command) {
#ifdef TOTEM_MUTANTS
    for (const auto& known : all_mutants)
        if (known.mutant == active_mutant && active_mutant != Mutant::none)
            return fmt::format("{} --mutant {}", command.program, known.name);
#endif
    return command.program;
}

std::string
replay_command(const Command& command, const std::string& scenario, const Failure& failure) {
    const std::string nodes =
        failure.nodes != 0 ? fmt::format(" --nodes {}", failure.nodes) : std::string{};
    return fmt::format("  play it again: {0} run {1} --seed {2}{3} --trace {2}.jsonl\n"
                       "  make it small: {0} shrink {1} --seed {2}{3} --out {2}.txtpb\n",
                       ourselves(command), scenario, failure.seed, nodes);
}

std::uint64_t seed_of(const Command& command, const Scenario& scenario) {
    if (command.seed != 0) return command.seed;
    return scenario.seed != 0 ? scenario.seed : 1;
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary);
    file << text << std::flush;
    if (!file) throw std::runtime_error(fmt::format("cannot write {}", path));
}

void print_last_lines(const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    fmt::print("\nthe last events:\n");
    for (const std::string& line : lines)
        fmt::print("  {}\n", line);
}

// -- pictures

void draw_run(const Command& command,
              const Scenario& scenario,
              std::uint64_t seed,
              const Outcome& outcome,
              draw::Chronicle& chronicle) {
    chronicle.close(Instant{outcome.virtual_time});
    const draw::Window window = draw::sensible_window(chronicle, command.from_ms, command.to_ms);
    const draw::Caption caption{.title = fmt::format("{}, seed {}", scenario.name, seed),
                                .subtitle = scenario.says,
                                .verdict = outcome.violation
                                               ? fmt::format("VIOLATION of {}: {}",
                                                             outcome.violation->property,
                                                             outcome.violation->sentence)
                                               : "All promises kept.",
                                .good = !outcome.violation};
    if (!command.svg.empty()) write_file(command.svg, draw::svg(chronicle, window, caption));
    if (!command.html.empty()) write_file(command.html, draw::page(chronicle, window, caption));
}

// -- sweeps

bool print_coverage(const Command& command, const membership::Coverage& coverage) {
    const std::size_t possible = reachable_cells().size();
    const std::vector<Cell> unreached = missed(coverage);
    if (command.table) fmt::print("\n{}\n", coverage_table(coverage));
    fmt::print("{} of {} cells of the event x state table were reached; the other {} cannot be.\n",
               possible - unreached.size(), possible, all_cells().size() - possible);
    for (const Cell& cell : surprises(coverage))
        fmt::print("  reached, though it should be impossible: {} ({})\n", describe(cell),
                   *why_unreachable(cell));
    if (command.table || command.require_coverage)
        for (const Cell& cell : unreached)
            fmt::print("  not reached: {}\n", describe(cell));
    return unreached.empty() && surprises(coverage).empty();
}

// "N15", or "N15:1..20" with seeds of its own.
SweepResult sweep_one(const Command& command, const std::string& text) {
    const std::size_t colon = text.rfind(':');
    const std::string name = text.substr(0, colon);
    const Seeds seeds =
        parse_seeds(colon == std::string::npos ? command.seeds : text.substr(colon + 1));
    SweepPlan plan{.scenario = find_scenario(name),
                   .first = seeds.first,
                   .last = seeds.last,
                   .jobs = command.jobs,
                   .trace_dir = command.trace_dir,
                   .failures_max = command.failures,
                   .progress = isatty(STDERR_FILENO) != 0};
    parse_nodes(command.nodes, plan);
    SweepResult result = sweep(plan);
    fmt::print("{}: {} seeds in {:.1f} s ({:.0f} seeds/s), {:.0f} virtual s ({:.0f} a second), {} "
               "rings, {} messages delivered; {} seeds played twice.\n",
               plan.scenario.name, result.seeds, result.seconds,
               static_cast<double>(result.seeds) / result.seconds, result.virtual_seconds,
               result.virtual_seconds / result.seconds, result.rings, result.delivered,
               result.repeated);
    for (const Failure& failure : result.failures)
        fmt::print("\nseed {} violates {}: {}\n{}", failure.seed, failure.property,
                   failure.sentence, replay_command(command, name, failure));
    return result;
}

// -- shrinking

std::string told(const Size& size) {
    return fmt::format("{} processes, {} steps, {} troubles of the network, {} ms", size.nodes,
                       size.steps, size.troubles, size.faults_for / 1ms);
}

} // namespace

int run_one(const Command& command) {
    const Scenario scenario = find_scenario(command.scenario);
    SweepPlan nodes;
    parse_nodes(command.nodes, nodes);
    Story story(stdout, command.packets);
    const std::uint64_t seed = seed_of(command, scenario);
    fmt::print("{}: {}\nseed {}\n\n", scenario.name, scenario.says, seed);
    draw::Chronicle chronicle;
    const bool drawn = !command.svg.empty() || !command.html.empty();
    std::vector<Listener*> listeners = {&story};
    if (drawn) listeners.push_back(&chronicle);
    const Outcome outcome =
        run(scenario, seed,
            {.nodes = nodes.nodes_max, .trace_file = command.trace, .listeners = listeners});
    if (drawn) draw_run(command, scenario, seed, outcome, chronicle);
    if (command.measures) {
        fmt::print("\n");
        for (const auto& [name, value] : outcome.measures)
            fmt::print("  {:20} {:.6g}\n", name, value);
    }
    if (outcome.violation) {
        print_last_lines(outcome.last_lines);
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

int sweep_many(const Command& command) {
    int code = kept;
    membership::Coverage coverage;
    for (const std::string& name : command.scenarios) {
        const SweepResult result = sweep_one(command, name);
        add(coverage, result.coverage);
        if (!result.failures.empty()) code = violated;
    }
    if (!print_coverage(command, coverage) && command.require_coverage) code = violated;
    if (code == kept) fmt::print("All promises kept.\n");
    return code;
}

int shrink_one(const Command& command) {
    const Scenario scenario = find_scenario(command.scenario);
    SweepPlan nodes;
    parse_nodes(command.nodes, nodes);
    const bool terminal = isatty(STDERR_FILENO) != 0;
    const auto progress = [&](const Scenario& smallest, std::uint64_t runs) {
        if (terminal) fmt::print(stderr, "\r{:5} runs: {:64}", runs, told(size_of(smallest)));
    };
    const Shrunk result = shrink({.scenario = scenario,
                                  .seed = seed_of(command, scenario),
                                  .nodes = nodes.nodes_max,
                                  .seeds_max = command.tries,
                                  .jobs = command.jobs,
                                  .runs_max = command.runs_max,
                                  .progress = progress});
    if (terminal) fmt::print(stderr, "\r{:78}\r", "");
    if (!result.reproduced) {
        fmt::print("{} with seed {} keeps all promises: there is nothing to shrink.\n",
                   scenario.name, seed_of(command, scenario));
        return kept;
    }
    Scenario small = result.scenario;
    small.says = fmt::format("violates {}: {}", result.property, result.sentence);
    const std::string text = write_scenario(small);
    fmt::print("# {}, after {} runs\n", told(size_of(small)), result.runs);
    if (command.out.empty()) {
        fmt::print("{}", text);
    } else {
        write_file(command.out, text);
        fmt::print("{}\nplay it: {} run {}\n", small.says, ourselves(command), command.out);
    }
    return violated;
}

namespace {

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

} // namespace

int check_files(const Command& command) {
    if (command.live) return report("all together", judge_live_traces(command.files));
    int code = kept;
    for (const std::string& file : command.files)
        code = std::max(code, report(file, judge_trace_file(file)));
    return code;
}

int list_scenarios(const Command& command) {
    for (const Scenario& scenario : all_scenarios())
        if (command.wide && scenario.swarm.enabled)
            fmt::print("{}\n", scenario.name);
        else if (!command.wide)
            fmt::print("{:34} {}\n", scenario.name, scenario.says);
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
    constexpr auto row = "{:32} {:14} {:48} {:>6} {:>7}  {}\n";
    fmt::print(row, "mutant", "caught by", "in", "runs", "seconds", "what is broken");
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
        fmt::print(row, known.name, survived ? "SURVIVED" : caught.property,
                   survived ? "" : fmt::format("{} seed {}", caught.scenario, caught.seed),
                   caught.runs, fmt::format("{:.1f}", caught.seconds), known.breaks);
        std::fflush(stdout);
        if (survived) code = violated;
    }
    fmt::print("{} deliberate bugs, {} caught\n", hunted, hunted - survivors);
    if (not_hunted > 0)
        fmt::print("not hunted: {} more, which no scenario's workload would meet\n", not_hunted);
    return code;
}

#endif

} // namespace sim
