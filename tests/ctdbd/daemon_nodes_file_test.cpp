// Which lines of a nodes file count, and what may become of it while the cluster runs.
#include "ctdbd/daemon/nodes_file.h"

#include <doctest/doctest.h>

using namespace ctdbd::daemon;
using ctdbd::config::parse_nodes;

namespace {

NodeLines lines(const std::string& text) { return parse_nodes(text, "nodes"); }

// "10.0.0.1 # 10.0.0.3": one word a line, # where it is deleted.
std::string shown(const NodeLines& lines) {
    std::string text;
    for (const auto& line : lines)
        text += (text.empty() ? "" : " ") + (line.address ? line.address->to_string() : "#");
    return text;
}

const char* const three = "10.0.0.1\n10.0.0.2\n10.0.0.3\n";

} // namespace

TEST_CASE("nodes file: what was not agreed upon is deleted, or not there at all behind the last") {
    CHECK(shown(counting(lines(three), {})) == "10.0.0.1 10.0.0.2 10.0.0.3");
    CHECK(shown(counting(lines(three), {1, 2, 3})) == "10.0.0.1 10.0.0.2 10.0.0.3");
    CHECK(shown(counting(lines(three), {1, 3})) == "10.0.0.1 # 10.0.0.3");
    CHECK(shown(counting(lines(three), {1, 2})) == "10.0.0.1 10.0.0.2");
    CHECK(shown(counting(lines("10.0.0.1\n10.0.0.2\n#10.0.0.3\n"), {1, 2})) ==
          "10.0.0.1 10.0.0.2 #");
    CHECK(shown(counting(lines("10.0.0.1\n#\n10.0.0.3\n"), {1, 2, 3})) == "10.0.0.1 # 10.0.0.3");
}

TEST_CASE("nodes file: a node that is to be deleted keeps its address until all agree") {
    const NodeLines deleting = lines("10.0.0.1\n10.0.0.2\n#10.0.0.3\n");
    CHECK(shown(counting(deleting, {1, 2, 3}, lines(three))) == "10.0.0.1 10.0.0.2 10.0.0.3");
    CHECK(shown(counting(deleting, {1, 2}, lines(three))) == "10.0.0.1 10.0.0.2 #");
}

TEST_CASE("nodes file: lists are the same if nodes and addresses are") {
    CHECK(cluster_list(lines(three)) == cluster_list(lines("  10.0.0.1\n\n10.0.0.2\n10.0.0.3")));
    CHECK(cluster_list(lines(three)).nodes == std::vector<totem::NodeId>{1, 2, 3});
    CHECK(cluster_list(lines(three)) != cluster_list(lines("10.0.0.1\n10.0.0.2\n10.0.0.4\n")));
    CHECK(cluster_list(lines(three)) != cluster_list(lines("10.0.0.1\n#\n10.0.0.2\n10.0.0.3\n")));
}

TEST_CASE("nodes file: nodes are added at the end, deleted and undeleted, and never moved") {
    const auto change = [](const std::string& to) {
        return forbidden_change(lines(three), lines(to));
    };
    CHECK_FALSE(change(three));
    CHECK_FALSE(change("10.0.0.1\n10.0.0.2\n10.0.0.3\n10.0.0.4\n"));
    CHECK_FALSE(change("10.0.0.1\n#10.0.0.2\n10.0.0.3\n"));
    CHECK_FALSE(forbidden_change(lines("10.0.0.1\n#\n"), lines("10.0.0.1\n10.0.0.9\n")));
    CHECK(change("10.0.0.1\n10.0.0.2\n")->find("1 lines are missing") == 0);
    CHECK(change("10.0.0.1\n10.0.0.9\n10.0.0.3\n")->find("node 1 has the address 10.0.0.2") == 0);
}
