// Several processors in one hand: the test is the network. Time is virtual, every packet goes
// through the real codec and takes 100 us, and nothing is lost, cut or crashed unless the test says
// so. Not the simulator of sim/: no chance, no checker, only what a paper test or a scripted
// conversation needs.
#pragma once

#include "membership/processor.h"
#include "totem/wire.h"

#include <functional>
#include <map>
#include <set>
#include <string>

namespace membership::testing {

using namespace std::chrono_literals;

// What one processor showed its application, in order.
struct Shown {
    std::vector<Configuration> configurations;
    std::vector<Delivery> messages;
    std::vector<std::string> story; // both, one line each: "regular [A B]", "agreed A: hello"
};

struct Node {
    std::string name;
    ProcessorId id;
    std::unique_ptr<Processor> processor; // null: crashed
    StableRecord record;
    Shown shown;
    bool paused = false;
    bool consumes = true;
    bool left = false;
    std::string broken;
    std::uint64_t rooms = 0;
    std::vector<PacketArrived> backlog; // while paused
};

class World {
public:
    // Nodes are named A, B, C, ... and not yet started.
    explicit World(std::size_t nodes, const Settings& settings = Settings::simulated());

    [[nodiscard]] Node& node(const std::string& name);
    [[nodiscard]] Processor& operator[](const std::string& name);
    [[nodiscard]] const std::string& name_of(ProcessorId id) const;

    void start(const std::string& name); // also after a crash: the next incarnation
    void start_all();
    void crash(const std::string& name);
    void pause(const std::string& name);
    void resume(const std::string& name); // reads its sockets, then says how long it slept
    Submission submit(const std::string& name, std::string text, Service = Service::agreed);
    void tell(const std::string& name, const Event& event);

    // Nothing passes between processors of different groups: cut({"A", "B C"}). heal() undoes it.
    void cut(const std::vector<std::string>& groups);
    void heal();

    // Asked for every packet and receiver; true loses it.
    std::function<bool(const Node& from, const Node& to, const Packet& packet)> loses;
    // Asked before every action; true crashes the processor instead of doing it.
    std::function<bool(const Node& node, const Action& action)> crashes_before;
    // Told every action that is done.
    std::function<void(const Node& node, const Action& action)> observe;

    void run_for(Duration duration);
    // False if it has not come true by then.
    bool run_until(const std::function<bool()>& holds, Duration limit = 10s);
    // One event of the world: a packet arrives or a deadline passes. False if there is none.
    bool run_next();

    // All of these are Operational on one ring of exactly them.
    [[nodiscard]] bool is_ring(const std::string& names);

    bool form(const std::string& names) {
        return run_until([&] { return is_ring(names); });
    }

    [[nodiscard]] Instant now() const { return now_; }

    // "A B C" -> the names.
    static std::vector<std::string> split(const std::string& names);

    Duration latency = 100us;

private:
    struct Flight {
        std::string to;
        PacketArrived packet;
    };

    void perform(Node& node, const Actions& actions);
    void send(const Node& from, Node& to, const Packet& packet);
    void arrive(Node& node, const Event& event);
    [[nodiscard]] bool connected(const std::string& a, const std::string& b) const;

    Settings settings_;
    std::vector<Node> nodes_;
    std::vector<std::set<std::string>> groups_;
    Instant now_{1s};
    std::map<std::pair<Instant, std::uint64_t>, Flight> flights_;
    std::map<std::string, Instant> asleep_since_;
    std::uint64_t order_ = 0;
};

} // namespace membership::testing
