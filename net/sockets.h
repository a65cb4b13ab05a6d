// The two UDP sockets of a processor (totem.md 4.9.6): one for what all hear (data and membership),
// one for what is meant for us alone (the tokens), so that either can be read first. How they are
// bound, which group they join, how large their buffers are; not what goes through them.
#pragma once

#include "net/datagrams.h"
#include "net/file.h"
#include "net/interface.h"
#include "net/node.h"

#include <map>
#include <string>
#include <vector>

namespace net {

struct SocketPlan {
    Address own;
    std::map<NodeId, Address> others;
    Transport transport = Transport::multicast;
    Address group;
    int multicast_ttl = 1;
    std::uint16_t port = 0;
    std::uint16_t token_port = 0;
    std::size_t mtu = 0;            // of IP packets
    bool offload = true;            // use what the kernel has of it
    std::size_t receive_buffer = 0; // bytes, as the kernel counts them
};

struct Addresses {
    Address own;
    std::map<NodeId, Address> others;
};

// Those of the options; throws std::runtime_error naming the node and the remedy.
[[nodiscard]] Addresses parse_addresses(const NodeOptions& options);

// Reads addresses, group and mtu from the options; throws std::runtime_error naming key and remedy.
[[nodiscard]] SocketPlan plan_sockets(const NodeOptions& options);

// IP and UDP headers.
[[nodiscard]] std::size_t header_size(const Address& own);

// Bound to our own address; never fragments.
[[nodiscard]] Descriptor
open_unicast(const SocketPlan& plan, std::uint16_t port, std::vector<std::string>& warnings);

class Sockets {
public:
    // Throws std::runtime_error naming address, port and remedy.
    explicit Sockets(const SocketPlan& plan);

    // The other nodes are these from now on.
    void know(const std::map<NodeId, Address>& others);
    // ... and the kernel may keep so much for us.
    void widen(std::size_t receive_buffer);

    Descriptor data;
    Descriptor token;

    std::vector<Endpoint> everybody;     // where `data` sends to: the group, or each other
    std::map<NodeId, Endpoint> token_of; // where a node's `token` listens
    bool segmentation_offload = false;   // the kernel knows UDP_SEGMENT
    bool coalescing = false;             // ... and UDP_GRO: `data` receives runs of datagrams
    std::vector<std::string> warnings;   // sentences for the operator
    std::map<Address, NodeId> node_at;   // whose address it is

private:
    Transport transport_;
    std::uint16_t port_, token_port_;
};

// 4.5: twice the largest number of packets under way, at what the kernel charges for each.
[[nodiscard]] std::size_t
receive_buffer_for(const totem::Settings& settings, std::size_t members, std::size_t mtu);

} // namespace net
