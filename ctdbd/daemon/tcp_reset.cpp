#include "ctdbd/daemon/tcp_reset.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace ctdbd::daemon {

namespace {

struct Request {
    nlmsghdr header{};
    inet_diag_req_v2 body{};
};

class Diagnosis {
public:
    Diagnosis() : netlink_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {}

    ~Diagnosis() {
        if (netlink_ >= 0) close(netlink_);
    }

    Diagnosis(const Diagnosis&) = delete;
    Diagnosis& operator=(const Diagnosis&) = delete;

    // All connections of a family but those that only listen or are over.
    [[nodiscard]] std::vector<inet_diag_msg> connections(std::uint8_t family) const {
        Request request = make(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, family);
        request.body.idiag_states = ~(1U << TCP_LISTEN | 1U << TCP_CLOSE | 1U << TCP_TIME_WAIT);
        std::vector<inet_diag_msg> found;
        if (!say(request)) return found;
        alignas(nlmsghdr) std::array<char, 32768> answer{};
        while (true) {
            const ssize_t size = recv(netlink_, answer.data(), answer.size(), 0);
            if (size <= 0) return found;
            auto left = static_cast<unsigned>(size);
            const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
            for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
                if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY) return found; // done, or an error
                inet_diag_msg socket{};
                std::memcpy(&socket, NLMSG_DATA(message), sizeof socket);
                found.push_back(socket);
            }
        }
    }

    // Without waiting for an answer: there is nothing to do about a refusal.
    void destroy(const inet_diag_msg& socket) const {
        Request request = make(SOCK_DESTROY, NLM_F_REQUEST, socket.idiag_family);
        request.body.idiag_states = ~0U;
        request.body.id = socket.id;
        static_cast<void>(say(request));
    }

private:
    static Request make(std::uint16_t type, int flags, std::uint8_t family) {
        Request request;
        request.header.nlmsg_len = sizeof request;
        request.header.nlmsg_type = type;
        request.header.nlmsg_flags = static_cast<std::uint16_t>(flags);
        request.body.sdiag_family = family;
        request.body.sdiag_protocol = IPPROTO_TCP;
        return request;
    }

    [[nodiscard]] bool say(const Request& request) const {
        return send(netlink_, &request, sizeof request, 0) == sizeof request;
    }

    int netlink_;
};

protocol::IpAddress local_end_of(const inet_diag_msg& socket) {
    if (socket.idiag_family == AF_INET)
        return boost::asio::ip::make_address_v4(ntohl(socket.id.idiag_src[0]));
    boost::asio::ip::address_v6::bytes_type bytes{};
    std::memcpy(bytes.data(), socket.id.idiag_src, bytes.size());
    return protocol::canonical(boost::asio::ip::make_address_v6(bytes));
}

} // namespace

void reset_connections_at(const protocol::IpAddress& local) {
    const Diagnosis diagnosis;
    for (const std::uint8_t family : {AF_INET, AF_INET6}) // sockets of IPv6 may talk IPv4, too
        for (const inet_diag_msg& socket : diagnosis.connections(family))
            if (local_end_of(socket) == local) diagnosis.destroy(socket);
}

} // namespace ctdbd::daemon
