// The virtual network, clock and queue do what their headers promise.
#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/network.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

using namespace sim;

namespace {

const std::vector<NodeId> three = {1, 2, 3};

Network make(const NetworkPlan& plan, std::uint64_t seed = 1) {
    return Network(plan, three, Random{seed});
}

Datagram data_from(NodeId from, std::size_t size = 100) {
    return {from, PacketType::data, Bytes::copy_of(std::string(size, 'x'))};
}

std::vector<Network::Scheduled>
send(Network& network, const Datagram& datagram, NodeId to, Instant now = {}) {
    std::vector<Network::Scheduled> arrivals;
    network.transmit(now, datagram, std::span{&to, 1}, arrivals);
    return arrivals;
}

} // namespace

TEST_CASE("a healthy link delivers everything once, later, and in order") {
    for (const DelayShape shape :
         {DelayShape::uniform, DelayShape::log_normal, DelayShape::pareto}) {
        Network network = make({.delay = {.least = 100us, .spread = 50us, .shape = shape}});
        Instant last{};
        Duration sum{};
        constexpr int count = 4000;
        for (int i = 0; i < count; ++i) {
            const Instant now{i * 10ms};
            const auto arrivals = send(network, data_from(1), 2, now);
            REQUIRE(arrivals.size() == 1);
            CHECK(arrivals[0].arrival.to == 2);
            CHECK(arrivals[0].at >= now + 100us);
            CHECK(arrivals[0].at > last);
            last = arrivals[0].at;
            sum += last - now;
        }
        // The mean extra delay is `spread`, whatever the shape.
        CHECK(sum / count > 130us);
        CHECK(sum / count < 170us);
    }
}

TEST_CASE("a cut swallows one direction, and overlapping cuts end one by one") {
    Network network = make({});
    network.cut(1, 2);
    network.cut(1, 2);
    CHECK(send(network, data_from(1), 2).empty());
    CHECK(send(network, data_from(2), 1).size() == 1);
    CHECK(send(network, data_from(1), 3).size() == 1);
    network.mend(1, 2);
    CHECK_FALSE(network.connected(1, 2));
    network.mend(1, 2);
    CHECK(network.connected(1, 2));
    CHECK(send(network, data_from(1), 2).size() == 1);
}

TEST_CASE("a condition concerns only the packets that it names") {
    Network network = make({});
    const auto id = network.add({.from = 1, .types = mask_of(PacketType::data), .loss = 1});
    CHECK(send(network, data_from(1), 2).empty());
    CHECK(send(network, data_from(2), 1).size() == 1);
    CHECK(send(network, {1, PacketType::token, Bytes::copy_of("t")}, 2).size() == 1);
    network.remove(id);
    CHECK(send(network, data_from(1), 2).size() == 1);
    (void)network.add({.larger_than = 50, .loss = 1});
    CHECK(send(network, data_from(1, 51), 2).empty());
    CHECK(send(network, data_from(1, 50), 2).size() == 1);
}

TEST_CASE("loss, duplication, damage and bursts happen as often as asked") {
    const auto shares = [](const Condition& condition) {
        Network network = make({.conditions = {condition}});
        struct {
            int arrived = 0, copies = 0, damaged = 0, shorter = 0, gaps = 0;
        } seen;
        bool lost_before = false;
        for (int i = 0; i < 10'000; ++i) {
            const Datagram sent = data_from(1);
            const auto arrivals = send(network, sent, 2, Instant{i * 1ms});
            seen.arrived += arrivals.empty() ? 0 : 1;
            seen.gaps += arrivals.empty() && !lost_before ? 1 : 0;
            lost_before = arrivals.empty();
            seen.copies += arrivals.size() > 1 ? 1 : 0;
            for (const auto& one : arrivals) {
                const Bytes& bytes = one.arrival.datagram.bytes;
                seen.shorter += bytes.size() < sent.bytes.size() ? 1 : 0;
                seen.damaged += bytes.size() == sent.bytes.size() && bytes != sent.bytes ? 1 : 0;
            }
        }
        return seen;
    };
    const auto near = [](int count, int expected) {
        return count > expected * 8 / 10 && count < expected * 12 / 10;
    };
    CHECK(near(shares({.loss = 0.3}).arrived, 7000));
    CHECK(near(shares({.duplicate = 0.3}).copies, 3000));
    CHECK(near(shares({.corrupt = 0.2}).damaged, 2000));
    CHECK(near(shares({.truncate = 0.2}).shorter, 2000));
    // Bursts of ten on average: as many packets lost as sent, in a tenth as many gaps.
    const auto bursts = shares({.burst_begin = 0.1, .burst_end = 0.1});
    CHECK(near(bursts.arrived, 5000));
    CHECK(near(bursts.gaps, 500));
}

