// Real sockets on loopback: multicast, unicast, batches, and what the kernel tells.
#include "net/sockets.h"
#include "tests/net/loopback.h"
#include "tests/net/scratch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace net;
using tests::complaint;
using tests::says;

namespace {

// One node's sockets, its memory, and what it heard.
struct Station {
    explicit Station(const NodeOptions& options)
        : plan(plan_sockets(options)), sockets(plan), pool(plan.mtu),
          data(pool, sockets.coalescing), token(pool, false),
          outbox(plan.mtu, sockets.segmentation_offload) {}

    void put(std::string_view text) {
        std::memcpy(outbox.room().data(), text.data(), text.size());
        outbox.add(text.size());
    }

    void multicast() { outbox.flush(sockets.data.get(), sockets.everybody); }

    void unicast(NodeId to) { outbox.flush(sockets.token.get(), {&sockets.token_of.at(to), 1}); }

    // The next datagram at one of the sockets, its text and its sender's address.
    std::string heard(Inbox& inbox, const Descriptor& socket) {
        if (inbox.empty() &&
            !(tests::becomes_readable(socket.get()) && inbox.receive(socket.get())))
            return "(nothing)";
        Received received = inbox.take();
        from = received.from;
        truncated = received.truncated;
        return {received.bytes.begin(), received.bytes.end()};
    }

    std::string heard_data() { return heard(data, sockets.data); }

    std::string heard_token() { return heard(token, sockets.token); }

    SocketPlan plan;
    Sockets sockets;
    BlockPool pool;
    Inbox data, token;
    Outbox outbox;
    Endpoint from;
    bool truncated = false;
};

struct Pair {
    explicit Pair(Transport transport = Transport::multicast)
        : one(options(1, transport)), two(options(2, transport)) {}

    static NodeOptions options(NodeId self, Transport transport) {
        NodeOptions options = tests::loopback_options(self, 2);
        options.transport = transport;
        return options;
    }

    Station one, two;
};

// A device that cannot cut packets says so (EIO without checksums, EINVAL from some drivers): of
// what it is given in one call it takes what precedes the first run.
int runs_refused = 0;

template <int refusal>
int without_runs(int fd, mmsghdr* messages, unsigned count, int flags) {
    unsigned plain = 0;
    while (plain < count && messages[plain].msg_hdr.msg_controllen == 0)
        ++plain;
    if (plain > 0) return ::sendmmsg(fd, messages, plain, flags);
    ++runs_refused;
    errno = refusal;
    return -1;
}

} // namespace

TEST_CASE("a multicast over loopback is heard by all, from its sender's own address") {
    Pair pair;
    pair.one.put("to all");
    pair.one.multicast();
    CHECK(pair.two.heard_data() == "to all");
    CHECK(pair.two.from.address() == pair.one.plan.own);
    CHECK(pair.one.heard_data() == "to all"); // the echo that the driver drops
}

TEST_CASE("unicast fan-out reaches each other node once, and not ourselves") {
    Pair pair(Transport::unicast);
    pair.one.put("a");
    pair.one.put("b");
    pair.one.multicast();
    CHECK(pair.two.heard_data() == "a");
    CHECK(pair.two.heard_data() == "b");
    CHECK(pair.two.from.address() == pair.one.plan.own);
    CHECK_FALSE(pair.one.data.receive(pair.one.sockets.data.get()));
}

TEST_CASE("a token goes to its node alone, to the other socket") {
    Pair pair;
    pair.one.put("token");
    pair.one.unicast(2);
    CHECK(pair.two.heard_token() == "token");
    CHECK_FALSE(pair.two.data.receive(pair.two.sockets.data.get()));
    CHECK_FALSE(pair.one.token.receive(pair.one.sockets.token.get()));
}

