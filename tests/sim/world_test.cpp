// Whole runs: the same seed is the same run, scenarios have their outcome, the sweep finds nothing.
#include "sim/run.h"
#include "sim/scenario_codec.h"
#include "sim/sweep.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace sim;

namespace {

namespace fs = std::filesystem;

// A directory of this test's own, gone with it.
class Scratch {
public:
    Scratch() {
        std::string pattern = (fs::temp_directory_path() / "totem-sim-test-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }

    ~Scratch() { fs::remove_all(path_); }

    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    [[nodiscard]] std::string file(const std::string& name) const {
        return (path_ / name).string();
    }

private:
    fs::path path_;
};

std::string content(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string told(const std::optional<Violation>& violation) {
    return violation ? violation->property + ": " + violation->sentence : "";
}

} // namespace

TEST_CASE("one seed is one run, byte for byte; another seed is another run") {
    const Scratch scratch;
    const Scenario mixed = find_scenario("mixed");
    const auto play = [&](std::uint64_t seed, const std::string& name) {
        return run(mixed, seed, {.trace_file = scratch.file(name)}).fingerprint;
    };
    for (const std::uint64_t seed : {3U, 4U, 5U}) {
        const std::uint64_t first = play(seed, "first");
        CHECK(play(seed, "second") == first);
        CHECK(content(scratch.file("first")) == content(scratch.file("second")));
        CHECK(content(scratch.file("first")).size() > 10'000);
    }
    CHECK(play(3, "third") != play(4, "fourth"));
}

TEST_CASE("the recorded trace of a run keeps the promises that the run kept") {
    const Scratch scratch;
    const Outcome outcome =
        run(find_scenario("mixed"), 8, {.trace_file = scratch.file("trace.jsonl")});
    CHECK(told(outcome.violation) == "");
    const Judgement judgement = judge_trace_file(scratch.file("trace.jsonl"));
    CHECK(told(judgement.violation) == "");
    CHECK(judgement.events > 500);
}

TEST_CASE("every named scenario has its outcome") {
    for (const Scenario& scenario : all_scenarios()) {
        if (scenario.swarm.enabled) continue;
        INFO(scenario.name << ": " << scenario.says);
        CHECK(told(run(scenario, 1).violation) == "");
    }
}

TEST_CASE("a short sweep over mixed and nested faults finds nothing") {
    for (const auto& [name, seeds] : {std::pair{"mixed", 150U}, std::pair{"nested", 30U}}) {
        const SweepResult result =
            sweep({.scenario = find_scenario(name), .last = seeds, .jobs = 2});
        CHECK(result.seeds == seeds);
        CHECK(result.repeated == seeds / 50);
        CHECK(result.rings > seeds);
        for (const Failure& failure : result.failures)
            FAIL_CHECK(name << " seed " << failure.seed << " violates " << failure.property << ": "
                            << failure.sentence);
    }
}

// tests/seeds.txt: SCENARIO SEED, and behind a # what it taught.
TEST_CASE("seeds that found a bug find none any more") {
    std::ifstream file(std::string(SOURCE_DIR) + "/tests/seeds.txt");
    REQUIRE(file);
    int played = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string scenario;
        std::uint64_t seed = 0;
        if (!(words >> scenario >> seed)) continue;
        INFO(line);
        CHECK(told(run(find_scenario(scenario), seed).violation) == "");
        ++played;
    }
    CHECK(played > 0);
}

TEST_CASE("an outcome that is not met, and a broken promise, fail the seed and name it") {
    Scenario scenario = find_scenario("N10");
    scenario.expect.bounds = {{.measure = "rings", .at_least = 2, .at_most = {}}};
    const SweepResult result = sweep({.scenario = scenario, .first = 7, .last = 7});
    REQUIRE(result.failures.size() == 1);
    CHECK(result.failures[0].seed == 7);
    CHECK(result.failures[0].property == "expectation");
    CHECK(result.failures[0].sentence == "rings is 1, expected at least 2");
}

TEST_CASE("a sweep stops after as many failures as it was told to bear") {
    Scenario scenario = find_scenario("N10");
    scenario.expect.bounds = {{.measure = "rings", .at_least = 2, .at_most = {}}};
    const SweepResult result =
        sweep({.scenario = scenario, .last = 1000, .jobs = 2, .failures_max = 3});
    CHECK(result.failures.size() >= 3);
    CHECK(result.seeds < 20);
}

TEST_CASE("a sweep draws the number of processes from the seed, and writes one trace a seed") {
    const Scratch scratch;
    const SweepPlan plan{.scenario = find_scenario("N10"),
                         .last = 6,
                         .nodes_min = 2,
                         .nodes_max = 6,
                         .trace_dir = scratch.file("traces")};
    CHECK(sweep(plan).failures.empty());
    std::set<std::uint32_t> sizes;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        CHECK(fs::exists(scratch.file("traces/" + std::to_string(seed) + ".jsonl")));
        sizes.insert(nodes_of(plan, seed));
    }
    CHECK(sizes.size() > 1);
    CHECK(*sizes.begin() >= 2);
    CHECK(*sizes.rbegin() <= 6);
}

TEST_CASE("a wrong scenario file is refused with file, place and reason") {
    const auto refusal = [](const std::string& text) -> std::string {
        try {
            (void)parse_scenario(text, "here.txtpb");
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "accepted";
    };
    CHECK(refusal("nodes: 3") == "accepted");
    CHECK(refusal("nodes: 3\nnods: 4").starts_with("here.txtpb:2:"));
    CHECK(refusal("nodes: 65") == "here.txtpb: nodes must be 1 to 64");
    CHECK(refusal("steps { at: 5 }") == "here.txtpb: a step without an effect");
    CHECK(refusal("steps { trigger { } crash { } }") == "here.txtpb: a trigger without a moment");
    CHECK(refusal("swarm { without: \"rain\" }") == "here.txtpb: swarm knows no kind \"rain\"");
    CHECK(refusal("expect { bounds { measure: \"joy\" } }") ==
          "here.txtpb: expect: \"joy\" is not measured");
    CHECK(refusal("settings { token_loss: 1 }").starts_with("here.txtpb: settings: "));
    CHECK_THROWS_WITH_AS((void)find_scenario("N99"),
                         doctest::Contains("there is no scenario \"N99\""), std::runtime_error);
    CHECK(find_scenario("N15").name == "N15_partition");
}
