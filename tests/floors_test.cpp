// Who may look down on whom: reads our #include lines and fails on one that points up, and on a
// word in a pure floor that only the worlds above may say (I/O, clocks, threads, chance).
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::set<std::string>> may_include = {
    {"base", {"base"}},
    {"totem", {"totem", "base"}},
    {"membership", {"membership", "totem", "base"}},
    {"statedb", {"statedb", "totem", "base"}},
    {"net", {"net", "membership", "totem", "base"}},
    {"sim", {"sim", "statedb", "membership", "totem", "base"}},
    {"capi", {"capi", "net", "membership", "totem", "base"}},
    {"ctdbd", {"ctdbd", "statedb", "net", "membership", "totem", "base"}},
};

const std::set<std::string> pure_floors = {"base", "totem", "membership", "statedb"};

// Headers and calls that a pure floor must not name. Bytes' reference count is why <atomic> is
// absent.
const std::regex impure(
    R"(#include\s*<(thread|mutex|condition_variable|future|random|fstream|iostream|filesystem|ctime|unistd\.h|fcntl\.h|sys/.*|netinet/.*|arpa/.*|boost/asio.*|spdlog/.*|sodium.*|tdb.*)>)"
    R"(|\b(steady_clock|system_clock|high_resolution_clock|random_device|mt19937|rand|srand|getenv|gettimeofday|clock_gettime|unordered_map|unordered_set)\b)");

struct Line {
    std::string text;
    std::string where;
};

std::vector<Line> lines_of_floor(const std::string& floor) {
    std::vector<Line> lines;
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(SOURCE_DIR) / floor)) {
        const std::string extension = entry.path().extension().string();
        if (extension != ".h" && extension != ".cpp") continue;
        std::ifstream file(entry.path());
        std::string text;
        for (int number = 1; std::getline(file, text); ++number)
            lines.push_back({text, fs::relative(entry.path(), SOURCE_DIR).string() + ":" +
                                       std::to_string(number)});
    }
    return lines;
}

std::string without_comment(const std::string& text) { return text.substr(0, text.find("//")); }

} // namespace

TEST_CASE("includes point down") {
    const std::regex include(R"(^#include "([a-z]+)/)");
    for (const auto& [floor, allowed] : may_include)
        for (const Line& line : lines_of_floor(floor)) {
            std::smatch match;
            if (!std::regex_search(line.text, match, include)) continue;
            CHECK_MESSAGE(allowed.contains(match[1]), line.where << ": " << line.text);
        }
}

TEST_CASE("the pure floors know no I/O, clock, thread, chance or unordered container") {
    for (const std::string& floor : pure_floors)
        for (const Line& line : lines_of_floor(floor))
            CHECK_MESSAGE(!std::regex_search(without_comment(line.text), impure),
                          line.where << ": " << line.text);
}

TEST_CASE("generated Protobuf types stay inside the codec files") {
    const std::regex codec_file(R"(/(wire|[a-z_]*codec)\.cpp$)");
    for (const auto& [floor, allowed] : may_include)
        for (const Line& line : lines_of_floor(floor)) {
            if (line.text.find(".pb.h\"") == std::string::npos) continue;
            const std::string file = line.where.substr(0, line.where.find(':'));
            CHECK_MESSAGE(std::regex_search(file, codec_file), line.where << ": " << line.text);
        }
}

TEST_CASE("the purity test itself can fail") {
    CHECK(std::regex_search(std::string("auto now = steady_clock::now();"), impure));
    CHECK(std::regex_search(std::string("#include <random>"), impure));
    CHECK_FALSE(std::regex_search(std::string("operand = strand;"), impure));
}