TEST_CASE(
    "a batch of any mixture of sizes arrives complete and in order, with and without offload") {
    Pair pair;
    for (const bool offload : {false, true}) {
        Outbox outbox(pair.one.plan.mtu, offload);
        for (const std::size_t common : {std::size_t{50}, std::size_t{1400}}) {
            std::vector<std::string> sent;
            for (std::size_t i = 0; !outbox.full(); ++i) {
                const std::size_t size = common + (i % 7 == 6 ? i : 0) - (i % 11 == 10 ? 1 : 0);
                sent.emplace_back(size, static_cast<char>('A' + i % 26));
                std::memcpy(outbox.room().data(), sent.back().data(), size);
                outbox.add(size);
            }
            outbox.flush(pair.one.sockets.data.get(), pair.one.sockets.everybody);
            for (const std::string& text : sent)
                CHECK((pair.two.heard_data() == text)); // too long to print
        }
        CHECK(outbox.counts().lost == 0);
    }
}

TEST_CASE("a device that cannot cut packets is believed at once, and nothing is lost or doubled") {
    for (const auto send_many : {&without_runs<EIO>, &without_runs<EINVAL>}) {
        Station one(tests::loopback_options(1, 3)), two(tests::loopback_options(2, 3)),
            three(tests::loopback_options(3, 3));
        runs_refused = 0;
        Outbox outbox(one.plan.mtu, true, send_many);
        const std::vector<Endpoint> fan_out = {one.sockets.token_of.at(2),
                                               one.sockets.token_of.at(3)};
        for (int round = 0; round < 2; ++round) {
            std::vector<std::string> sent;
            for (std::size_t i = 0; i < 100; ++i) { // singles, then runs, then singles
                const std::size_t size = i < 5 || i > 90 ? 100 + 10 * i : 1200;
                sent.emplace_back(size, static_cast<char>('A' + i % 26));
                std::memcpy(outbox.room().data(), sent.back().data(), size);
                outbox.add(size);
            }
            outbox.flush(one.sockets.token.get(), fan_out);
            for (Station* station : {&two, &three}) {
                for (const std::string& text : sent)
                    CHECK((station->heard_token() == text));
                CHECK_FALSE(station->token.receive(station->sockets.token.get()));
            }
        }
        CHECK(runs_refused == 1);
        CHECK(outbox.counts().sent == 400);
        CHECK(outbox.counts().lost == 0);
    }
}

TEST_CASE("segmentation offload is there on this kernel, so the test above means something") {
    Pair pair;
    CHECK(pair.one.sockets.segmentation_offload);
}

TEST_CASE(
    "a run that was sent as one is received as one, and taken as the datagrams it was made of") {
    Pair pair;
    REQUIRE(pair.one.sockets.segmentation_offload);
    REQUIRE(pair.two.sockets.coalescing);
    // Full ones, one of which lies across the border of two blocks, and tiny ones, of which many
    // fit the first block; the last of a run is shorter.
    for (const std::size_t size : {std::size_t{1400}, std::size_t{37}}) {
        std::vector<std::string> sent;
        for (std::size_t i = 0; i < 44; ++i)
            sent.emplace_back(i == 43 ? size / 2 : size, static_cast<char>('A' + i % 26));
        for (const std::string& text : sent)
            pair.one.put(text);
        pair.one.multicast();
        REQUIRE(tests::becomes_readable(pair.two.sockets.data.get()));
        REQUIRE(pair.two.data.receive(pair.two.sockets.data.get()));
        std::vector<std::string> heard;
        while (!pair.two.data.empty()) {
            const Received received = pair.two.data.take();
            CHECK_FALSE(received.truncated);
            CHECK(received.from.address() == pair.one.plan.own);
            heard.emplace_back(received.bytes.begin(), received.bytes.end());
        }
        CHECK((heard == sent)); // one system call was enough
    }
}

