// What a run writes down: one event a line, exactly as the trace format says (docs/trace.md), so
// that any checker, ours or a stranger's, can judge a run without trusting the code that made it.
//
// Here are the events as values and their spelling as JSON lines; reading lines back is
// trace_reader.h's business, judging them is checker/'s.
#pragma once

#include "totem/delivery.h"

#include <compare>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace sim::trace {

using namespace totem;

// One life of one process: restarts count up from 0. Traces speak of lives, the protocol of
// incarnations.
struct Life {
    NodeId node = 0;
    std::uint32_t life = 0;

    friend auto operator<=>(const Life&, const Life&) = default;
};

// A message's name, unique for ever: "NODE.LIFE.COUNT".
struct MessageName {
    Life sender;
    std::uint64_t count = 0;

    friend auto operator<=>(const MessageName&, const MessageName&) = default;
};

// A ring's name as traces write it: "SEQ.REP".
struct RingName {
    std::uint64_t seq = 0;
    NodeId representative = 0;

    friend auto operator<=>(const RingName&, const RingName&) = default;
};

[[nodiscard]] inline RingName name_of(const RingId& ring) {
    return {ring.seq, ring.representative.node};
}

using Members = std::vector<NodeId>; // sorted

struct Start {};

struct Crash {};

struct Regular {
    RingName ring;
    Members members;
    bool primary = false;
};

struct Transitional {
    RingName ring; // the regular configuration that will follow
    RingName from; // the one that ends
    Members members;
};

struct Submit {
    MessageName message;
    Service guarantee = Service::agreed;
    std::uint64_t size = 0;
};

struct Originate {
    MessageName message;
    Service guarantee = Service::agreed;
    RingName ring;
    Position position;
};

struct Deliver {
    MessageName message;
    Service guarantee = Service::agreed;
    RingName ring;
    Position position;
};

struct Heal { // the simulator's own: no faults from here on
    Members members;
    Duration
        bound{}; // after which it must be stable (totem.md 2.3); our own key, strangers skip it
};

struct End {}; // the simulator's own: the run is over

// -- the record service

struct Lock {
    std::string db, key, client;
};

struct Value {
    std::string db, key, client, read;
};

struct Store {
    std::string db, key, client, wrote;
};

struct Unlock {
    std::string db, key, client;
};

struct Commit {
    std::string db, client;
    std::uint64_t sequence = 0;
    std::map<std::string, std::string> writes;
};

struct Applied {
    std::string db;
    std::uint64_t sequence = 0;
    std::string digest;
};

using Body = std::variant<Start,
                          Crash,
                          Regular,
                          Transitional,
                          Submit,
                          Originate,
                          Deliver,
                          Heal,
                          End,
                          Lock,
                          Value,
                          Store,
                          Unlock,
                          Commit,
                          Applied>;

struct Event {
    Instant at;
    Life who; // of Heal and End: nobody
    Body body;
};

// Appends the event as one JSON object and a line feed.
void append_json(const Event& event, std::string& out);

[[nodiscard]] std::string describe(const Life& who);          // "3.0"
[[nodiscard]] std::string describe(const RingName& ring);     // "8.1"
[[nodiscard]] std::string describe(const MessageName& name);  // "3.0.17"
[[nodiscard]] std::string describe(const Members& members);   // "{1,2,3}"
[[nodiscard]] std::string describe(const Position& position); // "41:0"
[[nodiscard]] std::string describe(const Event& event);       // one line for people

} // namespace sim::trace
