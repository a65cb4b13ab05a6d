// Pictures: what happened is in them, they stand alone, and they stay small.
#include "sim/draw/picture.h"
#include "sim/draw/select.h"
#include "sim/run.h"
#include "sim/scenario_codec.h"

#include <boost/property_tree/xml_parser.hpp>
#include <doctest/doctest.h>

#include <sstream>

using namespace sim;

namespace {

draw::Chronicle played(const char* scenario) {
    draw::Chronicle chronicle;
    const Outcome outcome = run(find_scenario(scenario), 1, {.listeners = {&chronicle}});
    chronicle.close(Instant{outcome.virtual_time});
    return chronicle;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const draw::Caption caption{.title = "a <title>", .subtitle = "s", .verdict = "v"};

} // namespace

TEST_CASE("a partition is drawn as two rings of two colours, its words and its lost packets") {
    const draw::Chronicle chronicle = played("N15");
    CHECK(chronicle.nodes() == 5);
    CHECK(chronicle.marks().size() == 1);
    CHECK(chronicle.healed());
    const std::string picture =
        draw::svg(chronicle, draw::sensible_window(chronicle, -1, -1), caption);
    CHECK(has(picture, "a &lt;title&gt;"));
    CHECK(has(picture, "partition [[1, 2, 3], [4, 5]]"));
    CHECK(has(picture, "ring 8.1 of {1,2,3}"));
    CHECK(has(picture, "ring 8.4 of {4,5}"));
    CHECK(has(picture, "class=\"hop join lost\""));
    std::istringstream file(picture);
    boost::property_tree::ptree tree; // a picture that is no XML is not shown at all
    CHECK_NOTHROW(boost::property_tree::read_xml(file, tree));
    CHECK(tree.count("svg") == 1);
    CHECK(has(picture, "are not shown"));
    CHECK(picture.size() < 4'000'000);
}

TEST_CASE("a crash, a restart and a pause are drawn") {
    draw::Chronicle chronicle = played("N28");
    CHECK(std::ranges::any_of(chronicle.lives(), &draw::LifeSpan::crashed));
    CHECK(chronicle.lives().size() > chronicle.nodes());
    const std::string paused = draw::svg(played("N31"), {Instant{400ms}, Instant{700ms}}, caption);
    CHECK(has(paused, "class=\"paused\""));
}

TEST_CASE("a window that is asked for is the window that is drawn, with all its packets") {
    const draw::Chronicle chronicle = played("N15");
    const draw::Window window = draw::sensible_window(chronicle, 500, 520);
    CHECK(window.from == Instant{500ms});
    CHECK(window.to == Instant{520ms});
    const draw::Selection selection = draw::select(chronicle, window, 6000);
    CHECK(selection.left_out.empty());
    CHECK(selection.hops.size() > 100);
    CHECK(draw::select(chronicle, window, 50).hops.size() <= 50);
    CHECK(!draw::select(chronicle, window, 50).left_out.empty());
}

TEST_CASE("the page needs nothing but itself, and has the story beside the picture") {
    const draw::Chronicle chronicle = played("N15");
    const std::string page =
        draw::page(chronicle, draw::sensible_window(chronicle, -1, -1), caption);
    CHECK(has(page, "<svg"));
    CHECK(has(page, "node 4: ring 8.4 of {4,5}"));
    CHECK(!has(page, "src="));
    CHECK(!has(page, "href="));
    CHECK(!has(page, "@import"));
    CHECK(page.size() < 8'000'000);
}