TEST_CASE("what is kept of a run outlives it, and its neighbours may still be changed") {
    Pair pair;
    for (int i = 0; i < 10; ++i)
        pair.one.put(std::string(1000, static_cast<char>('0' + i)));
    pair.one.multicast();
    REQUIRE(tests::becomes_readable(pair.two.sockets.data.get()));
    REQUIRE(pair.two.data.receive(pair.two.sockets.data.get()));
    std::vector<Bytes> kept;
    while (!pair.two.data.empty()) {
        Received received = pair.two.data.take();
        std::ranges::fill(received.bytes.first(500), '*'); // as opening in place does
        kept.push_back(received.share(received.bytes.subspan(400, 200)));
    }
    pair.one.put("the next one must not lie where they are");
    pair.one.multicast();
    CHECK(pair.two.heard_data() == "the next one must not lie where they are");
    REQUIRE(kept.size() == 10);
    for (std::size_t i = 0; i < kept.size(); ++i)
        CHECK(kept[i].view() ==
              std::string(100, '*') + std::string(100, static_cast<char>('0' + i)));
}

TEST_CASE("without coalescing the same datagrams arrive one by one") {
    Pair pair;
    const int off = 0;
    REQUIRE(::setsockopt(pair.two.sockets.data.get(), IPPROTO_UDP, UDP_GRO, &off, sizeof off) == 0);
    Inbox plain(pair.two.pool, false);
    for (int i = 0; i < 100; ++i)
        pair.one.put(std::string(1000, static_cast<char>('A' + i % 26)));
    pair.one.multicast();
    for (int i = 0; i < 100; ++i)
        CHECK((pair.two.heard(plain, pair.two.sockets.data) ==
               std::string(1000, static_cast<char>('A' + i % 26))));
}

TEST_CASE(
    "a datagram of a run that is larger than our blocks is marked, and the next ones are read") {
    NodeOptions large = tests::loopback_options(1, 2), small = tests::loopback_options(2, 2);
    small.mtu = 1500;
    Station one(large), two(small);
    for (int i = 0; i < 3; ++i)
        one.put(std::string(4000, 'x'));
    one.multicast();
    one.put("after them");
    one.multicast();
    for (int i = 0; i < 3; ++i) {
        CHECK(two.heard_data().size() <= 1500);
        CHECK(two.truncated);
    }
    CHECK(two.heard_data() == "after them");
    CHECK_FALSE(two.truncated);
}

TEST_CASE("a datagram larger than our blocks is marked, not cut in silence") {
    NodeOptions small = tests::loopback_options(2, 2);
    small.mtu = 1500;
    Station one(tests::loopback_options(1, 2));
    Station two(small);
    one.put(std::string(1600, 'x'));
    one.unicast(2);
    CHECK(two.heard_token().size() <= 1500);
    CHECK(two.truncated);
}

TEST_CASE("a node whose process is gone is told by the network") {
    Station one(tests::loopback_options(1, 2));
    one.put("anybody there?");
    one.unicast(2);
    REQUIRE(tests::becomes_readable(one.sockets.token.get()));
    CHECK_FALSE(one.token.receive(one.sockets.token.get()));
    const auto refused = take_refused_destinations(one.sockets.token.get());
    REQUIRE(refused.size() == 1);
    CHECK(refused[0] == one.sockets.token_of.at(2));
    CHECK(take_refused_destinations(one.sockets.token.get()).empty());

    Station two(tests::loopback_options(2, 2)); // it comes, and our socket is as good as before
    one.put("welcome");
    one.unicast(2);
    CHECK(two.heard_token() == "welcome");
}

