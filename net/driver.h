// The only loop of production (style: Events in, actions out): waits for a packet, an order or the
// deadline, steps the processor, does what it says, in the order it says it. Runs on the ring's own
// thread and owns everything there: the processor, the sockets, the sealing.
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

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

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

    [[nodiscard]] NodeReport report() const; // from any thread

private:
    // A socket, what was read from it and not yet looked at, and whether we wait for more.
    struct Port {
        Port(boost::asio::ip::udp::socket& its_socket, base::BlockPool& pool, bool offload)
            : socket(its_socket), inbox(pool), outbox(pool.block_size(), offload) {}

        bool refill() { return !inbox.empty() || inbox.receive(socket.native_handle()); }

        boost::asio::ip::udp::socket& socket;
        Inbox inbox;
        Outbox outbox;
        bool waiting = false;
    };

    // -- the loop (driver.cpp)
    void turn();
    void sleep();
    void arm(Port& port);
    void arm_orders();
    void arm_timer();
    void absorb_stall();
    void fire_deadline();
    void serve_after_the_end();

    // -- from the application (driver.cpp)
    void take_orders();
    void take_submissions();

    // -- packets in (driver_packets.cpp)
    void read_packets(std::size_t packets_max);
    [[nodiscard]] Port* next_port();
    void hear(Received received);
    void hear_refused_destinations(Port& port);

    // -- actions out (driver_actions.cpp)
    void step(const membership::Event& event);
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
    boost::asio::io_context context_;
    // When everything that is waited for comes at once, after a pause, nothing is left to wait for
    // while the handlers run: without this the context would end there, and sleep() never sleep
    // again.
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> awake_;
    Sockets sockets_;
    StableStorage storage_;
    membership::Identity identity_;

    base::BlockPool pool_;
    Port data_;
    Port token_;
    boost::asio::posix::stream_descriptor orders_;
    bool orders_waiting_ = false;
    boost::asio::basic_waitable_timer<BootClock> timer_;
    std::optional<Instant> timer_armed_; // it may fire too early, never too late

    Sealer sealer_;
    Opener opener_;
    membership::Processor processor_;
    membership::Actions actions_;
    Trace trace_;

    Instant now_{};                // of the present step
    Instant looked_{};             // when the last turn ended
    bool more_ = false;            // there is something to do without waiting for anything
    bool token_first_ = false;     // PreferToken ...
    bool look_at_token_ = false;   // ... and its socket was not asked since
    bool drop_membership_ = false; // 5.11: JOINs and COMMITs that waited through a stall
    bool ring_full_ = false;       // a submission was refused; RoomAvailable will come
    bool leave_requested_ = false;
    bool record_stored_ = false;
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

    BackgroundWriter writer_; // last: its thread posts to context_
};

} // namespace net
