// Proves that the checkers can fail: plays scenarios with each deliberate bug of base/mutant.h
// switched on until a run notices it. A mutant that survives is a hole in the checkers.
//
// Only the *_mutants build can do this; in the other one a bug cannot be switched on.
#pragma once

#include "base/mutant.h"
#include "sim/sweep.h"

namespace sim {

struct Hunt {
    std::uint64_t first = 1, last = 1; // seeds of each wide scenario
    unsigned jobs = 1;
};

struct Caught {
    std::string property; // empty: it survived
    std::string scenario;
    std::uint64_t seed = 0;
    std::uint64_t runs = 0; // until then
    double seconds = 0;
};

#ifdef TOTEM_MUTANTS
// Whether any scenario plays what this bug is in.
[[nodiscard]] bool can_be_hunted(const MutantName& mutant);
[[nodiscard]] Caught hunt(const MutantName& mutant, const Hunt& plan);
#endif

} // namespace sim
