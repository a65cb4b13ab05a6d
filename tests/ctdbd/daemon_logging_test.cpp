// Log lines as scripts that read the stock daemon's log expect them.
#include "ctdbd/daemon/logging.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>
#include <spdlog/spdlog.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <string>

using namespace ctdbd::daemon;

namespace {

std::string content(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The tests' own logger, put back afterwards.
struct OwnLogger {
    std::shared_ptr<spdlog::logger> before = spdlog::default_logger();

    ~OwnLogger() {
        spdlog::set_default_logger(before);
        spdlog::set_level(spdlog::level::info);
    }
};

} // namespace

TEST_CASE("a line is time, host, program, text") {
    const OwnLogger own;
    const TestDirectory directory;
    const auto path = directory.path() / "log.ctdb";
    Logging logging("file:" + path.string(), DebugLevel::notice, "node.7");
    spdlog::info("Listening to {}", 5);
    const std::regex line(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d )"
                          R"(node\.7 ctdbd\[\d+\]: Listening to 5\n)");
    CHECK_MESSAGE(std::regex_match(content(path), line), content(path));
}

TEST_CASE("levels are CTDB's") {
    const OwnLogger own;
    const TestDirectory directory;
    const auto path = directory.path() / "log.ctdb";
    Logging logging("file:" + path.string(), DebugLevel::notice, "h");
    spdlog::debug("INFO is below NOTICE");
    CHECK(content(path).empty());
    logging.set_level(DebugLevel::info);
    spdlog::debug("now it counts");
    spdlog::trace("DEBUG does not");
    CHECK(content(path).ends_with(": now it counts\n"));
    logging.set_level(DebugLevel::error);
    spdlog::warn("quiet");
    CHECK(content(path).ends_with(": now it counts\n"));
}

TEST_CASE("after a reopen lines go to a new file") {
    const OwnLogger own;
    const TestDirectory directory;
    const auto path = directory.path() / "log.ctdb";
    Logging logging("file:" + path.string(), DebugLevel::notice, "h");
    spdlog::info("one");
    std::filesystem::rename(path, directory.path() / "log.old");
    logging.reopen();
    spdlog::info("two");
    CHECK(content(directory.path() / "log.old").ends_with(": one\n"));
    CHECK(content(path).ends_with(": two\n"));
}

TEST_CASE("a log file that cannot be opened is an error with a remedy") {
    CHECK_THROWS_WITH(Logging("file:/nonexistent/log", DebugLevel::notice, "h"),
                      "cannot open the log file /nonexistent/log: No such file or directory; "
                      "create its directory or change [logging] -> location");
}
