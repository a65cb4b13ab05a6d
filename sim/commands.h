// What totem-sim does for each of its subcommands: plays, draws, sweeps, shrinks and judges, and
// says what came of it on standard output. How words on the command line become a Command is
// main.cpp's business.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sim {

// Exit statuses of the program.
enum ExitCode { kept = 0, violated = 1, misused = 2 };

struct Command {
    std::string program = "totem-sim"; // how to start us, for commands that we suggest
    std::string scenario = "mixed";
    std::vector<std::string> scenarios = {"mixed"}; // of a sweep
    std::uint64_t seed = 0;                         // 0: the scenario's own, or 1
    std::string seeds = "1..2000";                  // "A..B", or one number
    std::string nodes;                              // "A..B", or one number; empty: the scenario's
    unsigned jobs = 1;

    std::string trace;     // files to write; empty: none
    std::string svg, html; //
    double from_ms = -1;   // the window of pictures; negative: a sensible one
    double to_ms = -1;     //
    bool measures = false, packets = false;

    std::string trace_dir;
    std::size_t failures = 10;
    bool require_coverage = false, table = false;

    std::string out;               // of shrink
    std::uint64_t tries = 4;       //
    std::uint64_t runs_max = 4000; //

    std::vector<std::string> files; // of check
    bool live = false;              //
    bool wide = false;              // of list: only those with random faults
    std::string mutant;             // of the mutants' build; empty: none, or all
    std::string mutants_of;         // "ring" or "statedb"; empty: both
};

int run_one(const Command& command);
int sweep_many(const Command& command);
int shrink_one(const Command& command);
int check_files(const Command& command);
int list_scenarios(const Command& command);

#ifdef TOTEM_MUTANTS
void choose_mutant(const std::string& name);
int hunt_mutants(const Command& command);
#endif

} // namespace sim
