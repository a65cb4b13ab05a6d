// One daemon of a record-service run: the replicated services wired to the ring, the disk and the
// timers of its virtual node, as the real daemon wires them (ctdbd/daemon/cluster.cpp), and what
// they decide carried out on the machine's files and told to its clients.
#pragma once

#include "sim/records/clients.h"
#include "sim/records/queue_watch.h"
#include "statedb/messages.h"

namespace sim::records {

class RecordNode final : public Application, private Daemon {
public:
    // `alive`: where it is listed as long as it lives.
    RecordNode(Surroundings& around,
               Judges& judges,
               std::set<const RecordNode*>& alive,
               const RecordPlan& plan);
    ~RecordNode() override;

    // -- Application
    void start(const Stored& stored) override;
    [[nodiscard]] bool primary(const Configuration& configuration) const override;
    void on_configuration(const Configuration& configuration) override;
    void on_delivered(const Delivery& message) override;
    void on_interrupted(membership::JoinReason why) override;
    void on_direct(ProcessorId from, const Bytes& content) override;
    void on_room() override;
    void on_leave_noticed(ProcessorId who) override;
    void on_timer(TimerId timer) override;
    void on_persisted(Ticket ticket) override;
    void on_pause() override;
    [[nodiscard]] bool leaves_at_once() override;
    void say(std::uint32_t count, std::size_t size, Service service) override;
    void stop_consuming(bool stop) override;
    void diverge() override;
    void wind_down() override;
    [[nodiscard]] std::optional<std::string> unfinished() const override;

    // -- for the judges, at the end
    [[nodiscard]] std::optional<std::string> objection() const;

private:
    static constexpr TimerId host_timer = 1, agenda_timer = 2;

    // -- Daemon
    RecordMachine& records() override { return machine_; }

    [[nodiscard]] const CommittedFiles& committed() const override { return committed_; }

    std::uint64_t claim_lock(const std::string& name, LockNews news) override;
    void release_lock(std::uint64_t ticket) override;
    void commit(DatabaseId db, std::vector<statedb::Write> writes, CommitAnswer answer) override;
    void ask(NodeId node,
             std::string question,
             std::function<void(std::optional<std::string>)> answer) override;
    [[nodiscard]] std::string whereabouts(const RecordName& record) const override;

    // -- after everything that happens, until nothing is left to do
    void settle();
    [[nodiscard]] bool perform_effects();
    void perform(DatabaseEffect effect);
    void open_volatile(DatabaseId db);
    void perform(const LockEffect& effect);
    void perform(const MessageEffect& effect);
    void store_history();
    void submit_what_waits();
    void go_on_leaving();
    void report();
    void note_epoch(const std::vector<RecordEffect>& effects);
    void watch_queues();

    template <class Request>
    void request(Request&& what) {
        what(host_->outbox(around_.now()));
        settle();
    }

    void broadcast();

    Surroundings& around_;
    Judges& judges_;
    std::set<const RecordNode*>& alive_;
    const RecordPlan& plan_;
    Locks locks_;
    Databases databases_;
    Records records_;
    Messages messages_;
    std::array<StateMachine*, 4> services_;
    std::optional<Host> host_; // from start() on
    Agenda agenda_;
    RecordMachine machine_;
    CommittedFiles committed_;
    Clients clients_;

    bool settling_ = false;
    // The last that we are known to have taken part in, and those that may have formed since: one
    // that is followed by the next ring at once is over before anybody has looked.
    Components components_;
    RingId tried_, entered_; // for the judges: that may act, and that we act in
    QueueWatch queue_watch_;
    bool no_room_ = false;
    bool leaving_ = false, left_ = false;
    bool stopped_ = false;
    std::uint64_t unconsumed_ = 0;
    std::map<Ticket, Bytes> histories_; // under way to the disk, as hints
    std::map<std::uint64_t, LockNews> lock_news_;
    std::map<std::uint64_t, CommitAnswer> commits_;
    std::map<std::uint64_t, std::function<void(std::optional<std::string>)>> questions_;
    std::uint64_t last_commit_ = 0;
    std::uint64_t spoken_ = 0;
    std::map<ProcessorId, std::uint64_t> heard_; // the last message of each
};

} // namespace sim::records
