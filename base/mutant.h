// Deliberate protocol bugs, switched on one at a time in the *_mutants builds of the pure floors
// only: a checker that has never caught anything proves nothing. In every other build mutated() is
// constant false and costs nothing. Add a name here, branch on it at the one line it breaks.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace base {

enum class Mutant {
    none,
#define TOTEM_MUTANT(name, breaks) name,
#include "base/mutants.inc"
#include "base/mutants_statedb.inc"
#undef TOTEM_MUTANT
};

// What a mutant's bug is in: decides which workload can notice it.
enum class MutantOf { nothing, ring, statedb };

struct MutantName {
    Mutant mutant;
    std::string_view name;
    std::string_view breaks; // one line: what the bug is
    MutantOf of;
};

inline constexpr auto all_mutants = std::to_array<MutantName>({
    {Mutant::none, "none", "nothing: the product itself", MutantOf::nothing},
#define TOTEM_MUTANT(name, breaks) {Mutant::name, #name, breaks, MutantOf::ring},
#include "base/mutants.inc"
#undef TOTEM_MUTANT
#define TOTEM_MUTANT(name, breaks) {Mutant::name, #name, breaks, MutantOf::statedb},
#include "base/mutants_statedb.inc"
#undef TOTEM_MUTANT
});

#ifdef TOTEM_MUTANTS
inline Mutant active_mutant = Mutant::none;

[[nodiscard]] inline bool mutated(Mutant mutant) { return active_mutant == mutant; }
#else
[[nodiscard]] constexpr bool mutated(Mutant) { return false; }
#endif

} // namespace base