TEST_CASE("exactly the packets that a scenario names are lost, or kept for an entry") {
    Network network = make({});
    network.lose_next({.from = 1, .types = mask_of(PacketType::data), .count = 2});
    CHECK(send(network, data_from(1), 2).empty());
    CHECK(send(network, data_from(1), 2).empty());
    CHECK(send(network, data_from(1), 2).size() == 1);
    CHECK(send(network, data_from(1), 3).empty()); // each receiver by itself
    network.keep_for_entry({.from = 2, .to = 3});
    CHECK(send(network, data_from(2), 1).size() == 1);
    CHECK(send(network, data_from(2), 3).empty());
    CHECK(send(network, data_from(2), 3).size() == 1);
    CHECK(network.release_kept(1).empty());
    CHECK(network.release_kept(3).size() == 1);
    CHECK(network.release_kept(3).empty());
}

TEST_CASE("a transmitter of finite speed serialises, once for all receivers") {
    Network network = make({.delay = {.least = 0us, .spread = 0us}, .bits_per_second = 1e6});
    std::vector<Network::Scheduled> arrivals;
    const std::vector<NodeId> others = {2, 3};
    network.transmit({}, data_from(1, 97), others, arrivals); // and 28 of headers: 1 ms
    network.transmit({}, data_from(1, 97), others, arrivals);
    REQUIRE(arrivals.size() == 4);
    CHECK(arrivals[0].at == Instant{1ms});
    CHECK(arrivals[1].at == Instant{1ms});
    CHECK(arrivals[2].at == Instant{2ms});
}

TEST_CASE("the heal ends all trouble") {
    Network network = make({.conditions = {{.loss = 1}}});
    network.cut(1, 2);
    network.lose_next({.from = 1});
    network.heal();
    CHECK(send(network, data_from(1), 2).size() == 1);
}

TEST_CASE("a clock is monotone, and truth() is when it gets there") {
    CHECK(rc::check([] {
        const Clock clock{.offset = Duration{*rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000)},
                          .rate = 1.0 + *rc::gen::inRange(-100, 101) / 1000.0,
                          .granularity =
                              Duration{*rc::gen::element<std::int64_t>(1, 1'000'000, 15'000'000)}};
        const Instant a{Duration{*rc::gen::inRange<std::int64_t>(0, 10'000'000'000'000)}};
        const Instant b = a + Duration{*rc::gen::inRange<std::int64_t>(0, 1'000'000'000)};
        RC_ASSERT(clock.local(a) <= clock.local(b));
        const Instant wanted =
            clock.local(a) + Duration{*rc::gen::inRange<std::int64_t>(0, 1'000'000'000)};
        RC_ASSERT(clock.local(clock.truth(wanted)) >= wanted);
    }));
}

TEST_CASE("what happens comes in the order of time, and its chance order repeats") {
    const auto play = [](std::uint64_t seed) {
        EventQueue<int> queue{Random{seed}};
        for (int i = 0; i < 50; ++i)
            queue.push(Instant{Duration{i % 5}}, i);
        std::vector<int> order;
        Instant last{};
        while (!queue.empty()) {
            order.push_back(queue.pop());
            CHECK(queue.now() >= last);
            last = queue.now();
        }
        return order;
    };
    CHECK(play(1) == play(1));
    CHECK(play(1) != play(2));
    const std::vector<int> order = play(3);
    for (std::size_t i = 1; i < order.size(); ++i)
        CHECK(order[i - 1] % 5 <= order[i] % 5);
}

TEST_CASE("a child's chance does not depend on what its parent drew") {
    const Random quiet{7};
    Random busy{7};
    for (int i = 0; i < 10; ++i)
        (void)busy.next();
    CHECK(quiet.split("network").next() == busy.split("network").next());
    CHECK(quiet.split("network").next() != quiet.split("disk").next());
    CHECK(quiet.split("node", 1).next() != quiet.split("node", 2).next());
}
