#include "sim/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sim {

namespace {

using membership::Coverage;
using membership::Phase;

constexpr std::array<std::string_view, Coverage::rows> events = {
    "DATA of our ring, new",
    "DATA of our ring, known already",
    "DATA of the ring to come, wrapped",
    "DATA of the ring to come, not wrapped",
    "foreign packet, stale",
    "foreign packet of a former member on a newer ring",
    "foreign packet of a stranger",
    "foreign packet of somebody suspect or unverified",
    "TOKEN of our ring, new",
    "TOKEN of our ring, known already",
    "TOKEN of the ring to come",
    "TOKEN of another ring",
    "JOIN, stale",
    "JOIN of a member",
    "JOIN of a stranger, or of one we form a ring with",
    "JOIN of somebody suspect or unverified",
    "packet under our own name",
    "JOIN that refuses us",
    "COMMIT, valid and new",
    "COMMIT, second time round",
    "COMMIT, known already",
    "COMMIT that is not for us, or old",
    "time to repeat the token",
    "token or commit token is lost",
    "time for a JOIN",
    "no consensus in time",
    "no commit token in time",
    "recovery makes no progress",
    "failure to receive",
    "end of a hold, or HURRY",
    "HOLD of our ring",
    "time for a PROBE",
    "PROBE of our ring",
    "LEAVE of a member",
    "LEAVE of somebody else, or again",
    "submission",
    "request to leave",
    "return from a pause",
    "newer incarnation of a member",
    "record is durable",
    "malformed packet",
};

constexpr std::array<std::string_view, phase_count> letters = {"O", "G", "C", "R"};

constexpr std::string_view no_such_timer = "the state has no such timer";
constexpr std::string_view nothing_to_come =
    "there is no ring to come: the candidate is the installed ring by now";
constexpr std::string_view forgotten =
    "a candidate is forgotten with its state: its packets are foreign ones (rows 5 to 8, 12, 20)";
constexpr std::string_view before_second_pass =
    "nobody sends on a ring before its commit token has been round twice";
constexpr std::string_view by_candidates =
    "in an attempt a JOIN is judged by membership in the candidate: row 15";
constexpr std::string_view stalls_elsewhere = "only who holds the token of a ring sees it stall";

constexpr auto O = Phase::operational, G = Phase::gather, C = Phase::commit, R = Phase::recovery;

struct Impossible {
    std::size_t row;
    Phase phase;
    std::string_view why;
};

constexpr auto impossible = std::to_array<Impossible>({
    {3, O, nothing_to_come},
    {3, G, forgotten},
    {3, C, before_second_pass},
    {4, O, nothing_to_come},
    {4, G, forgotten},
    {4, C, before_second_pass},
    {11, O, nothing_to_come},
    {11, G, forgotten},
    {11, C, before_second_pass},
    {14, C, by_candidates},
    {14, R, by_candidates},
    {18, C, by_candidates},
    {18, R, by_candidates},
    {19, R,
     "whoever could begin anew has itself been in Recovery of this candidate (the representative "
     "enters it first), so the JOINs before it are stale (row 13)"},
    {19, O,
     "who is Operational has said nothing to its ring's members since it accepted that ring, and "
     "the JOINs before are stale (row 13): none of them begins anew"},
    {20, O, "a ring is installed only after its commit token has been round twice"},
    {21, G, forgotten},
    {23, G, no_such_timer},
    {24, G, no_such_timer},
    {25, O, no_such_timer},
    {25, C, no_such_timer},
    {25, R, no_such_timer},
    {26, O, no_such_timer},
    {26, C, no_such_timer},
    {26, R, no_such_timer},
    {27, O, no_such_timer},
    {27, C, no_such_timer},
    {27, R, no_such_timer},
    {28, O, no_such_timer},
    {28, G, no_such_timer},
    {28, C, no_such_timer},
    {29, G, stalls_elsewhere},
    {29, C, stalls_elsewhere},
    {32, G, no_such_timer},
    {32, C, no_such_timer},
    {32, R, no_such_timer},
});

std::uint64_t hits(const Coverage& coverage, const Cell& cell) {
    return coverage.hits[cell.row - 1][static_cast<std::size_t>(cell.phase)];
}

template <class Wanted>
std::vector<Cell> cells_where(Wanted&& wanted) {
    std::vector<Cell> cells;
    for (const Cell& cell : all_cells())
        if (wanted(cell)) cells.push_back(cell);
    return cells;
}

} // namespace

std::string name_of(const Cell& cell) {
    return fmt::format("{}.{}", cell.row, letters[static_cast<std::size_t>(cell.phase)]);
}

std::string describe(const Cell& cell) {
    return fmt::format("{} {}", name_of(cell), events[cell.row - 1]);
}

std::optional<Cell> find_cell(std::string_view name) {
    const std::vector<Cell> cells = all_cells();
    const auto found =
        std::ranges::find_if(cells, [&](const Cell& cell) { return name_of(cell) == name; });
    return found == cells.end() ? std::nullopt : std::optional{*found};
}

bool was_reached(const Coverage& coverage, const Cell& cell) { return hits(coverage, cell) > 0; }

std::optional<std::string_view> why_unreachable(const Cell& cell) {
    const auto* const found = std::ranges::find_if(impossible, [&](const Impossible& one) {
        return one.row == cell.row && one.phase == cell.phase;
    });
    return found == impossible.end() ? std::nullopt : std::optional{found->why};
}

std::vector<Cell> all_cells() {
    std::vector<Cell> cells;
    for (std::size_t row = 1; row <= Coverage::rows; ++row)
        for (const Phase phase : {O, G, C, R})
            cells.push_back({row, phase});
    return cells;
}

std::vector<Cell> reachable_cells() {
    return cells_where([](const Cell& cell) { return !why_unreachable(cell); });
}

std::vector<Cell> missed(const Coverage& coverage) {
    return cells_where(
        [&](const Cell& cell) { return !why_unreachable(cell) && hits(coverage, cell) == 0; });
}

std::vector<Cell> surprises(const Coverage& coverage) {
    return cells_where(
        [&](const Cell& cell) { return why_unreachable(cell) && hits(coverage, cell) > 0; });
}

void add(Coverage& sum, const Coverage& more) {
    for (std::size_t row = 0; row < Coverage::rows; ++row)
        for (std::size_t phase = 0; phase < phase_count; ++phase)
            sum.hits[row][phase] += more.hits[row][phase];
}

std::string coverage_table(const Coverage& coverage) {
    std::string text = fmt::format("{:>2}  {:52} {:>10} {:>10} {:>10} {:>10}\n", "", "event",
                                   "Operational", "Gather", "Commit", "Recovery");
    for (std::size_t row = 1; row <= Coverage::rows; ++row) {
        text += fmt::format("{:>2}  {:52}", row, events[row - 1]);
        for (const Phase phase : {O, G, C, R}) {
            const Cell cell{row, phase};
            const std::uint64_t count = hits(coverage, cell);
            text +=
                fmt::format(" {:>10}", why_unreachable(cell) && count == 0 ? std::string("-")
                                                                           : std::to_string(count));
        }
        text += '\n';
    }
    return text;
}

} // namespace sim
