// One machine's volatile databases: what the record service decides is carried out in their files,
// and local clients' calls become the requests that the service understands. The simulator's
// counterpart of the daemon's record world, with the same promises (statedb/record_types.h;
// ctdb-behaviour.md 1.5, 3.1 to 3.6) on files that exist in memory alone.
//
// Files are emptied when a daemon starts, so they live as long as it does.
#pragma once

#include "sim/records/agenda.h"
#include "sim/records/volatile_file.h"
#include "statedb/records.h"

namespace sim::records {

// Calls the record service with an outbox; what it answers comes back as effects.
using AskRecords =
    std::function<void(const std::function<void(statedb::Records&, statedb::Outbox&)>&)>;

// What was done under a chain's lock is known to the daemon a little later: its helper says so.
inline constexpr Duration helper_takes = 200us;

class RecordMachine {
public:
    using Call = std::uint64_t;

    RecordMachine(Surroundings& around, Agenda& agenda, RecordJudge& judge, AskRecords ask);

    void open(DatabaseId db);
    void close(DatabaseId db);

    // Its records are delegated to those who only read.
    void delegate(DatabaseId db) { delegating_.insert(db); }

    [[nodiscard]] VolatileFile* find(DatabaseId db);

    // -- clients' calls
    // Calls back when the record is, or just was, in the file and ours: look again.
    Call migrate(const RecordName& record, std::function<void()> answer);
    void read(const RecordName& record, std::function<void(std::string)> answer);
    void give_up(const RecordName& record, Call call);
    // A client that had been given the record is done with it.
    void released(const RecordName& record);
    void schedule_for_deletion(const RecordName& record);

    // -- the service's decisions, in order
    void perform(RecordEffect effect);

    // No client enters a file any more: this daemon is about to leave.
    void shut_for_good();
    [[nodiscard]] bool occupied() const;

    // Records that local clients wait for.
    void each_wanted(const std::function<void(const RecordName&)>& tell) const;

private:
    struct Waiter {
        Call call = 0;
        std::function<void()> answer;
    };

    struct Turn { // of the clients that were given a record, until others get it
        std::uint64_t number = 0;
        std::size_t clients = 0;
    };

    void on(TakeOver effect);
    void on(const GiveAway& effect);
    void on(const Retire& effect);
    void on(const PartWith& effect);
    void on(const Remove& effect);
    void on(const Ready& effect);
    void on(const ReadLocal& effect);
    void on(const Share& effect);
    void on(KeepCopy effect);
    void on(const DropCopy& effect);
    void on(const ReadAnswer& effect);
    void on(const Report& effect);
    void on(Reconcile effect);
    void on(const Wipe& effect);
    void on(const Freeze& effect);
    void on(const Thaw& effect);

    void look(const RecordName& record, bool again);
    void look_again_everywhere();
    void answer_waiters(const RecordName& record);
    void note_copy(const RecordName& record, std::optional<Grant> rsn);
    void note_parted(Records::Parted parted);
    void reconcile(DatabaseId db, const std::vector<Reconcile::Kept>& kept, std::uint64_t round);
    void reconciled(std::uint64_t round, const std::vector<RecordName>& missing);
    void begin_turn(const RecordName& record, std::size_t clients);
    void end_turn(const RecordName& record);
    void look_at_candidate(const RecordName& record);
    void shut_files();

    Surroundings& around_;
    NodeId node_;
    Agenda& agenda_;
    RecordJudge& judge_;
    AskRecords ask_;
    std::map<DatabaseId, std::unique_ptr<VolatileFile>> files_;
    std::set<DatabaseId> delegating_;
    bool frozen_ = true, leaving_ = false;
    Call last_call_ = 0;
    std::map<RecordName, std::vector<Waiter>> waiters_;
    std::map<std::uint64_t, std::function<void(std::string)>> readers_; // by ticket
    std::vector<Records::Copy> copies_;                                 // to be told together
    std::vector<Records::Parted> parted_;                               // the same
    std::map<RecordName, Turn> turns_;
    std::uint64_t last_turn_ = 0;
    std::uint64_t reconciling_ = 0; // the last reconciliation that began
    std::size_t files_to_reconcile_ = 0;
    std::vector<RecordName> missing_;
    bool going_on_ = false; // files will be called soon
};

} // namespace sim::records
