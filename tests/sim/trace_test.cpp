// Traces are written exactly as the format says, and read back as they were.
#include "sim/trace_reader.h"
#include "tests/sim/trace_text.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace sim;

namespace {

std::string json(const trace::Event& event) {
    std::string line;
    append_json(event, line);
    return line;
}

const Instant at{Duration{17}};

} // namespace

TEST_CASE("every event is spelled as the trace format says") {
    CHECK(json({at, {3, 1}, trace::Start{}}) ==
          "{\"t\":17,\"node\":3,\"life\":1,\"event\":\"start\"}\n");
    CHECK(json({at, {3, 1}, trace::Crash{}}) ==
          "{\"t\":17,\"node\":3,\"life\":1,\"event\":\"crash\"}\n");
    CHECK(
        json({at, {3, 0}, trace::Regular{{8, 1}, {1, 3}, true}}) ==
        "{\"t\":17,\"node\":3,\"life\":0,\"event\":\"regular\",\"ring\":\"8.1\",\"members\":[1,3],"
        "\"primary\":true}\n");
    CHECK(json({at, {3, 0}, trace::Transitional{{8, 1}, {4, 2}, {3}}}) ==
          "{\"t\":17,\"node\":3,\"life\":0,\"event\":\"transitional\",\"ring\":\"8.1\","
          "\"from\":\"4.2\",\"members\":[3]}\n");
    CHECK(json({at, {3, 0}, trace::Submit{{{3, 0}, 5}, Service::safe, 100}}) ==
          "{\"t\":17,\"node\":3,\"life\":0,\"event\":\"submit\",\"message\":\"3.0.5\","
          "\"guarantee\":\"safe\",\"size\":100}\n");
    CHECK(json({at, {3, 0}, trace::Deliver{{{2, 1}, 5}, Service::agreed, {8, 1}, {Seq{41}, 2}}}) ==
          "{\"t\":17,\"node\":3,\"life\":0,\"event\":\"deliver\",\"message\":\"2.1.5\","
          "\"guarantee\":\"agreed\",\"ring\":\"8.1\",\"position\":[41,2]}\n");
    CHECK(json({at, {3, 0}, trace::Originate{{{3, 0}, 5}, Service::safe, {8, 1}, {Seq{41}, 0}}}) ==
          "{\"t\":17,\"node\":3,\"life\":0,\"event\":\"originate\",\"message\":\"3.0.5\","
          "\"guarantee\":\"safe\",\"ring\":\"8.1\",\"position\":[41,0]}\n");
    CHECK(json({at, {}, trace::Heal{{1, 2}, Duration{9}}}) ==
          "{\"t\":17,\"node\":-1,\"life\":0,\"event\":\"heal\",\"members\":[1,2],\"bound\":9}\n");
    CHECK(json({at, {}, trace::End{}}) == "{\"t\":17,\"node\":-1,\"life\":0,\"event\":\"end\"}\n");
    CHECK(json({at, {1, 0}, trace::Commit{"db", "c1", 4, {{"k\"1", "a\nb"}}}}) ==
          "{\"t\":17,\"node\":1,\"life\":0,\"event\":\"commit\",\"db\":\"db\",\"client\":\"c1\","
          "\"sequence\":4,\"writes\":{\"k\\\"1\":\"a\\u000ab\"}}\n");
}

TEST_CASE("what was written is read back") {
    const std::vector<trace::Body> bodies = {
        trace::Start{},
        trace::Crash{},
        trace::Regular{{8, 1}, {1, 3}, false},
        trace::Transitional{{8, 1}, {4, 2}, {3}},
        trace::Submit{{{3, 0}, 5}, Service::safe, 100},
        trace::Originate{{{3, 0}, 5}, Service::safe, {8, 1}, {Seq{41}, 0}},
        trace::Deliver{{{2, 1}, 5}, Service::agreed, {8, 1}, {Seq{41}, 255}},
        trace::Heal{{1, 2}, Duration{9}},
        trace::End{},
        trace::Lock{"db", "key", "1.c"},
        trace::Unlock{"db", "key", "1.c"},
        trace::Value{"db", "key \"quoted\"", "1.c", "41"},
        trace::Store{"db", "key", "1.c", "4\t2"},
        trace::Commit{"db", "c1", 4, {{"k", "v"}, {"l", "w"}}},
        trace::Applied{"db", 4, "0f"},
    };
    for (const trace::Body& body : bodies) {
        const bool simulators =
            std::holds_alternative<trace::Heal>(body) || std::holds_alternative<trace::End>(body);
        const trace::Event event{at, simulators ? trace::Life{} : trace::Life{3, 1}, body};
        const auto again = trace::parse_json(json(event));
        REQUIRE(again.has_value());
        CHECK(json(*again) == json(event));
    }
}

