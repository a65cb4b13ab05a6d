// The status as Prometheus text, and as the screen of `totemctl top`.
#include "net/control_metrics.h"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

using namespace net;
namespace json = boost::json;

namespace {

json::object status(std::uint64_t delivered) {
    json::object made = json::parse(R"({"node": 2, "ring": "1.7:12", "ring phase": "operational",
        "members": [1, 2, 3], "suspects": [{"node": 4, "how": "refused", "ms left": 400}], "component": 4, "component phase": "active",
        "quorum": "majority of 0, 1, 2", "token rotation us": 57, "window packets": 64,
        "explanation": "operational: nobody is suspected"})")
                            .as_object();
    made["messages delivered"] = delivered;
    return made;
}

std::string value_of(const std::string& text, const std::string& name) {
    std::smatch found;
    return std::regex_search(text, found, std::regex("\n" + name + "\\{node=\"2\"\\} (.*)\n"))
               ? found.str(1)
               : "";
}

} // namespace

TEST_CASE("metrics: what a status tells, in Prometheus' units, labelled with the node") {
    const std::string text = describe_metrics(status(1'234'567'890));
    CHECK(value_of(text, "totem_members") == "3");
    CHECK(value_of(text, "totem_suspects") == "1");
    CHECK(value_of(text, "totem_operational") == "1");
    CHECK(value_of(text, "totem_serving") == "1");
    CHECK(std::stod(value_of(text, "totem_token_rotation_seconds")) == doctest::Approx(57e-6));
    CHECK(std::stod(value_of(text, "totem_messages_delivered_total")) == 1'234'567'890);
    CHECK(text.find("totem_gathers_total") == std::string::npos); // it did not say
}

TEST_CASE("metrics: each has a HELP and a TYPE before it, and only once") {
    std::istringstream lines(describe_metrics(status(1)));
    std::set<std::string> seen;
    std::string help, type, sample;
    while (std::getline(lines, help) && std::getline(lines, type) && std::getline(lines, sample)) {
        const std::string name = sample.substr(0, sample.find('{'));
        CHECK(help.starts_with("# HELP " + name + " "));
        CHECK((type == "# TYPE " + name + " gauge" || type == "# TYPE " + name + " counter"));
        CHECK(type.ends_with("counter") == name.ends_with("_total"));
        CHECK(seen.insert(name).second);
    }
    CHECK(seen.size() > 5);
}

TEST_CASE("metrics: a node that forms a ring or may not serve says so") {
    json::object forming = status(0);
    forming["ring phase"] = "gather";
    forming["component phase"] = "no quorum";
    CHECK(value_of(describe_metrics(forming), "totem_operational") == "0");
    CHECK(value_of(describe_metrics(forming), "totem_serving") == "0");
    CHECK_THROWS_AS((void)describe_metrics({{"locks", json::array()}}), std::runtime_error);
}

TEST_CASE(
    "top: rates are of the time between, and a daemon that was started anew counts from zero") {
    using namespace std::chrono_literals;
    const auto line = [](const std::string& screen) {
        const auto at = screen.find("messages delivered");
        return screen.substr(at, screen.find('\n', at) - at);
    };
    const std::string screen = describe_top(status(1000), status(4000), 2s);
    CHECK(screen.find("node 2  ring 1.7:12  operational  members [1,2,3]") == 0);
    CHECK(screen.find("majority of 0, 1, 2") != std::string::npos);
    CHECK(std::regex_match(line(screen), std::regex("messages delivered +1500.0 +4000")));
    CHECK(std::regex_match(line(describe_top(status(1000), status(10), 2s)),
                           std::regex("messages delivered +5.0 +10")));
}
