// Messages between nodes: who hears what, and who is told that nobody answers.
#include "statedb/messages.h"
#include "tests/statedb/order_in_hand.h"

#include <doctest/doctest.h>

using namespace statedb;
using namespace statedb::test;

namespace {

constexpr ProcessorId a{1, 1}, b{2, 1}, b_again{2, 2};

struct World : Order<Messages> {
    World() {
        for (const ProcessorId who : {a, b, b_again})
            add(who, who);
    }

    Messages& of(ProcessorId who) { return (*this)[who].machine; }

    std::uint64_t ask(ProcessorId from, ProcessorId to, const char* content) {
        return of(from).ask(to.node, 7, Bytes::copy_of(std::string_view(content)), (*this)[from]);
    }

    template <class Effect>
    std::vector<Effect> heard(ProcessorId who) {
        std::vector<Effect> found;
        for (const MessageEffect& effect : of(who).take_effects())
            if (const auto* wanted = std::get_if<Effect>(&effect)) found.push_back(*wanted);
        return found;
    }
};

} // namespace

TEST_CASE("messages: a question is answered once, to whom asked it") {
    World world;
    world.form({a, b});
    const std::uint64_t ticket = world.ask(b, a, "who?");
    world.order_next(b);
    const auto questions = world.heard<MessageArrived>(a);
    REQUIRE(questions.size() == 1);
    CHECK(questions[0].content.view() == "who?");
    for (int i = 0; i < 2; ++i)
        world.of(a).answer(questions[0].from, questions[0].ticket,
                           Bytes::copy_of(std::string_view("me")), world[a]);
    world.order_next(a);
    world.order_next(a);
    const auto answers = world.heard<AnswerArrived>(b);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].ticket == ticket);
    CHECK(answers[0].content.view() == "me");
}

TEST_CASE("messages: an answer to the last life of a node is none to its next one") {
    World world;
    world.form({a, b});
    const std::uint64_t ticket = world.ask(b, a, "of the first life");
    world.order_next(b);
    const auto question = world.heard<MessageArrived>(a).at(0);
    world.of(a).answer(question.from, question.ticket,
                       Bytes::copy_of(std::string_view("to the first life")), world[a]);
    world.form({a, b_again}); // the answer is still on its way
    REQUIRE(world.ask(b_again, a, "of the second life") == ticket);
    world.order_next(a);
    CHECK(world.heard<AnswerArrived>(b_again).empty());
    world.order_next(b_again);
    CHECK(world.heard<MessageArrived>(a).size() == 1);
}

TEST_CASE("messages: whoever asked a node that is gone is told so") {
    World world;
    world.form({a, b});
    const std::uint64_t asked = world.ask(a, b, "?");
    world.order_next(a);
    world.form({a});
    const auto gone = world.heard<NodeGone>(a);
    REQUIRE(gone.size() == 1);
    CHECK(gone[0].ticket == asked);
    CHECK(world.ask(a, b, "?") != asked);
    CHECK(world.heard<NodeGone>(a).size() == 1);
}
