// A scenario: how many processes, what their network is like, what they have to say, what goes
// wrong when, and what must come of it. A plain value; files are read by scenario_codec.h, chance
// is turned into steps by swarm.h, and the world plays it.
#pragma once

#include "membership/processor.h"
#include "sim/coverage.h"
#include "sim/trace.h"

#include <optional>
#include <string>
#include <vector>

namespace sim {

using namespace totem;

// -- the network

enum class DelayShape : std::uint8_t { uniform, log_normal, pareto };

// A one-way delay: at least `least`, on average `spread` more, distributed so.
struct Delay {
    Duration least = 50us;
    Duration spread = 20us;
    DelayShape shape = DelayShape::uniform;
};

using TypeMask = std::uint16_t; // bit n: packets of PacketType n

[[nodiscard]] constexpr TypeMask mask_of(PacketType type) {
    return static_cast<TypeMask>(1U << static_cast<unsigned>(type));
}

inline constexpr TypeMask every_type = 0xffff;

// One kind of trouble on some links. Several may be in force at once: each has its own say.
struct Condition {
    NodeId from = 0, to = 0; // 0: any
    TypeMask types = every_type;
    std::size_t larger_than = 0; // only datagrams of more bytes than this
    double loss = 0;
    double burst_begin = 0, burst_end = 1; // Gilbert-Elliott: per packet; a burst loses everything
    double duplicate = 0;
    double reorder = 0; // such packets overtake or are overtaken, by up to reorder_by
    Duration reorder_by = 2ms;
    double hold_back = 0; // such packets come again or first after up to hold_back_for
    Duration hold_back_for = 5s;
    double corrupt = 0;          // bits flip
    double truncate = 0;         // the end is missing
    Duration slower{};           // every packet takes longer by this
    Duration slower_by_chance{}; // and by up to this
    double looped = 0;           // the sender hears it, too: a loop in the network
    double malformed = 0; // an authentic packet without meaning comes behind it: a buggy member
};

// One packet by its place on its link.
struct LostPacket {
    NodeId from = 0, to = 0;
    std::uint64_t number = 1;

