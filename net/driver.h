// The only loop of production (style: Events in, actions out): waits for a packet, an order or the
// deadline, steps the processor, does what it says, in the order it says it. Owns everything on its
// side of the bridge: the processor, the sockets, the sealing. Runs on the ring's own thread, or
// turn by turn in the application's own loop.
//
// What it decides itself is only what the core cannot know: which socket to read first, how much
// to read before anything else, and that it was not scheduled for a while (totem.md 4.9.6, 5.11,
// 7.6).
#pragma once

#include "net/bridge.h"
#include "net/clock.h"
#include "net/seal.h"
#include "net/sockets.h"
#include "net/storage.h"
#include "net/trace.h"
#include "net/waiter.h"

#include <atomic>
#include <mutex>

namespace net {

class Driver {
public:
    // Everything that can fail for the operator's sake fails here; throws std::runtime_error.
    Driver(const NodeOptions& options, Bridge& bridge);
    ~Driver();

    [[nodiscard]] ProcessorId self() const { return identity_.self; }

    // The thread's whole life: until the bridge's stop().
    void run(const Bytes& first_hint);

    // -- instead of run(), in the application's loop
    void begin(const Bytes& first_hint);
    void turn_once();                                                 // never sleeps
    [[nodiscard]] bool submit(const Bytes& message, Service service); // past the bridge

    // Readable when a turn has something to do.
    [[nodiscard]] int wake_fd() const { return waiter_.fd(); }

    [[nodiscard]] NodeReport report() const; // from any thread

private:
    // A socket, what was read from it and not yet looked at, and whether there may be more.
    struct Port {
        struct Offload {
            bool segmentation = false;
            bool coalescing = false;
        };

        Port(Descriptor& its_socket, base::BlockPool& pool, Offload offload)
            : socket(its_socket), inbox(pool, offload.coalescing),
              outbox(pool.block_size(), offload.segmentation) {}

        // True if a datagram waits in the inbox.
        bool refill() {
            if (!inbox.empty()) return true;
            if (!readable || !inbox.receive(socket.get())) return readable = false;
            readable = !inbox.drained();
            return true;
        }

        Descriptor& socket;
        Inbox inbox;
        Outbox outbox;
        bool readable = false; // as far as we were told; the waiter tells again
        bool failed = false;   // the network said something about what we sent
    };

    // -- the loop (driver.cpp)
    void turn(bool sleeping);
    void look(bool sleeping); // which of our descriptors have something
    void absorb_stall();
    void fire_deadline();
    void serve_after_the_end();

    // -- from the application (driver.cpp)
    void take_orders();
    void take_submissions();
    void meet(const std::map<NodeId, Address>& others);

    // -- packets in (driver_packets.cpp)
    void read_packets(std::size_t packets_max);
    [[nodiscard]] Port* next_port();
    void hear(const Received& received);
    void hear_refused_destinations(Port& port);

    // -- actions out (driver_actions.cpp)
    void step(const membership::Event& event);
    void absorb(const membership::Event& event); // a step at the time that now_ says
    void perform();
    void perform(membership::Action& action);
    void multicast(const Packet& packet);
    void unicast(ProcessorId to, const Packet& packet);
    void write_into(Outbox& outbox, const Packet& packet);
    void flush_multicasts();
    void configured(Configuration configuration);
    void end(Event last_word);

    // -- what operators want to know (driver_report.cpp)
    void make_report();
    void complain_of_losses();
    void complain_of_refusals();

    // In the order of construction: a start that fails for its key, addresses or ports must not
    // have used up an incarnation, nor disturbed the same node running already.
    NodeOptions options_;
    Bridge& bridge_;
    SocketPlan plan_;
    SealContext seal_context_; // until identity_ is known without our incarnation
    Sockets sockets_;
    StableStorage storage_;
    membership::Identity identity_;

    base::BlockPool pool_;
    Port data_;
    Port token_;
    Waiter waiter_;

    Sealer sealer_;
    Opener opener_;
    membership::Processor processor_;
    membership::Actions actions_;
    Trace trace_;

    Instant now_{};                // of the present step
    Instant looked_{};             // when the last turn ended
    std::size_t submissions_ = 0;  // since then, in the application's loop
    bool more_ = false;            // there is something to do without waiting for anything
    bool token_first_ = false;     // PreferToken ...
    bool look_at_token_ = false;   // ... and its socket was not asked since
    bool drop_membership_ = false; // 5.11: JOINs and COMMITs that waited through a stall
    bool ring_full_ = false;       // a submission was refused; RoomAvailable will come
    bool leave_requested_ = false;
    bool ended_ = false;
    bool narrated_ = false; // every event and action is logged

    std::uint64_t turns_ = 0;
    std::uint64_t packets_received_ = 0;
    std::uint64_t lost_reported_ = 0;
    Instant loss_reported_at_{};
    RefusalCounts refusals_reported_{};
    std::array<Endpoint, std::tuple_size_v<RefusalCounts>> refused_from_; // the last of each kind
    Instant refusals_reported_at_{};
    Instant reported_at_{};
    mutable std::mutex report_mutex_;
    NodeReport report_;

    std::atomic<bool> record_stored_{false};
    BackgroundWriter writer_; // last: its thread uses record_stored_ and bridge_
};

} // namespace net
