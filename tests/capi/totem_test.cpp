#include "tests/net/loopback.h"
#include "tests/net/scratch.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "capi/totem.h"

namespace {

struct Member {
    Member(const tests::Scratch& scratch, std::uint32_t node, const char* thread) {
        const std::unique_ptr<totem_options, void (*)(totem_options*)> options(totem_options_new(),
                                                                               totem_options_free);
        const auto set = [&](const char* key, const std::string& value) {
            REQUIRE(totem_options_set(options.get(), key, value.c_str()) == TOTEM_OK);
        };
        set("node", std::to_string(node));
        set("cluster", "capi-" + std::to_string(tests::own_number()));
        set("state", (scratch / ("capi-" + std::to_string(node))).string());
        set("new identity", "1");
        set("multicast group", tests::own_group());
        set("port", std::to_string(tests::own_port()));
        set("token port", std::to_string(tests::own_port() + 1));
        set("thread", thread);
        for (std::uint32_t other = 1; other <= 2; ++other)
            REQUIRE(totem_options_node(options.get(), other,
                                       tests::loopback_address(other).c_str()) == TOTEM_OK);
        totem_callbacks callbacks{};
        callbacks.size = sizeof callbacks;
        callbacks.deliver = [](void* user, const totem_delivery* delivery) {
            static_cast<Member*>(user)->heard.emplace_back(
                static_cast<const char*>(delivery->payload), delivery->size);
        };
        callbacks.configuration = [](void* user, const totem_configuration* configuration) {
            if (configuration->transitional == 0)
                static_cast<Member*>(user)->members = configuration->members_count;
        };
        callbacks.room = [](void* user) { static_cast<Member*>(user)->room = true; };
        callbacks.ended = [](void* user, const char* why) {
            static_cast<Member*>(user)->left = why == nullptr;
        };
        char why[256] = "";
        ring = totem_open(options.get(), &callbacks, this, why, sizeof why);
        REQUIRE_MESSAGE(ring != nullptr, why);
    }

    ~Member() { totem_close(ring); }

    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    totem_ring* ring = nullptr;
    std::vector<std::string> heard;
    std::size_t members = 0;
    bool room = true;
    bool left = false;
};

template <class Done>
bool until(Member& a, Member& b, Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        pollfd waiting[2] = {{totem_fd(a.ring), POLLIN, 0}, {totem_fd(b.ring), POLLIN, 0}};
        ::poll(waiting, 2, 100);
        totem_dispatch(a.ring, 0);
        totem_dispatch(b.ring, 0);
    }
    return true;
}

void converse(const char* thread) {
    const tests::Scratch scratch;
    Member a(scratch, 1, thread), b(scratch, 2, thread);
    REQUIRE(until(a, b, [&] { return a.members == 2 && b.members == 2; }));
    CHECK(totem_self(a.ring).node == 1);

    constexpr std::size_t count = 2000;
    std::size_t sent = 0;
    const std::string large(20'000, 'x');
    REQUIRE(until(a, b, [&] {
        for (; a.room && sent < count; ++sent) {
            const std::string text = sent % 100 == 99 ? large : "message " + std::to_string(sent);
            const auto result =
                totem_submit(sent % 2 == 0 ? a.ring : b.ring, text.data(), text.size(),
                             sent % 3 == 0 ? TOTEM_SAFE : TOTEM_AGREED);
            if (result == TOTEM_FULL) {
                a.room = b.room = false;
                break;
            }
            REQUIRE(result == TOTEM_OK);
        }
        a.room = a.room || b.room;
        return a.heard.size() == count && b.heard.size() == count;
    }));
    CHECK((a.heard == b.heard));

    totem_leave(b.ring);
    REQUIRE(until(a, b, [&] { return b.left && a.members == 1; }));
    CHECK(totem_submit(b.ring, "late", 4, TOTEM_AGREED) == TOTEM_ENDED);
}

} // namespace

TEST_CASE("libtotem: two members see one order, the ring on a thread of its own") {
    converse("own");
}

TEST_CASE("libtotem: two members see one order, the ring in the program's loop") {
    converse("caller");
}

TEST_CASE("libtotem: what makes no sense is refused, with a sentence where there is one") {
    totem_options* options = totem_options_new();
    CHECK(totem_options_set(options, "colour", "blue") == TOTEM_INVALID);
    CHECK(totem_options_set(options, "node", "0") == TOTEM_INVALID);
    CHECK(totem_options_set(options, "port", "65536") == TOTEM_INVALID);
    CHECK(totem_options_set(options, "transport", "pigeon") == TOTEM_INVALID);
    CHECK(totem_options_node(options, 0, "10.0.0.1") == TOTEM_INVALID);
    totem_callbacks callbacks{};
    callbacks.size = sizeof callbacks;
    char why[200] = "";
    CHECK(totem_open(options, &callbacks, nullptr, why, sizeof why) == nullptr);
    CHECK(std::string(why).find("node") != std::string::npos);
    totem_options_set(options, "node", "1");
    totem_options_set(options, "state", "/nowhere/state");
    CHECK(totem_open(options, &callbacks, nullptr, why, sizeof why) == nullptr);
    CHECK(std::string(why).find("not among") != std::string::npos);
    char short_why[8] = "";
    CHECK(totem_open(options, &callbacks, nullptr, short_why, sizeof short_why) == nullptr);
    CHECK(std::string(short_why).size() == 7);
    totem_options_free(options);
}