    friend auto operator<=>(const LostPacket&, const LostPacket&) = default;
};

struct NetworkPlan {
    Delay delay;
    double bits_per_second = 0; // of every node's transmitter; 0: unlimited
    std::size_t socket_packets = 8192;
    bool unreachable_told = false;     // the host of a dead process answers (PeerUnreachable)
    std::vector<Condition> conditions; // in force until the heal
    std::vector<LostPacket> lost;      // these, whatever chance says
};

// -- the processes

struct NodePlan {
    Duration start_within = 5ms; // all start at random moments of this span ...
    Duration start_interval{};   // ... or one after the other
    Duration cpu_per_packet = 3us;
    double clock_drift = 0; // rates differ by up to this fraction
    Duration clock_offset_max{};
    Duration clock_granularity{1};
    Duration fsync = 2ms;       // and up to four times as long
    double settings_spread = 0; // time-outs differ between nodes by up to this fraction
};

// -- what they say

struct TalkPlan {
    double messages_per_second = 200; // of each node, Poisson; 0: silence
    double safe_share = 0.3;
    std::size_t size_min = 0, size_max = 200;
    double large_share = 0; // of messages up to large_max
    std::size_t large_max = 64 * 1024;
    double burst_share = 0; // of submissions that are bursts of up to burst_max
    std::size_t burst_max = 50;
    double echo_share = 0;             // of deliveries that are answered from within the callback
    double configuration_burst = 0;    // chance of a burst at a configuration change
    NodeId only = 0;                   // one talker; 0: all
    Duration pause_every{};            // talk and be silent in turns; 0: talk all the time
    Duration consume_within{};         // a delivered message is consumed after up to this
    std::uint64_t messages_max = 4000; // of each node and life
};

// -- what they ask of the record service (records/clients.h)

struct RecordPlan {
    std::uint32_t clients = 3;         // of each node
    double operations_per_second = 60; // of each client, while it does not wait
    std::uint32_t keys = 4;            // of each volatile database: few are hot
    Duration hold = 1ms;               // on average
    double peek_share = 0.15;          // of operations that read a record without holding it
    double lock_share = 0.1;           // ... that use a named lock
    double transaction_share = 0.1;    // ... that commit a transaction
    double question_share = 0.1;       // ... that ask another node; the rest count in records
    double delete_share = 0.1;         // of writes that delete the record
    double look_share = 0.1;           // of holds that write nothing
    double give_up_share = 0.02;       // of requests for a record that are taken back
    std::uint64_t digest_interval = 64;
    bool direct = true;                  // records go straight from node to node
    bool delegate = true;                // those of one database may be read in copies
    std::uint32_t direct_bytes_max = 46; // so small that some records of a run do not fit
    Duration freeze_after = 100ms;       // statedb/records.h
    Duration notice_period{};            // 0: what it has to be
    Duration transaction_takes{};        // on a persistent file, until its writes go to the disk
};

// -- what goes wrong

// Something a processor does that a fault may wait for.
enum class Moment : std::uint8_t {
    token_arrives,   // of its installed ring
    sends_token,     //
    sends_data,      //
    enters_gather,   //
    fills_entry,     // accepted or made a commit token: the old ring is frozen
    enters_recovery, //
    acknowledges,    // holds all of the old ring and says so: it is obliged from now on
    installs,        // delivers a regular configuration
    delivers,        // a message
    forms,           // its component has become primary: of runs whose application can tell
};

inline constexpr std::size_t moment_count = 10;

struct Trigger {
    Moment moment = Moment::installs;
    NodeId node = 0;           // 0: whoever it is
    std::uint32_t nth = 1;     // the nth time; from the step's time on
    std::uint32_t nth_max = 0; // if larger: drawn from [nth, nth_max]
};

enum class DiskFate : std::uint8_t {
    kept, // what was synced is there
    lost, // empty: the node comes back under a new identity
    old,  // what was there before the life before this one: somebody has restored a backup
};

// Where in the actions of the step that triggers it a crash comes.
enum class CrashPoint : std::uint8_t { before, after, anywhere };

struct Crash {
    NodeId node = 0; // 0: who triggers it, else a random one; likewise below
    DiskFate disk = DiskFate::kept;
    CrashPoint point = CrashPoint::anywhere;
};

struct Pause {
    NodeId node = 0;
};

struct Isolate {
    NodeId node = 0;
};

struct Partition {
    std::vector<std::vector<NodeId>> groups; // who is in none is alone; empty: drawn
    std::uint32_t parts = 2;                 // when drawn
};

struct OneWayCut {
    NodeId from = 0, to = 0;
};

struct Worsen {
    Condition condition;
};

struct LoseNext { // exactly so many packets of these types, each receiver by itself
    NodeId from = 0, to = 0;
    TypeMask types = every_type;
    std::uint32_t count = 1;
};

// Hunter (totem.md Appendix B, N55): the next data packet from -> to is kept, and arrives when `to`
// has filled its entry, its sender having crashed meanwhile or not.
struct KeepForEntry {
    NodeId from = 0, to = 0;
    std::uint32_t count = 1;
};

struct SlowDown { // its processing takes so many times longer
    NodeId node = 0;
    double factor = 10;
};

struct StopConsuming {
    NodeId node = 0;
};

struct Say {
    NodeId node = 0;
    std::uint32_t count = 1;
    std::size_t size = 100;
    Service service = Service::agreed;
};

struct LeaveCleanly {
    NodeId node = 0;
};

struct StartNode {
    NodeId node = 0;
    NodeId number = 0; // what it believes to be, if that is not its own number
};

struct ClockJump { // its monotonic clock does what it never should
    NodeId node = 0;
    Duration by{};
};

struct Diverge { // the memory of its application goes wrong: a replica differs from the others
    NodeId node = 0;
};

using Effect = std::variant<Crash,
                            Pause,
                            Isolate,
                            Partition,
                            OneWayCut,
                            Worsen,
                            LoseNext,
                            KeepForEntry,
                            SlowDown,
                            StopConsuming,
                            Say,
                            LeaveCleanly,
                            StartNode,
                            ClockJump,
                            Diverge>;

struct Step {
    Duration at{};                  // since the beginning
    std::optional<Trigger> trigger; // then not at `at`, but from then on when this happens
    Effect effect;
    Duration lasting{}; // then it is undone (a crashed node restarts); 0: only by the heal
    // Names the chance that this step draws from, so that it does the same whatever other steps
    // there are (shrink.h). 0: draw() numbers it.
    std::uint32_t lot = 0;
};

// Random faults on top: each kind that is allowed is switched on or off by the seed (swarm).
struct SwarmPlan {
    bool enabled = false;
    double intensity = 1.0; // scales how often things happen
    bool loss = true, bursts = true, selective_loss = true, duplication = true, reordering = true;
    bool old_packets = true, corruption = true, delays = true, partitions = true, cuts = true;
    bool crashes = true, disk_faults = true, pauses = true, hunters = true, leaves = true;
    bool slow_nodes = true, slow_consumers = true, clocks = true, small_buffers = true;
    bool settings = true, workload = true, loops = true, malformed = true;
};

// -- what must come of it

// One measured number (measures.h lists them) and its bounds.
struct Bound {
    std::string measure;
    std::optional<double> at_least, at_most;
};

struct Expectation {
    std::vector<Bound> bounds;
    // The rings of the living at the end of the fault phase, before the heal; empty: not asked.
    std::vector<trace::Members> components;
    std::vector<Cell> cells; // of the event x state table that the run must reach
};

struct Scenario {
    std::string name;
    std::string says; // one line for people
    std::uint32_t nodes_min = 3, nodes_max = 8;
    Settings settings = Settings::simulated();
    NetworkPlan network;
    NodePlan nodes;
    TalkPlan talk;
    RecordPlan records;
    std::string application = "talkers"; // or "records"
    std::vector<Step> steps;
    SwarmPlan swarm;
    Duration faults_for = 2s; // the fault phase, from the beginning
    double leave_dead = 0;    // chance that a process which is down at the heal stays down
    bool heal = true;         // else the run ends with the fault phase, and liveness is not judged
    bool may_break = false;   // a processor that refuses to go on is an outcome, not a violation
    std::uint64_t seed = 0;   // to play it with, if nobody says another; 0: 1
    Expectation expect;
};

} // namespace sim
