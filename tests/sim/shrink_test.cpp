// Scenarios are written down exactly, coverage knows its table, and failures become small.
#include "sim/coverage.h"
#include "sim/run.h"
#include "sim/scenario_codec.h"
#include "sim/shrink.h"
#include "sim/simplify.h"
#include "sim/swarm.h"

#include <doctest/doctest.h>

using namespace sim;

TEST_CASE("what is written of a scenario is read as the same scenario, and plays the same run") {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        const Scenario drawn = draw(find_scenario("mixed"), seed);
        const std::string text = write_scenario(drawn);
        const Scenario again = parse_scenario(text, "written");
        CHECK(write_scenario(again) == text);
        CHECK(run(again, seed).fingerprint == run(drawn, seed).fingerprint);
    }
    for (const Scenario& scenario : all_scenarios()) {
        const std::string text = write_scenario(scenario);
        INFO(scenario.name);
        CHECK(write_scenario(parse_scenario(text, scenario.name)) == text);
    }
}

TEST_CASE("what a step does by chance does not depend on the other steps") {
    Scenario both = find_scenario("N15");
    both.steps = {{.at = 300ms, .trigger = {}, .effect = Partition{}, .lasting = 100ms, .lot = 1},
                  {.at = 600ms, .trigger = {}, .effect = Partition{}, .lasting = 0ms, .lot = 2}};
    both.expect = {};
    both.faults_for = 2s;
    Scenario second_alone = both;
    second_alone.steps.erase(second_alone.steps.begin());
    const auto rings = [](const Scenario& scenario) {
        Scenario expecting = scenario;
        expecting.expect.components = {{99}};
        return run(expecting, 5).violation->sentence; // names the components that there are
    };
    CHECK(rings(both) == rings(second_alone));
}

TEST_CASE("a failing run is shrunk to what makes it fail") {
    // Two rings after a partition is what fails; the rest is noise.
    Scenario noisy = find_scenario("N15");
    noisy.nodes_min = noisy.nodes_max = 4;
    noisy.faults_for = 1500ms;
    noisy.steps = {
        {.at = 200ms, .trigger = {}, .effect = SlowDown{2, 5}, .lasting = 100ms},
        {.at = 400ms, .trigger = {}, .effect = Pause{3}, .lasting = 20ms},
        {.at = 700ms, .trigger = {}, .effect = Isolate{4}, .lasting = 0ms},
        {.at = 900ms, .trigger = {}, .effect = LoseNext{.from = 1, .count = 2}, .lasting = 0ms},
    };
    noisy.network.conditions = {{.duplicate = 0.2}, {.reorder = 0.1}};
    noisy.expect = {};
    noisy.expect.bounds = {{.measure = "rings_after_formed", .at_least = {}, .at_most = 0.0}};
    const Shrunk shrunk = shrink({.scenario = noisy, .seed = 3, .jobs = 2});
    REQUIRE(shrunk.reproduced);
    CHECK(shrunk.property == "expectation");
    CHECK(shrunk.scenario.steps.size() <= 1);
    CHECK(shrunk.scenario.network.conditions.empty());
    CHECK(shrunk.scenario.nodes_max <= 2);
    const Outcome replayed =
        run(parse_scenario(write_scenario(shrunk.scenario), "small"), shrunk.scenario.seed);
    REQUIRE(replayed.violation);
    CHECK(replayed.violation->property == "expectation");
}

TEST_CASE("a run that keeps its promises is not shrunk") {
    CHECK(!shrink({.scenario = find_scenario("N10"), .seed = 1}).reproduced);
}

TEST_CASE("packets that chance lost are lost again by their names") {
    Scenario lossy = find_scenario("N12");
    lossy.faults_for = 500ms;
    lossy.expect = {};
    const Outcome by_chance = run(lossy, 4);
    REQUIRE(by_chance.lost_by_chance.size() > 20);
    Scenario certain = lossy;
    certain.network.conditions.clear();
    certain.network.lost = {by_chance.lost_by_chance.begin(), by_chance.lost_by_chance.begin() + 5};
    CHECK(run(certain, 4).violation == std::nullopt);
    certain.network.lost.clear();
    for (std::uint64_t number = 1; number < 100'000; ++number)
        certain.network.lost.push_back({1, 2, number});
    // Nothing from 1 to 2 for the whole fault phase: no ring of all.
    CHECK(run(certain, 4).measures.at("formed_ms") > 500);
}

TEST_CASE("a node is taken out of a scenario, and the others move up") {
    Scenario scenario = find_scenario("N15"); // {1,2,3} and {4,5}
    const Scenario smaller = without_node(scenario, 2);
    CHECK(smaller.nodes_max == 4);
    const auto& partition = std::get<Partition>(smaller.steps.at(0).effect);
    CHECK(partition.groups == std::vector<std::vector<NodeId>>{{1, 2}, {3, 4}});
    scenario.steps.push_back({.at = 1ms, .trigger = {}, .effect = Pause{2}});
    CHECK(without_node(scenario, 2).steps.size() == 1);
}

TEST_CASE("every cell of the table is reachable or has its reason, and a miss is noticed") {
    CHECK(all_cells().size() == 164);
    CHECK(missed(membership::Coverage{}).size() == reachable_cells().size());
    CHECK(surprises(membership::Coverage{}).empty());
    membership::Coverage all;
    for (const Cell& cell : reachable_cells())
        all.hits[cell.row - 1][static_cast<std::size_t>(cell.phase)] = 1;
    CHECK(missed(all).empty());
    const Cell one{6, membership::Phase::commit};
    all.hits[5][2] = 0;
    CHECK(missed(all) == std::vector{one});
    all.hits[27][0] = 1; // 28.O: no such timer
    CHECK(surprises(all).size() == 1);
    CHECK(describe(one) == "6.C foreign packet of a former member on a newer ring");
    CHECK(find_cell("6.C") == one);
    CHECK(!find_cell("42.O"));
}

TEST_CASE("a scenario that says which cells it reaches fails if it does not") {
    Scenario scenario = find_scenario("N10");
    scenario.expect = {};
    scenario.expect.cells = {*find_cell("23.O")}; // the token is repeated: what N10 is about
    CHECK(!run(scenario, 1).violation);
    scenario.expect.cells = {*find_cell("29.R")};
    const Outcome outcome = run(scenario, 1);
    REQUIRE(outcome.violation);
    CHECK(outcome.violation->sentence == "the run does not reach 29.R failure to receive");
}
