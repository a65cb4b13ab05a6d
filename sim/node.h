// One virtual node: a processor, its application, and what the driver of a real one has around
// them: sockets of bounded size, timers, a clock of its own, stable storage.
//
// Node is the simulator's counterpart of net/: it decides nothing about the protocol. It reads its
// two sockets as PreferToken says, reads all of them before it fires a timer after a pause
// (totem.md 5.11), performs actions in order, and dies between two of them if a fault says so. The
// world owns time, network and trace.
#pragma once

#include "sim/clock.h"
#include "sim/disk.h"
#include "sim/network.h"
#include "totem/envelope.h"

#include <deque>
#include <map>

namespace sim {

class World;

class Node final : public Surroundings {
public:
    struct Plan {
        NodeId id = 0;
        Settings settings;
        Clock clock;
        Duration cpu_per_packet{};
        Duration fsync{};
        std::size_t socket_packets = 0;
    };

    Node(World& world, Plan plan, const Random& chance);
    ~Node() override;
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // -- what happens to it

    // A new life: writes the record, and starts when that is durable. `number`: of its
    // configuration, if that is wrong.
    void begin(NodeId number = 0);
    void crash();
    void pause();
    void resume();
    void receive(const Datagram& datagram);
    void wake(); // something may be due
    void disk_done(std::uint32_t life);
    void unreachable(NodeId node);

    void lose_disk() { disk_.lose_everything(); }

    void restore_old_disk() { disk_.restore_old_backup(); }

    void slow_down(double factor) { slowness_ = factor; }

    void jump_clock(Duration by);

    void ask_to_leave();

    // Within the step that is being performed: die after so many of its actions.
    void crash_after(std::size_t actions) { crash_after_ = actions; }

    // -- what can be seen of it

    [[nodiscard]] NodeId id() const { return plan_.id; }

    [[nodiscard]] bool running() const { return processor_ != nullptr; }

    [[nodiscard]] bool beginning() const { return beginning_; }

    // It has stopped with an error, and waits for its operator.
    [[nodiscard]] bool broken() const { return broken_; }

    // It was asked to leave and has not done so yet.
    [[nodiscard]] bool leaving() const { return leaving_; }

    [[nodiscard]] const membership::Processor* processor() const { return processor_.get(); }

    // Lets the application do something of the scenario's.
    template <class Act>
    void ask_application(Act&& act) {
        if (!running()) return;
        within([&] { act(*application_); });
        arm();
    }

    [[nodiscard]] const Application* application() const { return application_.get(); }

    [[nodiscard]] const Settings& settings() const { return plan_.settings; }

    [[nodiscard]] std::optional<trace::Life> life_of(std::uint32_t incarnation) const;

    [[nodiscard]] trace::Life who() const { return {plan_.id, life_}; }

    // -- Surroundings of its application

    [[nodiscard]] ProcessorId self() const override { return processor_->self(); }

    [[nodiscard]] std::uint32_t life() const override { return life_; }

    [[nodiscard]] const std::vector<NodeId>& nodes() const override;
    [[nodiscard]] Instant now() const override;

    [[nodiscard]] Random& random() override { return application_chance_; }

    membership::Submission submit(Bytes message, Service service) override;
    void set_hint(Bytes hint) override;
    void consumed(std::uint64_t messages) override;

    void leave() override;
    void send_direct(NodeId to, const Bytes& content) override;

    void set_timer(TimerId timer, Instant at) override;
    void cancel_timer(TimerId timer) override;
    Ticket persist(std::vector<Write> writes) override;
    void formed() override;
    void emit(trace::Body event) override;
    void narrate(const std::string& line) override;
    void violated(const std::string& property, const std::string& sentence) override;

private:
    struct Socket {
        std::deque<Datagram> waiting;
        bool push(const Datagram& datagram, std::size_t bound);
        Datagram pop();
    };

    void stop_as_broken(const std::string& why);
    void start_life(); // the record is durable
    [[nodiscard]] Socket& socket_of(PacketType type);
    [[nodiscard]] bool read_one();
    void open(const Datagram& datagram); // checks the seal, steps the processor
    [[nodiscard]] bool fire_timer();
    void step(const membership::Event& event);
    void step_now(const membership::Event& event);

    // Whatever enters processor or application from outside goes through here: what follows from
    // it is performed before the node does anything else.
    template <class Entry>
    void within(Entry&& entry) {
        performing_ = true;
        entry();
        perform_all();
        finish();
    }

    void perform_all();
    void finish();
    void perform(const membership::Multicast& multicast);
    void perform(const membership::Unicast& unicast);
    void perform(const membership::Deliver& deliver);
    void perform(const membership::DeliverConfiguration& deliver);
    void perform(const membership::Originated& originated);
    void perform(const membership::Interrupted& interrupted);
    void perform(const membership::RoomAvailable& room);
    void perform(const membership::StoreRecord& store);
    void perform(const membership::PreferToken& prefer);
    void perform(const membership::Left& left);
    void perform(const membership::Broken& broken);
    void send(const Packet& packet, std::span<const NodeId> to);
    void write_record(const membership::StableRecord& record);
    void write_begun();
    [[nodiscard]] std::optional<Instant> next_due() const; // in true time
    void arm();

    World& world_;
    Plan plan_;
    Random chance_;
    Random application_chance_{0};
    double slowness_ = 1;

    // The machine: outlives processes.
    Disk disk_;
    std::map<std::uint32_t, std::uint32_t> lives_; // by incarnation
    std::uint32_t next_life_ = 0;
    std::uint32_t generation_ = 0; // of processes, also those that never started: names disk writes
    Instant disk_free_{};

    // The process.
    bool beginning_ = false;
    membership::Identity identity_;
    std::unique_ptr<membership::Processor> processor_;
    std::unique_ptr<Application> application_;
    std::uint32_t life_ = 0;
    BootNonce boot_nonce_{};
    std::uint64_t packet_counter_ = 0;
    Socket token_socket_, data_socket_, direct_socket_;
    bool token_first_ = false;
    bool paused_ = false;
    bool leaving_ = false;
    bool broken_ = false;
    Instant paused_at_{};
    std::uint32_t disk_done_meanwhile_ = 0; // writes that became durable in a pause
    Instant busy_until_{};
    std::optional<Instant> armed_; // the earliest wake that is on its way
    std::map<TimerId, Instant> timers_;
    std::deque<Ticket> tickets_; // of the application's writes under way, 0 for the record's
    Ticket last_ticket_ = 0;

    // A step and what follows from it.
    bool performing_ = false;
    bool dying_ = false;         // once the present action is done
    std::vector<NodeId> others_; // scratch
    membership::Actions actions_;
    std::vector<membership::Event> pending_;
    std::uint64_t consumed_ = 0;
    std::optional<std::size_t> crash_after_;
    std::uint32_t overdue_packets_ = 0;
};

} // namespace sim
