// Which cells of the event x state table (totem.md 5.4) runs have reached, which they cannot reach
// and why, and which they should have reached and did not.
//
// The processor counts (membership/processor.h); here is what the numbers mean to people, and the
// list of cells that no run can count, each with its reason.
#pragma once

#include "membership/processor.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sim {

struct Cell {
    std::size_t row = 1; // as the table counts: from 1
    membership::Phase phase = membership::Phase::operational;

    friend bool operator==(const Cell&, const Cell&) = default;
};

[[nodiscard]] std::string name_of(const Cell& cell);  // "7.G"
[[nodiscard]] std::string describe(const Cell& cell); // "7.G foreign packet of a stranger"
[[nodiscard]] std::optional<Cell> find_cell(std::string_view name);

// Why no run counts this cell; nothing if runs can.
[[nodiscard]] std::optional<std::string_view> why_unreachable(const Cell& cell);

inline constexpr std::size_t phase_count = 4;

[[nodiscard]] std::vector<Cell> all_cells();
[[nodiscard]] std::vector<Cell> reachable_cells();
[[nodiscard]] bool was_reached(const membership::Coverage& coverage, const Cell& cell);
// Reachable ones that were not reached.
[[nodiscard]] std::vector<Cell> missed(const membership::Coverage& coverage);
// Reached ones that should be impossible: the list of reasons is wrong, or the code is.
[[nodiscard]] std::vector<Cell> surprises(const membership::Coverage& coverage);

void add(membership::Coverage& sum, const membership::Coverage& more);

// The whole table with its counts, for people.
[[nodiscard]] std::string coverage_table(const membership::Coverage& coverage);

} // namespace sim
