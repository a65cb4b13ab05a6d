// Many seeds of one scenario on all cores: forked workers, so that nothing a run does, not even
// dying, touches its siblings; a worker that dies is a failure of the seed it was playing.
//
// Speed and progress are shown to people, so this is the one place in the simulator that reads the
// real clock; no run can see it.
#pragma once

#include "sim/run.h"

#include <vector>

namespace sim {

struct SweepPlan {
    Scenario scenario;
    std::uint64_t first = 1, last = 1;
    unsigned jobs = 1;
    std::uint32_t nodes_min = 0, nodes_max = 0; // 0: as the scenario says
    std::string trace_dir;                      // empty: no traces
    std::size_t failures_max = 10;              // then stop
    bool progress = false;                      // a bar on standard error
    std::uint64_t repeat_every = 50;            // each such seed is played twice: same fingerprint?
};

struct Failure {
    std::uint64_t seed = 0;
    std::string property;
    std::string sentence;
    std::uint32_t nodes = 0; // that the seed was played with, if the sweep chose that; else 0
};

struct SweepResult {
    std::uint64_t seeds = 0;
    std::uint64_t repeated = 0;
    double seconds = 0; // real ones
    double virtual_seconds = 0;
    std::uint64_t delivered = 0;
    std::uint64_t rings = 0;
    membership::Coverage coverage;
    std::vector<Failure> failures; // by seed
};

[[nodiscard]] SweepResult sweep(const SweepPlan& plan);

// How many processes a sweep gives to one seed: 0 if the scenario decides.
[[nodiscard]] std::uint32_t nodes_of(const SweepPlan& plan, std::uint64_t seed);

} // namespace sim
