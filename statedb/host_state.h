// The inside of the Host: one component's life as its members go through it together, and what a
// member remembers over components. Private to host*.cpp.
#pragma once

#include "statedb/digests.h"
#include "statedb/host.h"
#include "statedb/outgoing.h"
#include "statedb/replica.h"
#include "statedb/transfer.h"

#include <set>

namespace statedb {

// An attempt to form primary component `primary.index`, which is formed once all members have
// stored it and said so: at the start of a configuration, and later when only the voters change.
struct Round {
    Primary primary;
    std::set<ProcessorId> created;        // whose CREATE was delivered
    std::vector<Primary> attempts_before; // ours, to return to if nobody can have formed it
    std::uint64_t record = 0;             // of history_to_store() that holds it
    bool create_sent = false;
};

// The regular configuration that we are in. It goes with the next one.
struct Component {
    RingId ring;
    std::vector<ProcessorId> members;
    HostPhase phase = HostPhase::forming;
    bool transitional = false; // the order has left it; what comes now is yellow
    bool interrupted = false;  // ... or will

    std::map<ProcessorId, StateReport> states;
    Knowledge known;                    // theirs together
    std::optional<Formation> formation; // from the last STATE on, if eligible
    std::optional<Round> round;

    // formed: in the regular configuration, so all of it counts. held: the last CREATE came in the
    // transitional one, so it may have formed for somebody.
    bool formed = false, held = false;
    bool testified = false;        // by us, the lowest member
    bool judged = false;           // the testimony was heard, and what it means decided
    bool outdated = false;         // ours: since then somebody else may have had the lock
    Position end;                  // of the order as delivered here, applied by us or not
    std::set<ProcessorId> ready;   // hold the state and all durable state
    std::set<ProcessorId> leaving; // said goodbye
    std::vector<NodeId> voters, cluster;
    std::map<ProcessorId, ClusterList> said; // what members go by
    DigestRounds digests;

    OutgoingTransfers outgoing_state;
    IncomingTransfer incoming_state;
    bool entering = false;            // we receive the state at the formation, not a later repair
    std::deque<OrderedCommand> queue; // ordered while we receive it
    std::size_t queue_bytes = 0;
    bool ready_sent = false;

    [[nodiscard]] bool regular() const { return !transitional && !interrupted; }

    [[nodiscard]] bool round_complete() const {
        return round && round->created.size() == members.size();
    }
};

struct Host::State final : Outbox {
    State(HostSettings settings_given,
          History stored,
          std::span<StateMachine* const> services_given);

    // -- Outbox
    [[nodiscard]] Instant now() const override { return time; }

    void submit(ServiceId service, Bytes payload, Service guarantee) override;

    // -- configurations (host.cpp)
    void enter_configuration(const Configuration& configuration);
    void close_component();
    void cut_off();
    void tell_free_services(const Configuration& configuration);

    // -- messages (host.cpp)
    void on_ordered(const Delivery& delivery, const Envelope& envelope);
    void on_free(const Delivery& delivery, const Envelope& envelope);
    void on_host(const Delivery& delivery, const HostMessage& message);
    void say(decltype(HostMessage::content) content, Service guarantee);

    // -- becoming primary (host_formation.cpp)
    void on(const ProcessorId& from, const StateReport& state);
    void on(const ProcessorId& from, const Testimony& testimony);
    void on(const ProcessorId& from, const Create& create);
    void on(const ProcessorId& from, const StateHeld& ready);
    void on(const ProcessorId& from, const Goodbye& goodbye);
    void on(const ProcessorId& from, const ClusterSaid& said);
    void start_round(Primary primary);
    void send_create();
    void try_to_form(std::optional<History> witness);
    [[nodiscard]] bool all_have_witnesses() const;
    [[nodiscard]] bool wants_testimony() const;
    [[nodiscard]] std::optional<Primary> attempt_to_witness() const;
    [[nodiscard]] bool lacks_permission() const;
    void hold_round();
    void finish_round();
    [[nodiscard]] bool joining() const;
    void form();
    void change_voters();
    [[nodiscard]] std::vector<NodeId> voters_to_be(const std::vector<NodeId>& cluster) const;
    [[nodiscard]] ClusterObstacle obstacle() const;
    void note_cluster();

    // -- keeping replicas equal (host_transfer.cpp)
    void on(const ProcessorId& from, const Chunk& chunk);
    void on(const ProcessorId& from, const Digests& report);
    void compare_digests();
    void send_states(const std::vector<ProcessorId>& targets, bool at_formation);
    void send_chunks();
    void receive_state(const ProcessorId& donor, bool at_formation);
    void give_up_queue();
    void take_state(const Bytes& content);
    void heal(const Divergence& divergence);
    void tell_when_ready();

    std::uint64_t store_history();
    [[nodiscard]] HostPhase phase() const;

    [[nodiscard]] bool active() const { return phase() == HostPhase::active; }

    HostSettings settings;
    std::vector<StateMachine*> services, free_services; // all; those without quorum
    Instant time{};

    History history;
    bool history_changed = false;
    std::uint64_t records_given = 0, records_stored = 0; // of the history, to the world and back

    Outgoing outgoing;
    std::uint64_t last_number = 0; // of our ordered commands
    Replica replica;
    std::optional<Component> component;
    std::vector<ProcessorId> previous_members; // of the last regular configuration
    std::vector<ProcessorId> companions;       // those who leave it together with us
    std::set<ProcessorId> left;                // heard to leave cleanly, and not seen since
    bool told_primary = false;                 // what the services believe
    bool resigning = false;
    bool permitted = false; // by the world, to form a component
    ClusterStatus cluster_status;
    std::string quorum = "no configuration yet";
    std::uint64_t malformed = 0;
    std::deque<std::string> alarms;
};

} // namespace statedb
