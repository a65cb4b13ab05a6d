// Runs several state machines over one ring: feeds them the commands of the primary component in
// agreed order, forms that component, brings joiners up to date, and keeps everything else from
// being applied.
//
// The life of a component (totem.md 6.2, 6.3, adapted; docs/adr/0002): in a regular configuration
// each member tells in a safe STATE its voting history, its position in the order and its services'
// summaries; the hints of the commit token gave a first verdict before. With all STATEs delivered
// everybody knows whether the component may act, who has the state and who lacks it. If it may,
// each member stores the attempt, then submits a safe CREATE. When the CREATEs of all were
// delivered in the regular configuration, the primary component is formed; the member with the
// longest applied order is the donor for those that lack state, who receive it in chunks while the
// others go on, and get a vote once they have it. Commands delivered in a transitional
// configuration wait (yellow) until the next component tells whether they count.
#pragma once

#include "statedb/quorum.h"
#include "statedb/service.h"

#include <memory>

namespace statedb {

struct HostSettings {
    ProcessorId self;
    std::vector<NodeId> nodes;      // the configured cluster: go_by() from the beginning
    std::uint64_t nodes_digest = 0; // ... and its digest
    QuorumRule rule = QuorumRule::dynamic;
    // A component forms only with the permission of the world of its lowest member (permit()): a
    // second condition beside the votes.
    bool permission_needed = false;
    // There is a witness (quorum.h), and permission means the lock: nothing forms before the lowest
    // member's world has told what it remembers (testify()) and has told it of the attempt.
    bool has_witness = false;
    std::size_t chunk_size = 32 * 1024; // of state transfer
    std::size_t pending_bytes_max = std::size_t{8}
                                    << 20; // commands waiting for the ring; beyond it congested()
    std::uint64_t digest_interval =
        4096; // commands between two comparisons of the services' digests; 0: never
};

enum class HostPhase : std::uint8_t {
    waiting,   // no regular configuration, or the ring is being formed
    no_quorum, // a configuration that may not act
    forming,   // CREATEs are on their way
    syncing,   // primary, and we are receiving the state
    active,    // primary, and we apply commands
};

std::string describe(HostPhase phase);

struct HostStatus {
    HostPhase phase = HostPhase::waiting;
    std::uint64_t epoch = 0;   // of the last primary component we were in
    std::uint64_t applied = 0; // index of the last command applied
    RingId ring;
    std::vector<ProcessorId> members;
    std::string quorum; // why or why not
    // With a witness, of the lowest member: its testimony is awaited; and the attempt that it is to
    // be told of before permit().
    bool testimony_wanted = false;
    // What we testified counts until this configuration is judged by it and formed: the lock must
    // not be let go before, or nothing forms here.
    bool testimony_counts = false;
    std::optional<Primary> attempt;
    std::uint64_t malformed = 0; // messages that no host of our version sends; they were ignored
};

// Which nodes the cluster has.
struct ClusterStatus {
    std::vector<NodeId> agreed; // by the last primary component we were in; empty: by none yet
    ClusterObstacle obstacle = ClusterObstacle::none; // to the list that we go by
    std::uint64_t changes = 0;                        // of the above, until now

    friend bool operator==(const ClusterStatus&, const ClusterStatus&) = default;
};

class Host {
public:
    // `stored`: the history that was read from stable storage. Services are borrowed and outlive
    // the host.
    Host(HostSettings settings, History stored, std::span<StateMachine* const> services);
    ~Host();

    // -- from the ring
    // ------------------------------------------------------------------------------------
    void deliver(Instant now, const Delivery& message);
    void configured(Instant now, const Configuration& configuration);
    void interrupted(Instant now);
    // Departed cleanly, for View::left: the driver's knowledge of LEAVE packets, before the
    // configuration.
    void noticed_leave(ProcessorId who);

    // -- from the world
    // -----------------------------------------------------------------------------------
    void history_stored(Instant now); // the record of history_to_store() is durable
    void tick(Instant now);
    [[nodiscard]] std::optional<Instant> deadline() const;
    // A local request to a service: `service.request(..., host.outbox(now))`. Valid for that call.
    [[nodiscard]] Outbox& outbox(Instant now);

    // We want to leave the ring: take our vote out of the primary component, so that even the last
    // of two can go on without us. Leave once resigned() is true, or when patience ends.
    void resign(Instant now);
    [[nodiscard]] bool resigned() const;

    // The nodes that the cluster has according to what we have in writing. It is agreed upon once
    // all members of a primary component go by the same list, and nothing stands against it; until
    // then the cluster is what it was.
    void go_by(Instant now, ClusterList cluster);

    // Until it is said otherwise; with a witness, or until the next configuration. Asked of the
    // lowest member only, when a component is about to form.
    void permit(Instant now, bool may);
    // What the witness remembers: read while the lock is held. Only when testimony_wanted.
    void testify(Instant now, History witness);

    // -- what the world must do, drained after every call
    // ---------------------------------------------------
    struct Pending {
        Bytes payload;
        Service guarantee = Service::agreed;
    };

    // The oldest message that the ring has not accepted yet, null if none; pop it once it has.
    [[nodiscard]] const Pending* next_submission() const;
    void pop_submission();
    // Too much waits for the ring: take no more requests from clients until this is false.
    [[nodiscard]] bool congested() const;
    // A history to be made durable and, at the same time, our new hint for the ring (hint_of()).
    // Answer each with one history_stored().
    [[nodiscard]] std::optional<History> history_to_store();

    [[nodiscard]] HostStatus status() const;
    [[nodiscard]] const ClusterStatus& cluster() const;
    // A replica diverged from the others: a sentence for the log; it has asked for the state anew.
    // Drains.
    [[nodiscard]] std::optional<std::string> take_alarm();

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace statedb
