// A processor in the real world: the ring on its own thread, sockets, sealing, stable storage,
// clock. The application lives on another thread; between the two stand two bounded lock-free
// queues (design.md, Worlds).
//
// All member functions belong to the application's thread. Nothing here blocks on the ring. An
// application that never lingers may do without that other thread (NodeOptions::own_thread).
#pragma once

#include "membership/processor.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>

namespace net {

using namespace totem;

enum class Transport : std::uint8_t { multicast, unicast };

struct NodeOptions {
    NodeId self = 0;
    std::string cluster = "totem-ctdb";
    std::map<NodeId, std::string> addresses; // every node's IPv4 or IPv6 address, as text
    Transport transport = Transport::multicast;
    std::string multicast_group = "239.192.43.79"; // ff15::4379 when the nodes speak IPv6
    int multicast_ttl = 1;
    std::uint16_t port = 4379; // data and membership; the token's unicast uses token_port
    std::uint16_t token_port = 4380;
    std::uint16_t direct_port = 4382; // of a DirectPort, if the application opens one
    std::size_t mtu = 0;              // 0: ask the kernel
    bool offload = true; // let the kernel cut and join packets (UDP GSO and GRO) where it can
    std::filesystem::path key_file; // empty: no sealing, only addresses of the nodes file are heard
    std::filesystem::path state_file; // stable storage; its directory must exist
    bool new_identity =
        false; // no record there: start as a new processor rather than refuse (totem.md 3.6)
    bool real_time = false; // SCHED_RR and locked memory where allowed
    // The ring's own thread looks on for so long before it sleeps, as long as that lately paid.
    std::chrono::microseconds spin{0};
    std::filesystem::path trace_file; // empty: none; else JSON lines of shared trace format
    std::size_t events_max = 65536;   // bound of the queue to the application
    // The ring's own thread keeps its time whatever the application does. Without it, poll() is
    // what turns the ring: quicker by two changes of threads a message, for an application that
    // returns to poll() within a few milliseconds, always.
    bool own_thread = true;
    totem::Settings settings;
};

struct Interrupted {};

struct RoomAvailable {};

struct Left {};

struct Broken {
    std::string why;
};

using Event = std::variant<Delivery, Configuration, Interrupted, RoomAvailable, Left, Broken>;

// For totemctl and logs; taken by the ring thread a few times a second.
struct NodeReport {
    membership::Phase phase = membership::Phase::gather;
    ProcessorId self;
    RingId ring;
    std::vector<ProcessorId> members;
    membership::Statistics statistics;
    std::uint64_t turns = 0; // how often the ring's thread woke up
    std::uint64_t packets_sent = 0, packets_received = 0, packets_refused = 0, socket_overruns = 0;
    std::size_t queue_bytes = 0;      // submitted, not yet sent
    std::size_t packets_held = 0;     // received or sent, and perhaps still wanted by others
    std::uint32_t window_packets = 0; // what all may send in a rotation, as it has adapted
    bool sealed = false;
    std::vector<membership::Suspicion::Suspect> suspects;
    std::string explanation;
};

class Node {
public:
    // Opens sockets, key and stable storage; throws std::runtime_error with a sentence for the
    // operator that names file or address and the remedy. The ring does not start before start().
    explicit Node(NodeOptions options);
    ~Node(); // stops the ring thread; without a leave() before, the others see a crash

    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    void start(Bytes first_hint);

    [[nodiscard]] ProcessorId
    self() const; // known after construction: node and this life's incarnation

    // Becomes readable (level-triggered) when poll() has something to do. Owned by the Node.
    [[nodiscard]] int event_fd() const;
    // Hands every waiting event to `handle`, oldest first, at most `limit` of them; returns how
    // many. Deliveries count as consumed once handled: a slow application holds the ring's aru back
    // instead of growing a queue.
    std::size_t poll(const std::function<void(Event&&)>& handle, std::size_t limit = 1024);

    // False: no room now, RoomAvailable will come. The message is then untouched.
    [[nodiscard]] bool submit(const Bytes& message, Service service);

    void set_hint(Bytes hint);
    // Another node's process is known to be gone, whatever the network says of it: the ring need
    // not wait for its silence.
    void mourn(NodeId node);
    // The nodes of the cluster are others from now on; we stay where we are. Throws as the
    // constructor does. A node that is left out is not heard any more.
    void set_addresses(const std::map<NodeId, std::string>& addresses);
    void leave(); // clean leave; ends with the event Left

    [[nodiscard]] NodeReport report() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace net
