// totem-sim: plays scenarios, sweeps over seeds, shrinks failures, judges recorded traces. Built
// with the deliberate bugs switchable it is totem-sim-mutants, which proves that the checkers can
// fail. Here are only the words of the command line; what is done is in commands.cpp.
#include "sim/commands.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <thread>

using namespace sim;

int main(int argc, char** argv) {
    Command command;
    command.jobs = std::max(1U, std::thread::hardware_concurrency());
    CLI::App app("Plays the ring protocol in virtual time and holds it to its promises.");
    app.require_subcommand(1);
    app.footer("Exit status: 0 all promises kept, 1 a violation, 2 wrong usage.");

    CLI::App* run_command = app.add_subcommand("run", "Play one scenario and tell the story");
    run_command->add_option("scenario", command.scenario, "A file, or a name from `list`")
        ->required();
    run_command->add_option("--seed", command.seed, "What decides everything else")
        ->check(CLI::PositiveNumber);
    run_command->add_option("--trace", command.trace, "Write every event here, as JSON lines");
    run_command->add_option("--nodes", command.nodes,
                            "How many processes, if not as the scenario says");
    run_command->add_option("--svg", command.svg, "Draw what happened into this picture");
    run_command->add_option("--html", command.html,
                            "Write a page with picture and story, to zoom into");
    run_command->add_option("--from", command.from_ms, "Draw from this millisecond on");
    run_command->add_option("--to", command.to_ms, "Draw up to this millisecond");
    run_command->add_flag("--measures", command.measures, "Show what was measured");
    run_command->add_flag("--packets", command.packets, "Tell of every packet, too");

    CLI::App* sweep_command =
        app.add_subcommand("sweep", "Play many seeds on all cores; a failure prints its replay");
    sweep_command->add_option("--seeds", command.seeds, "A..B")->capture_default_str();
    sweep_command
        ->add_option("--scenario", command.scenarios,
                     "One or more, each with all seeds, or NAME:A..B")
        ->capture_default_str();
    sweep_command->add_flag("--require-coverage", command.require_coverage,
                            "Fail if a reachable cell of the event x state table is not reached");
    sweep_command->add_flag("--table", command.table, "Show the whole table");
    sweep_command->add_option("--nodes", command.nodes, "A..B processes, drawn by each seed");
    sweep_command->add_option("--jobs", command.jobs)
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    sweep_command->add_option("--trace-dir", command.trace_dir,
                              "Write SEED.jsonl of each run here");
    sweep_command->add_option("--failures", command.failures, "Stop after so many")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();

    CLI::App* shrink_command = app.add_subcommand(
        "shrink", "Turn a failing run into the smallest scenario that fails in the same way");
    shrink_command->add_option("scenario", command.scenario, "A file, or a name from `list`")
        ->required();
    shrink_command->add_option("--seed", command.seed, "The one that fails")
        ->check(CLI::PositiveNumber);
    shrink_command->add_option("--nodes", command.nodes, "How many processes it failed with");
    shrink_command->add_option("--out", command.out, "Write the small scenario here");
    shrink_command
        ->add_option("--tries", command.tries, "Seeds that a smaller scenario may fail with")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    shrink_command->add_option("--runs", command.runs_max, "Stop after so many")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    shrink_command->add_option("--jobs", command.jobs)->check(CLI::Range(1, 256));

    CLI::App* check_command =
        app.add_subcommand("check", "Judge recorded traces, of the simulator or of real processes");
    check_command->add_option("file", command.files)->required()->check(CLI::ExistingFile);
    check_command->add_flag("--live", command.live,
                            "The files are of the processes of one real run: merge them by time");

    CLI::App* list_command = app.add_subcommand("list", "Show the simulator's own scenarios");
    list_command->add_flag("--wide", command.wide, "Only names, of those with random faults");

#ifdef TOTEM_MUTANTS
    command.program = "totem-sim-mutants";
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
        if (shrink_command->parsed()) return shrink_one(command);
        if (check_command->parsed()) return check_files(command);
        if (list_command->parsed()) return list_scenarios(command);
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}: {}\n", command.program, error.what());
    }
    return misused;
}
