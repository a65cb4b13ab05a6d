// What goes wrong, when: plays the steps of a plan, by time or when a processor does what a step
// waits for (hunters), and undoes what it did.
#pragma once

#include "sim/random.h"
#include "sim/scenario.h"

#include <array>
#include <functional>
#include <map>

namespace sim {

class Node;
class World;

// Which of the moments that a trigger can name happened in one step, and before how many of its
// actions (0 for those that are no action).
using Moments = std::array<std::optional<std::size_t>, moment_count>;

class Faults {
public:
    Faults(World& world, const Random& chance);

    void begin();
    // Everything is undone and nothing more happens. Crashed nodes stay down: reviving them is the
    // world's business.
    void end();

    // A processor stepped; its actions are not performed yet.
    void observe(Node& node, const membership::Event& event, const membership::Actions& actions);
    // Its application says so; the fault comes once it has done what it is at.
    void reached(NodeId node, Moment moment);

private:
    struct Waiting {
        const Step* step;
        std::uint32_t left; // how many more times it must happen
    };

    // What we remember of each node's last step, to see that something changed.
    struct Seen {
        membership::Phase phase = membership::Phase::gather;
        RingId acknowledged;
    };

    [[nodiscard]] Moments
    moments_of(Node& node, const membership::Event& event, const membership::Actions& actions);
    void arm(const Step& step);
    [[nodiscard]] std::vector<const Step*> pull(NodeId node, const std::function<bool(Moment)>& is);
    void strike(const Step& step, NodeId triggered_by);

    // One per effect. `node` is the one that triggered it, 0 if none did.
    void strike(const Crash& crash, NodeId node, const Step& step);
    void strike(const Pause& pause, NodeId node, const Step& step);
    void strike(const Isolate& isolate, NodeId node, const Step& step);
    void strike(const Partition& partition, NodeId node, const Step& step);
    void strike(const OneWayCut& cut, NodeId node, const Step& step);
    void strike(const Worsen& worsen, NodeId node, const Step& step);
    void strike(const LoseNext& lose, NodeId node, const Step& step);
    void strike(const KeepForEntry& keep, NodeId node, const Step& step);
    void strike(const SlowDown& slow, NodeId node, const Step& step);
    void strike(const StopConsuming& stop, NodeId node, const Step& step);
    void strike(const Say& say, NodeId node, const Step& step);
    void strike(const LeaveCleanly& leave, NodeId node, const Step& step);
    void strike(const StartNode& start, NodeId node, const Step& step);
    void strike(const ClockJump& jump, NodeId node, const Step& step);
    void strike(const Diverge& diverge, NodeId node, const Step& step);

    void cut_between(const std::vector<std::vector<NodeId>>& groups, const Step& step);
    void undo_after(const Step& step, std::function<void()> undo);
    [[nodiscard]] NodeId chosen(NodeId wanted, NodeId triggered_by);
    void
    tell(const Step& step, const char* kind, std::vector<NodeId> nodes, const std::string& what);

    World& world_;
    Random root_;
    Random chance_; // of the step that strikes
    std::vector<Waiting> waiting_;
    std::map<NodeId, Seen> seen_;
    // While a trigger strikes: the step of the node that pulled it.
    std::size_t trigger_action_ = 0, trigger_actions_ = 0;
    bool within_step_ = false;
    bool over_ = false;
};

} // namespace sim
