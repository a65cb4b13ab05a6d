// Log lines as scripts that read the stock daemon's log expect them.
#include "ctdbd/daemon/logging.h"
#include "ctdbd/daemon/syslog_sinks.h"
#include "tests/ctdbd/daemon_files.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <doctest/doctest.h>
#include <spdlog/spdlog.h>

#include <array>
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

TEST_CASE("a facility keeps its own level, the others have that of all") {
    const OwnLogger own;
    const TestDirectory directory;
    const auto path = directory.path() / "log.ctdb";
    Logging logging("file:" + path.string(), DebugLevel::error, "h",
                    {{logs::Facility::ring, DebugLevel::info}});
    logs::events().info("unheard");
    logs::ring().debug("heard");
    CHECK(content(path).ends_with(": heard\n"));
    CHECK(content(path).find("unheard") == std::string::npos);
    logging.set_level(DebugLevel::notice);
    logs::ring().trace("DEBUG is below its own");
    logs::events().info("now");
    CHECK(content(path).find("below") == std::string::npos);
    CHECK(content(path).ends_with(": now\n"));
}

TEST_CASE("syslog: lines of both formats, and a full socket stops nobody") {
    const TestDirectory directory;
    const std::string path = (directory.path() / "log").string();
    boost::asio::io_context loop;
    using Local = boost::asio::local::datagram_protocol;
    Local::socket daemon(loop, Local::endpoint(path));
    const auto said = [&](SyslogMethod method, spdlog::level::level_enum level) {
        spdlog::logger log("x", std::make_shared<SyslogSocket>(method, "h", Local::endpoint(path)));
        log.set_level(spdlog::level::trace);
        log.log(level, "hello");
        std::array<char, 256> line{};
        return std::string(line.data(), daemon.receive(boost::asio::buffer(line)));
    };
    const std::regex old(R"(<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d ctdbd\[\d+\]: hello)");
    const std::regex modern(
        R"(<(\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z h ctdbd \d+ - - hello)");
    std::smatch match;
    const std::string error = said(SyslogMethod::nonblocking, spdlog::level::err);
    REQUIRE_MESSAGE(std::regex_match(error, match, old), error);
    CHECK(match[1] == "27"); // facility 3, severity 3
    const std::string notice = said(SyslogMethod::udp_rfc5424, spdlog::level::info);
    REQUIRE_MESSAGE(std::regex_match(notice, match, modern), notice);
    CHECK(match[1] == "29");
    spdlog::logger flood(
        "x", std::make_shared<SyslogSocket>(SyslogMethod::udp, "h", Local::endpoint(path)));
    for (int i = 0; i < 10000; ++i)
        flood.info("more than a socket holds");
    CHECK_FALSE(syslog_method_named("pigeon"));
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