TEST_CASE("a line that is not a trace's is refused, unknown keys are not") {
    CHECK(trace::parse_json(R"({"t":1,"node":1,"life":0,"event":"start","more":[1]})"));
    for (
        const char* line : {
            "",
            "nonsense",
            "[]",
            R"({"t":1,"node":1,"life":0})",
            R"({"t":1,"node":1,"life":0,"event":"flies"})",
            R"({"t":-1,"node":1,"life":0,"event":"start"})",
            R"({"t":1,"node":"1","life":0,"event":"start"})",
            R"({"t":1,"node":1,"life":4294967296,"event":"start"})",
            R"({"t":1,"node":1,"life":0,"event":"regular","ring":"4","members":[1],"primary":true})",
            R"({"t":1,"node":1,"life":0,"event":"regular","ring":"4.1.2","members":[1],"primary":true})",
            R"({"t":1,"node":1,"life":0,"event":"regular","ring":"4.1","members":1,"primary":true})",
            R"({"t":1,"node":1,"life":0,"event":"regular","ring":"4.1","members":[1]})",
            R"({"t":1,"node":1,"life":0,"event":"submit","message":"1.0.x","guarantee":"safe","size":1})",
            R"({"t":1,"node":1,"life":0,"event":"submit","message":"1.0.1","guarantee":"sure","size":1})",
        }) {
        INFO(line);
        CHECK_FALSE(trace::parse_json(line).has_value());
    }
}

TEST_CASE("a recorded trace is judged like a running one") {
    const std::string path =
        (std::filesystem::temp_directory_path() /
         ("totem-trace-test-" + std::to_string(std::hash<std::string>{}(BINARY_DIR))))
            .string();
    const auto record = [&](const std::string& text) {
        std::ofstream file(path);
        for (const trace::Event& event : test::parse(text))
            file << json(event);
    };
    record("1 start\n 1 regular 4.1 of 1\n end");
    CHECK_FALSE(judge_trace_file(path).violation.has_value());
    record("1 start\n 1 regular 4.1 of 1\n 1 regular 8.1 of 1\n end");
    const Judgement judgement = judge_trace_file(path);
    REQUIRE(judgement.violation.has_value());
    CHECK(judgement.violation->property == "P5");
    CHECK(judgement.events == 3);
    CHECK(judgement.last_lines.size() == 3);
    std::ofstream(path) << "{\"t\":1}\n";
    CHECK_THROWS_WITH_AS((void)judge_trace_file(path), (path + ":1: not a line of a trace").c_str(),
                         std::runtime_error);
    std::filesystem::remove(path);
    CHECK_THROWS_AS((void)judge_trace_file(path), std::runtime_error);
}

TEST_CASE("the traces of real processes are judged as one run, in which a new life ends the old") {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() /
        ("totem-live-trace-test-" + std::to_string(std::hash<std::string>{}(BINARY_DIR)));
    std::filesystem::create_directories(folder);
    const auto line = [](int time, int node, int life, const std::string& rest) {
        return fmt::format(R"({{"t":{},"node":{},"life":{},"event":{}}})"
                           "\n",
                           time, node, life, rest);
    };
    const auto ring_of_two = R"("regular","ring":"8.1","members":[1,2],"primary":true)";
    const std::string one = (folder / "1").string(), two = (folder / "2").string();
    std::ofstream(one) << line(1, 1, 70, "\"start\"") << line(5, 1, 70, ring_of_two)
                       << line(9, 1, 70,
                               R"("transitional","from":"8.1","ring":"12.1","members":[1])")
                       << line(10, 1, 70,
                               R"("regular","ring":"12.1","members":[1],"primary":false)");
    std::ofstream(two) << line(2, 2, 70, "\"start\"") << line(4, 2, 70, ring_of_two)
                       << line(20, 2, 71, "\"start\"") << "{\"t\":21,\"no";
    const Judgement together = judge_live_traces({one, two});
    CHECK_FALSE(together.violation.has_value());
    CHECK(together.events == 8); // seven lines and the end of a life
    CHECK(judge_trace_file(two).violation->property == "P1");
    std::filesystem::remove_all(folder);
}