TEST_CASE("overruns of the receive buffer are counted") {
    NodeOptions options = tests::loopback_options(2, 2);
    Station one(tests::loopback_options(1, 2));
    Station two(options);
    const int tiny = 2048;
    REQUIRE(::setsockopt(two.sockets.token.get(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny) == 0);
    for (int i = 0; i < 64; ++i)
        one.put(std::string(1000, 'x'));
    one.unicast(2);
    while (two.token.receive(two.sockets.token.get()))
        while (!two.token.empty())
            (void)two.token.take();
    one.put("after the flood"); // the count comes with the next datagram
    one.unicast(2);
    CHECK(two.heard_token() == "after the flood");
    CHECK(two.token.overruns() > 0);
}

TEST_CASE("a buffer that the system caps is named, with what to do about it") {
    // Root may exceed the limit, so this thread does without that privilege for a moment.
    __user_cap_header_struct whose{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct had[2] = {}, less[2] = {};
    REQUIRE(::syscall(SYS_capget, &whose, had) == 0);
    std::ranges::copy(had, less);
    less[0].effective &= ~(1U << CAP_NET_ADMIN);
    REQUIRE(::syscall(SYS_capset, &whose, less) == 0);
    const Station station(tests::loopback_options(1, 2));
    REQUIRE(::syscall(SYS_capset, &whose, had) == 0);

    std::size_t limit = 0;
    std::ifstream("/proc/sys/net/core/rmem_max") >> limit;
    if (limit >= station.plan.receive_buffer / 2) {
        MESSAGE("this system grants buffers of any size: nothing to warn of");
        return;
    }
    REQUIRE_FALSE(station.sockets.warnings.empty());
    CHECK(says(station.sockets.warnings[0],
               {"bytes instead of", "bursts may be lost", "sysctl -w net.core.rmem_max="}));
}

TEST_CASE("the same node twice on one machine is refused with a sentence") {
    Station one(tests::loopback_options(1, 2));
    CHECK(says(complaint([] { Station again(tests::loopback_options(1, 2)); }),
               {tests::loopback_address(1).c_str(), "in use", "running already"}));
}

TEST_CASE("the mtu is the interface's, up to jumbo frames") {
    const Address own = boost::asio::ip::make_address(tests::loopback_address(1));
    CHECK(path_mtu(own, {}) == jumbo_mtu); // the loopback's 65536 is no gain
    CHECK(interface_of(own).name == "lo");
    CHECK(is_ours(own));
    CHECK_FALSE(is_ours(boost::asio::ip::make_address("192.0.2.1")));
}

TEST_CASE("wrong addresses, groups and ports are named with their remedy") {
    const auto refusal = [](auto change) {
        NodeOptions options = tests::loopback_options(1, 2);
        change(options);
        return complaint([&] {
            const SocketPlan plan = plan_sockets(options);
            const Sockets sockets(plan);
        });
    };
    CHECK(says(refusal([](NodeOptions& o) { o.self = 9; }), {"node 9", "nodes file"}));
    CHECK(says(refusal([](NodeOptions& o) { o.addresses[2] = "nowhere"; }),
               {"node 2", "nowhere", "correct the nodes file"}));
    CHECK(says(refusal([](NodeOptions& o) { o.addresses[2] = o.addresses[1]; }),
               {"node 2", "twice"}));
    CHECK(says(refusal([](NodeOptions& o) { o.addresses[2] = "::1"; }),
               {"node 2", "address family"}));
    CHECK(says(refusal([](NodeOptions& o) { o.addresses[1] = "192.0.2.1"; }),
               {"192.0.2.1", "interface"}));
    CHECK(says(refusal([](NodeOptions& o) { o.multicast_group = "10.1.1.1"; }),
               {"10.1.1.1", "not an IPv4 multicast address", "239."}));
    CHECK(says(refusal([](NodeOptions& o) { o.multicast_group = "ff15::1"; }), {"ff15::1"}));
    CHECK(says(refusal([](NodeOptions& o) { o.token_port = o.port; }), {"choose two"}));
}

// Linux routes no IPv6 multicast over the loopback device, so only the rest is shown here.
TEST_CASE("IPv6: the default group follows the nodes' family, and tokens arrive") {
    NodeOptions options = tests::loopback_options(1, 0);
    options.addresses = {{1, "::1"}};
    options.multicast_group = NodeOptions{}.multicast_group;
    Station one(options);
    CHECK(one.plan.group == boost::asio::ip::make_address("ff15::4379"));
    const Endpoint own(one.plan.own, one.plan.token_port);
    one.put("six");
    one.outbox.flush(one.sockets.token.get(), {&own, 1});
    CHECK(one.heard_token() == "six");
    CHECK(one.from == own);
}
