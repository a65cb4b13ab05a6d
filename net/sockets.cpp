#include "net/sockets.h"

#include "net/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <set>
#include <stdexcept>
#include <sys/socket.h>

namespace net {

namespace {

constexpr const char* default_group_v6 = "ff15::4379";
constexpr std::size_t receive_buffer_max = std::size_t{64} << 20;

Address parse_address(const std::string& text, const std::string& whose) {
    boost::system::error_code error;
    const Address address = boost::asio::ip::make_address(text, error);
    if (error)
        throw std::runtime_error(fmt::format(
            "{}: `{}` is not an IPv4 or IPv6 address; correct the nodes file", whose, text));
    return address;
}

Address choose_group(const NodeOptions& options, const Address& own) {
    static const std::string default_group = NodeOptions{}.multicast_group;
    const bool default_of_other_family = own.is_v6() && options.multicast_group == default_group;
    const std::string text = default_of_other_family ? default_group_v6 : options.multicast_group;
    boost::system::error_code error;
    const Address group = boost::asio::ip::make_address(text, error);
    if (error || !group.is_multicast() || group.is_v4() != own.is_v4())
        throw std::runtime_error(fmt::format(
            "multicast group `{}`: not an {} multicast address; choose one like {}", text,
            own.is_v4() ? "IPv4" : "IPv6", own.is_v4() ? default_group : default_group_v6));
    return group;
}

// -- one socket, by options

class Opening {
public:
    Opening(const SocketPlan& plan, Endpoint bind_to, std::vector<std::string>& warnings)
        : plan_(plan), bind_to_(std::move(bind_to)), warnings_(warnings),
          v4_(bind_to_.address().is_v4()),
          fd_(::socket(v4_ ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        if (fd_.get() < 0) fail("cannot open a UDP socket", "look at the limit of open files");
        if (!v4_) want(IPPROTO_IPV6, IPV6_V6ONLY, 1);
        // Never fragment: one lost fragment is a lost packet (8.1, 14).
        want(level(), v4_ ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
             v4_ ? IP_PMTUDISC_DO : IPV6_PMTUDISC_DO);
        want(level(), v4_ ? IP_RECVERR : IPV6_RECVERR, 1);
        want(SOL_SOCKET, SO_RXQ_OVFL, 1);
        size_buffer(SO_RCVBUF, SO_RCVBUFFORCE, "net.core.rmem_max");
        size_buffer(SO_SNDBUF, SO_SNDBUFFORCE, "net.core.wmem_max");
    }

    void share_address() { want(SOL_SOCKET, SO_REUSEADDR, 1); }

    void bind() {
        if (::bind(fd_.get(), bind_to_.data(), static_cast<socklen_t>(bind_to_.size())) == 0)
            return;
        fail("cannot bind",
             errno == EADDRINUSE
                 ? "is this node running already? else choose another port in totem.conf"
             : errno == EADDRNOTAVAIL
                 ? "this machine does not have the address: correct the nodes file"
                 : "correct the address or the port");
    }

    void join_group() {
        const Interface interface = interface_of(plan_.own);
        // Several processors may live on this machine: then they hear each other by the loop.
        const bool loop =
            plan_.own.is_loopback() || std::ranges::any_of(plan_.others, [](const auto& other) {
                return is_ours(other.second);
            });
        if (v4_)
            join_v4(loop);
        else
            join_v6(interface.index, loop);
    }

    [[nodiscard]] bool knows_segmentation() const {
        int size = 0;
        socklen_t length = sizeof size;
        return ::getsockopt(fd_.get(), IPPROTO_UDP, UDP_SEGMENT, &size, &length) == 0;
    }

    [[nodiscard]] bool coalesce() { return set(IPPROTO_UDP, UDP_GRO, 1); }

    Descriptor finish() { return std::move(fd_); }

private:
    [[nodiscard]] int level() const { return v4_ ? IPPROTO_IP : IPPROTO_IPV6; }

    template <class Value>
    bool set(int at_level, int name, const Value& value) {
        return ::setsockopt(fd_.get(), at_level, name, &value, sizeof value) == 0;
    }

    void want(int at_level, int name, int value) {
        if (!set(at_level, name, value))
            fail(fmt::format("socket option {}/{}", at_level, name), "use a newer kernel");
    }

    void size_buffer(int name, int force_name, const char* limit) {
        const auto wish = static_cast<int>(plan_.receive_buffer / 2); // the kernel doubles it
        if (!set(SOL_SOCKET, force_name, wish)) set(SOL_SOCKET, name, wish);
        int got = 0;
        socklen_t size = sizeof got;
        ::getsockopt(fd_.get(), SOL_SOCKET, name, &got, &size);
        if (got < 2 * wish)
            warnings_.push_back(fmt::format(
                "{}:{}: the kernel grants a buffer of {} bytes instead of {}; bursts may be lost. "
                "Run `sysctl -w {}={}`",
                bind_to_.address().to_string(), bind_to_.port(), got, 2 * wish, limit, wish));
    }

    void join_v4(bool loop) {
        in_addr own{};
        in_addr group{};
        std::memcpy(&own, plan_.own.to_v4().to_bytes().data(), sizeof own);
        std::memcpy(&group, plan_.group.to_v4().to_bytes().data(), sizeof group);
        want(IPPROTO_IP, IP_MULTICAST_ALL, 0);
        want(IPPROTO_IP, IP_MULTICAST_LOOP, loop ? 1 : 0);
        want(IPPROTO_IP, IP_MULTICAST_TTL, plan_.multicast_ttl);
        if (!set(IPPROTO_IP, IP_MULTICAST_IF, own)) fail_to_join();
        if (!set(IPPROTO_IP, IP_ADD_MEMBERSHIP, ip_mreq{group, own})) fail_to_join();
    }

    void join_v6(unsigned interface, bool loop) {
        ipv6_mreq membership{};
        std::memcpy(&membership.ipv6mr_multiaddr, plan_.group.to_v6().to_bytes().data(),
                    sizeof membership.ipv6mr_multiaddr);
        membership.ipv6mr_interface = interface;
        want(IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
        want(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, loop ? 1 : 0);
        want(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, plan_.multicast_ttl);
        if (!set(IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(interface))) fail_to_join();
        if (!set(IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, membership)) fail_to_join();
    }

    [[noreturn]] void fail_to_join() const {
        fail(fmt::format("cannot join the multicast group {} on the interface of {}",
                         plan_.group.to_string(), plan_.own.to_string()),
             "bring the interface up, or use `transport = unicast`");
    }

    [[noreturn]] void fail(const std::string& doing, const char* remedy) const {
        throw std::runtime_error(fmt::format("{}:{}: {}: {}; {}", bind_to_.address().to_string(),
                                             bind_to_.port(), doing, std::strerror(errno), remedy));
    }

    const SocketPlan& plan_;
    Endpoint bind_to_;
    std::vector<std::string>& warnings_;
    bool v4_;
    Descriptor fd_;
};

} // namespace

std::size_t header_size(const Address& own) { return own.is_v4() ? 28 : 48; }

std::size_t
receive_buffer_for(const totem::Settings& settings, std::size_t members, std::size_t mtu) {
    const std::size_t packets = settings.outstanding_max_for(members);
    const std::size_t charge = std::bit_ceil(mtu + 512);
    return std::min(2 * packets * charge, receive_buffer_max);
}

Addresses parse_addresses(const NodeOptions& options) {
    const auto own = options.addresses.find(options.self);
    if (own == options.addresses.end())
        throw std::runtime_error(
            fmt::format("node {}: not among the {} addresses; correct the nodes file or our number",
                        options.self, options.addresses.size()));
    Addresses addresses;
    std::set<Address> seen;
    for (const auto& [node, text] : options.addresses) {
        const Address address = parse_address(text, fmt::format("node {}", node));
        if (!seen.insert(address).second)
            throw std::runtime_error(fmt::format(
                "node {}: address {} is there twice; give every node its own", node, text));
        (node == options.self ? addresses.own : addresses.others[node]) = address;
    }
    for (const auto& [node, address] : addresses.others)
        if (address.is_v4() != addresses.own.is_v4())
            throw std::runtime_error(
                fmt::format("node {}: {} is of another address family than ours, {}; use IPv4 for "
                            "all nodes or IPv6 for all",
                            node, address.to_string(), addresses.own.to_string()));
    return addresses;
}

SocketPlan plan_sockets(const NodeOptions& options) {
    Addresses addresses = parse_addresses(options);
    SocketPlan plan;
    plan.own = addresses.own;
    plan.others = std::move(addresses.others);
    plan.transport = options.transport;
    if (options.transport == Transport::multicast) plan.group = choose_group(options, plan.own);
    plan.multicast_ttl = options.multicast_ttl;
    plan.port = options.port;
    plan.token_port = options.token_port;
    if (plan.port == plan.token_port)
        throw std::runtime_error(
            fmt::format("port {}: used for both data and token; choose two", plan.port));
    std::vector<Address> others;
    for (const auto& [node, address] : plan.others)
        others.push_back(address);
    plan.mtu = options.mtu != 0 ? options.mtu : path_mtu(plan.own, others);
    plan.offload = options.offload;
    plan.receive_buffer = receive_buffer_for(options.settings, options.addresses.size(), plan.mtu);
    return plan;
}

Descriptor
open_unicast(const SocketPlan& plan, std::uint16_t port, std::vector<std::string>& warnings) {
    Opening opening(plan, {plan.own, port}, warnings);
    opening.bind();
    return opening.finish();
}

Sockets::Sockets(const SocketPlan& plan)
    : transport_(plan.transport), port_(plan.port), token_port_(plan.token_port) {
    const bool multicast = plan.transport == Transport::multicast;
    Opening token_opening(plan, {plan.own, plan.token_port}, warnings);
    token_opening.bind(); // first: it is what tells that this node runs already
    Opening data_opening(plan, {multicast ? plan.group : plan.own, plan.port}, warnings);
    if (multicast) data_opening.share_address();
    data_opening.bind();
    if (multicast) data_opening.join_group();
    segmentation_offload = plan.offload && data_opening.knows_segmentation();
    coalescing = plan.offload && data_opening.coalesce();
    data = data_opening.finish();
    token = token_opening.finish();

    if (multicast) everybody.emplace_back(plan.group, plan.port);
    know(plan.others);
}

void Sockets::know(const std::map<NodeId, Address>& others) {
    const bool unicast = transport_ == Transport::unicast;
    token_of.clear();
    node_at.clear();
    if (unicast) everybody.clear();
    for (const auto& [node, address] : others) {
        token_of[node] = {address, token_port_};
        node_at[address] = node;
        if (unicast) everybody.emplace_back(address, port_);
    }
}

// As much as the kernel grants; a start with as many nodes says whether that is too little.
void Sockets::widen(std::size_t receive_buffer) {
    const auto wish = static_cast<int>(receive_buffer / 2); // the kernel doubles it
    for (const int fd : {data.get(), token.get()}) {
        int got = 0;
        socklen_t size = sizeof got;
        ::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &size);
        if (got >= 2 * wish) continue;
        if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wish, sizeof wish) != 0)
            ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wish, sizeof wish);
    }
}

} // namespace net
