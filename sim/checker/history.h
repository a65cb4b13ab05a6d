// What a run did so far, as the properties need it: who lives, which rings were installed by whom,
// which messages have which place. Built event by event from the trace alone.
//
// History never judges: it is told of an event after all properties have judged it, so while they
// judge, it is the past. An event that broke a property never gets here; so what stands here is
// well-formed, and the properties may rely on each other.
#pragma once

#include "sim/checker/violation.h"
#include "sim/trace.h"

#include <map>
#include <optional>
#include <set>
#include <vector>

namespace sim {

using namespace totem;
using trace::Life;
using trace::MessageName;
using trace::RingName;

struct Placed { // a message and its place in one ring
    MessageName message;
    Service guarantee = Service::agreed;
    Position position;
};

// The name of a transitional configuration: T(from -> ring).
struct TransitionName {
    RingName from, ring;

    friend auto operator<=>(const TransitionName&, const TransitionName&) = default;
};

// One process in one ring, from that regular configuration to the next one or the crash.
struct Stay {
    Life who;
    std::optional<RingName> previous; // the ring it came from; nothing: its first
    std::size_t regular_count = 0;    // messages delivered in the regular configuration: P12 makes
                                      // them the first so many of RingPast::order
    std::optional<TransitionName> transition; // once the transitional configuration came
    std::vector<Placed> in_transition;        // delivered in it
    bool closed = false;                      // the next regular configuration came
    bool crashed = false;                     // the process died here
};

struct TransitionPast {
    trace::Members members;
    std::vector<Placed> order;               // the longest list that anybody delivered in it
    std::optional<std::size_t> closed_count; // how many a process that closed it had delivered
};

struct RingPast {
    trace::Members members;
    std::vector<Placed> order; // what was delivered in the regular configuration by anybody
    std::map<Position, Placed> originated;
    std::map<TransitionName, TransitionPast> transitions; // that leave this ring
    std::map<Life, Stay> stays;
    std::size_t safe_count = 0; // messages up to the last safe one in `order`
};

struct ProcessPast {
    bool alive = true;
    std::optional<RingName> ring;          // the last regular configuration
    bool in_transition = false;            // and its transitional successor was delivered
    std::optional<Placed> last;            // the last delivery in `ring`, either configuration
    std::set<MessageName> own_undelivered; // originated in `ring`, not delivered yet
    std::uint64_t submitted = 0;           // COUNT of the last submission
    std::set<std::uint64_t> waiting;       // submitted, not delivered by itself yet
};

class History {
public:
    [[nodiscard]] const ProcessPast* process(const Life& who) const;
    [[nodiscard]] const RingPast* ring(const RingName& ring) const;
    // The stay of a live process; it must be in a ring.
    [[nodiscard]] const Stay& stay(const Life& who) const;

    [[nodiscard]] const std::map<Life, ProcessPast>& processes() const { return processes_; }

    [[nodiscard]] const std::map<RingName, RingPast>& rings() const { return rings_; }

    // Where a message was originated, if it was.
    struct Origin {
        RingName ring;
        Placed placed;
    };

    [[nodiscard]] const Origin* origin(const MessageName& message) const;

    [[nodiscard]] const std::optional<trace::Event>& heal() const { return heal_; }

    void absorb(const trace::Event& event);

private:
    void absorb(const Life& who, const trace::Start&);
    void absorb(const Life& who, const trace::Crash&);
    void absorb(const Life& who, const trace::Regular& regular);
    void absorb(const Life& who, const trace::Transitional& transitional);
    void absorb(const Life& who, const trace::Submit& submit);
    void absorb(const Life& who, const trace::Originate& originate);
    void absorb(const Life& who, const trace::Deliver& deliver);

    template <class Other>
    void absorb(const Life&, const Other&) {}

    std::map<Life, ProcessPast> processes_;
    std::map<RingName, RingPast> rings_;
    std::map<MessageName, Origin> origins_;
    std::optional<trace::Event> heal_;
};

// Whether the process of `stay` delivered the message at `position` in its ring, in either
// configuration.
[[nodiscard]] bool delivered(const RingPast& ring, const Stay& stay, const Position& position);

} // namespace sim
