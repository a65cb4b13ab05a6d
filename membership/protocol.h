// The body of Processor: what survives the four states, and the list of what each of them does.
//
// One file a state (operational, gather, commit, recovery), one for each thing that several states
// share: dispatch.cpp (which packet means what, table 5.4), join.cpp (JOIN, freshness), install.cpp
// (5.8), leave.cpp (5.12), timers.cpp. A handler that may change the state does so last: references
// into the old state are dead afterwards.
#pragma once

#include "membership/processor.h"
#include "membership/recent_joins.h"
#include "membership/states.h"
#include "membership/suspicion.h"
#include "totem/consumer.h"

#include <string>

namespace membership {

class Protocol {
public:
    Protocol(const Settings& settings, const Identity& identity);

    void start(Instant now, Actions& out);
    void step(Instant now, const Event& event, Actions& out);
    [[nodiscard]] Submission submit(Instant now, Bytes message, Service service, Actions& out);
    [[nodiscard]] std::optional<Instant> deadline() const;

    [[nodiscard]] Phase phase() const { return static_cast<Phase>(state_.index()); }

    [[nodiscard]] Processor::View view() const;
    [[nodiscard]] bool holds(Seq seq) const;
    [[nodiscard]] std::string explain(Instant now) const;

    [[nodiscard]] std::vector<Suspicion::Suspect> suspects(Instant now) const {
        return suspicion_.suspects(now);
    }

    [[nodiscard]] ProcessorId self() const { return self_; }

    [[nodiscard]] RingId ring() const { return is_first_life() ? RingId{} : installed_.id(); }

    [[nodiscard]] const Ring& installed() const { return installed_; }

    [[nodiscard]] const Statistics& statistics() const { return statistics_; }

    [[nodiscard]] const Coverage& coverage() const { return coverage_; }

private:
    // -- dispatch.cpp: which packet means what, in the order of tests of 5.4
    void on(const PacketArrived& arrived);
    void on(const DeadlinePassed&);
    void on(const Consumed& consumed);
    void on(const RecordStored&);
    void on(const Resumed& resumed);
    void on(const HintChanged& changed);
    void on(const LeaveRequested&);
    void on(const PeerUnreachable& unreachable);

    void packet(ProcessorId from, DataPacket&& data);
    void packet(ProcessorId from, Token&& token);
    void packet(ProcessorId from, Join&& join);
    void packet(ProcessorId from, CommitToken&& commit);
    void packet(ProcessorId from, Probe&& probe);
    void packet(ProcessorId from, Hurry&& hurry);
    void packet(ProcessorId from, Leave&& leave);
    void packet(ProcessorId from, Hold&& hold);

    void own_node_spoke(ProcessorId from);
    void foreign(ProcessorId from, const RingId& ring);
    // `id` was shown by a verified packet: an older incarnation of its node is certainly dead (row
    // 39). True if that changed the state.
    bool incarnation_shown(ProcessorId id);
    // A process is known to be gone: left (row 34), or nobody listens at its address.
    void departed(ProcessorId id, JoinReason why);

    // -- operational.cpp, hold.cpp
    void enter_operational();
    void operational_data(Operational& at, ProcessorId from, DataPacket&& data);
    void operational_token(Operational& at, Token&& token);
    void begin_visit(Operational& at, Token&& token);
    void continue_visit(Operational& at, Token&& token); // the same visit goes on
    void end_visit(Operational& at, Token&& token, bool may_rest);
    void pass_token(Operational& at, Token&& token);
    void visit_alone(Operational& at);
    void deliver_due();
    void prefer_token(Operational& at, bool token_first);
    [[nodiscard]] Ring::Manner manner();
    void send_packets(std::size_t first, std::size_t last); // of the outbox

    void hold(Operational& at, Token&& token);
    void release(Operational& at);
    void send_hurry(Operational& at);
    void hurried(Operational& at, const Hurry& hurry);
    void send_probe(Operational& at);
    bool fire(Operational& at);

    // -- gather.cpp
    void shift_to_gather(JoinReason why, const Processors& add_proc, const Processors& add_fail);
    void open_gather(); // enters Gather with the session's sets
    void sets_changed(Gather& at);
    void newcomers_speak();
    void gather_join(ProcessorId from, const Join& join);
    void judge_doubt(ProcessorId from, const Join& join, bool agrees);
    bool merge(ProcessorId from, const Join& join);
    bool add_processor(ProcessorId id);
    bool add_failed(ProcessorId id);
    bool fail_outlived();
    void check_consensus(); // may enter Commit
    [[nodiscard]] bool others_are_gone() const;
    void consensus_timeout(Gather& at);
    void silence_timeout(Gather& at);
    void commit_wait_timeout(Gather& at);
    void schedule_join(Gather& at);
    void send_join(Gather& at);
    bool fire(Gather& at);

    // -- join.cpp: the JOIN packet and the freshness of streams
    [[nodiscard]] Join compose_join(const Processors& proc_set, const Processors& fail_set);
    void fit(Join& join) const; // into one packet
    // A JOIN for it alone: a call that it should answer, or our answer.
    void call(ProcessorId stranger, JoinReason why = JoinReason::call);
    void stranger_spoke(ProcessorId from, bool news);
    [[nodiscard]] bool awaits_introduction(ProcessorId stranger);
    void join_in_operational(ProcessorId from, Join&& join);
    void join_in_gather(ProcessorId from, Join&& join);
    void join_in_attempt(ProcessorId from, Join&& join); // Commit and Recovery
    [[nodiscard]] bool verified(ProcessorId from) const;
    [[nodiscard]] bool is_stale(ProcessorId from, const Join& join) const;
    [[nodiscard]] bool answers_us(const Join& join, Duration patience) const;
    [[nodiscard]] bool answers_in_time(const Join& join) const;
    [[nodiscard]] bool wants_us(const Join& join) const;
    [[nodiscard]] bool is_welcome(ProcessorId from, const Join& join) const;
    Acquaintance& acquaintance(ProcessorId id);

    // -- commit.cpp
    [[nodiscard]] std::uint64_t next_ring_seq(const Processors& candidates) const;
    [[nodiscard]] bool lease_covers(Gather& at, std::uint64_t ring_seq);
    void create_commit(const Processors& candidates);
    [[nodiscard]] bool acceptable(const CommitToken& commit) const;
    void fill_entry(CommitToken& commit);
    void enter_commit(CommitToken&& commit);
    void forward(CommitToken& commit); // counts the hop and sends it to the successor
    void commit_arrived(CommitToken&& commit);
    void commit_lost(Commit& at);
    bool fire(Commit& at);

    // -- recovery.cpp
    void enter_recovery(CommitToken&& commit);
    void plan_exchange(Recovery& at);
    void commit_completed(Recovery& at, CommitToken&& commit);
    void recovery_data(Recovery& at, ProcessorId from, DataPacket&& data);
    void recovery_token(Recovery& at, Token&& token);
    void recovery_visit(Recovery& at, Token&& token);
    void count_visit(Recovery& at, Token& token);
    void expose_liars(Recovery& at);
    void note_progress(Recovery& at, const Token& token);
    void pass_token(Recovery& at, Token&& token);
    bool fire(Recovery& at);

    // -- install.cpp: 5.8
    void install(Recovery& at);
    void finish_regular(Recovery& at);
    void finish_transitional(Recovery& at);
    void deliver_from_old_ring(const DataPacket& packet);

    // -- leave.cpp
    void watch_leave();
    void say_goodbye();
    bool fire_leave();

    // -- small things
    void count(int row) { ++coverage_.hits[row - 1][state_.index()]; }

    void drop(int row) {
        count(row);
        ++statistics_.dropped;
    }

    void malformed() { drop_malformed(41); }

    void drop_malformed(int row) {
        count(row);
        ++statistics_.malformed;
    }

    void break_down(std::string why);
    void saw_ring_seq(std::uint64_t ring_seq);
    void extend_lease(std::uint64_t ring_seq);
    void check_invariants();
    void emit_deliveries();
    void offer_room();

    [[nodiscard]] bool is_first_life() const { return !ever_installed_; }

    [[nodiscard]] bool stopped() const { return broken_ || left_; }

    [[nodiscard]] Duration retransmit_interval(const Ring& ring, std::uint32_t idle_hops) const;
    [[nodiscard]] std::size_t payload_max() const;

    template <class T>
    void emit(T&& action) {
        out_->emplace_back(std::forward<T>(action));
    }

    Settings settings_;
    ProcessorId self_;
    std::uint64_t challenge_;

    // Stable storage (3.6).
    std::uint64_t high_ring_seq_;
    std::uint64_t high_ring_seq_checked_; // W9
    std::uint64_t lease_;
    std::optional<std::uint64_t> lease_being_stored_;

    Jitter jitter_;
    BlockPool pool_;
    SendQueue queue_;
    ConsumerLedger consumer_;
    bool consumer_is_slow_ = false;

    // The installed ring; before the first one a pseudo ring of ourselves that the application
    // never sees (D11). Frozen in Commit and Recovery: nothing but recovered packets enters it.
    Ring installed_;
    bool ever_installed_ = false;
    Seq last_originated_; // our own last packet with content on it

    // Whose messages we must deliver like our own when the installed ring ends: from our
    // acknowledgement in a Recovery until an installation, over any number of failed attempts
    // (5.8, nested failures). Invariant (W10): only members of the installed ring.
    Processors obligation_;

    Session session_;
    Acquaintances acquaintances_;
    Suspicion suspicion_;
    boost::container::flat_map<NodeId, Instant> unreachable_at_; // last acted upon
    std::uint64_t join_seq_ = 0;
    RecentJoins recent_joins_;
    Bytes hint_;

    struct Leaving {
        Instant drain_until{};
        std::uint32_t goodbyes = 0;
        Timer next_at; // of the next goodbye, once they have begun
    };

    std::optional<Leaving> leaving_;
    bool left_ = false;
    bool broken_ = false;

    ProtocolState state_;
    Statistics statistics_;
    Coverage coverage_;

    // Of the step that runs: when it is, where its actions go.
    Instant now_{};
    Actions* out_ = nullptr;
    Outbox outbox_;
};

} // namespace membership
