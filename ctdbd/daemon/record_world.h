// What the record service's decisions mean on this machine: TDB files changed under chain locks,
// clients answered (statedb/record_types.h; ctdb-behaviour.md 1.5, 3.1 to 3.6).
//
// Who owns a record is decided above, by agreed order; here it is carried out, and local clients'
// calls become the requests that the service understands. A call is answered when the file shows
// what was asked for, never before, however long that takes; the client that asked may be gone.
#pragma once

#include "ctdbd/daemon/hot_keys.h"
#include "ctdbd/daemon/volatile_file.h"
#include "statedb/records.h"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>

namespace ctdbd::daemon {

using statedb::DatabaseId;
using statedb::RecordName;

// Calls the record service with an outbox; what it answers comes back as effects.
using AskRecords =
    std::function<void(const std::function<void(statedb::Records&, statedb::Outbox&)>&)>;

// When a record of a sticky database stays with each node to which it moves for a while
// (ctdb-behaviour.md 3.4): nobody forwards requests here, so moves are counted in the place of
// hops.
struct Stickiness {
    std::uint32_t moves_a_second = 50;      // HopcountMakeSticky
    std::chrono::seconds duration{600};     // StickyDuration
    std::chrono::milliseconds pindown{200}; // StickyPindown
};

struct RecordWorldSettings {
    std::uint32_t pnn = 0;
    LockSettings locks;
    bool mutexes = true;
    // How long those who were given a record have it for themselves, at most.
    std::chrono::milliseconds turn_max{10};
    // Until a record that was created by asking for it, and is still empty, is taken away again.
    std::chrono::seconds vacuum_interval{10};
    Stickiness stickiness;
};

class RecordWorld {
public:
    using Clock = std::chrono::steady_clock;
    using Caller = std::uint64_t; // whoever waits, for forget(): a client's id
    // The record's header and data as it is here now; without data: there is no such record.
    using Answer = std::function<void(const protocol::LtdbHeader& header, Bytes data)>;

    RecordWorld(boost::asio::io_context& loop, RecordWorldSettings settings, AskRecords ask);
    ~RecordWorld();

    RecordWorld(const RecordWorld&) = delete;
    RecordWorld& operator=(const RecordWorld&) = delete;

    // What may be tuned while we run. Who waits to be vacuumed never waits longer than is said now.
    void
    tune(std::chrono::seconds vacuum_interval, std::size_t lock_helpers_max, Stickiness stickiness);

    // -- files. Throws TdbError.
    void open(DatabaseId id, const std::string& name, TdbOptions options);
    // Clients that still have it open must find nothing in it: it is emptied first, as soon as
    // nobody is inside, and stays open until then.
    void close(DatabaseId id);
    [[nodiscard]] VolatileFile* find(DatabaseId id);

    // -- clients' calls
    // Answers when the record is ours and physically in the file, even if nobody ever wrote it.
    void migrate(const RecordName& record, Caller caller, Answer answer);
    // Answers with the record wherever it is, and leaves it there. If it is of a database whose
    // records are delegated, the answer may be a read-only copy that stays here, as its header
    // says.
    void read(const RecordName& record, Caller caller, Answer answer);
    // Answers when local clients may read the record in the file: as a copy, or because it is ours.
    void have_readable(const RecordName& record, Caller caller, Answer answer);
    // Nobody waits for these answers any more.
    void forget(Caller caller);
    // It may be empty: if it still is after a while, it vanishes everywhere.
    void schedule_for_deletion(const RecordName& record);

    // Does that now; `full`: looks through the whole file for what is empty. `done` when it is gone
    // or somebody has come to use it. False: that is under way.
    [[nodiscard]] bool vacuum_now(DatabaseId id, bool full, std::function<void()> done);

    // -- about a whole database
    void make_sticky(DatabaseId id);
    // Its records are delegated, and copies of them kept, from now on (ctdb-behaviour.md 3.7).
    void make_readonly(DatabaseId id);

    struct DelegationCounts {
        std::uint32_t delegated = 0; // to some node
        std::uint32_t revoked = 0;   // from all that had it
    };

    // Of all databases since the start.
    [[nodiscard]] const DelegationCounts& delegation_counts() const { return delegation_counts_; }

    // Adds the records that moved most, and how long vacuuming took.
    void add_statistics(DatabaseId id, protocol::DbStatistics& statistics) const;

    // -- a tool has the whole database to itself
    // Keeps clients out of it, beyond what the service asks for; `done` when the last one has left.
    void hold(DatabaseId id, std::function<void()> done);
    void release(DatabaseId id);
    // Everything in it vanishes everywhere; then these records are written, and belong to this
    // node. A node that does not write asks for nothing: one is enough.
    using Contents = std::map<std::string, Bytes>;
    void replace(DatabaseId id, Contents contents, std::function<void()> done);

    // -- the service's decisions, in order
    void perform(statedb::RecordEffect effect);

    // A node that is stopped or banned lets no client in; it still gives away what others want.
    void set_inactive(bool inactive);

    [[nodiscard]] bool frozen() const { return frozen_; }

    // The files may say what is true no more: somebody else may have what they call ours.
    [[nodiscard]] bool cut_off() const { return cut_off_; }

    // Clients are kept out of every file.
    [[nodiscard]] bool all_shut() const;

    [[nodiscard]] std::size_t calls_waiting() const;

private:
    struct Waiter {
        Caller caller = 0;
        Answer answer;
    };

    struct Reader {
        RecordName record;
        Waiter waiter;
    };

    // A record that somebody here was given, until its turn is over.
    struct Turn {
        Clock::time_point from; // it may be over
        Clock::time_point until;
        Bytes data; // as we saw it last
        std::size_t callers = 0;
        std::size_t changes = 0; // that we have seen
    };

    struct Candidate {
        Clock::time_point due;
        RecordName record;
    };

    struct AboutDatabase {
        HotKeys hot_keys;
        bool sticky = false;
        bool readonly = false;
        DelegationCounts delegations;
        std::map<std::string, Clock::time_point> sticky_until; // records
        protocol::LatencyCounter vacuum_latency;
    };

    // A vacuuming that somebody asked for.
    struct Vacuuming {
        Clock::time_point began;
        std::optional<std::size_t> next_chain; // to look through, if all are
        std::set<RecordName> going;            // empty, on their way out
        std::function<void()> done;
    };

    void on(statedb::TakeOver effect);
    void on(const statedb::GiveAway& effect);
    void on(const statedb::Retire& effect);
    void on(const statedb::PartWith& effect);
    void on(const statedb::Remove& effect);
    void on(const statedb::Ready& effect);
    void on(const statedb::ReadLocal& effect);
    void on(const statedb::Share& effect);
    void on(statedb::KeepCopy effect);
    void on(const statedb::DropCopy& effect);
    void on(const statedb::ReadAnswer& effect);
    void on(const statedb::Report& effect);
    void on(statedb::Reconcile effect);
    void on(const statedb::Wipe& effect);
    void on(const statedb::Freeze& effect);
    void on(const statedb::Thaw& effect);

    struct Here {
        protocol::LtdbHeader header;
        Bytes data;
    };

    // The record as the file has it. With its chain locked, as all of these.
    [[nodiscard]] static std::optional<Here> stored(VolatileFile& file, const RecordName& record);
    // The same, if it is ours.
    [[nodiscard]] std::optional<Here> ours(VolatileFile& file, const RecordName& record) const;
    // If local clients may write it; if they may read it.
    [[nodiscard]] std::optional<Here> writable(VolatileFile& file, const RecordName& record) const;
    [[nodiscard]] std::optional<Here> readable(VolatileFile& file, const RecordName& record) const;
    [[nodiscard]] bool may_be_read(const protocol::LtdbHeader& header) const;
    [[nodiscard]] bool is_readonly(DatabaseId id) const;
    void end_delegation(const RecordName& record, protocol::LtdbHeader& header);
    void look(const RecordName& record, bool again);
    void shut_as_due(DatabaseId id);
    void freeze_as_due();
    struct Replacement;
    void begin_replacing(DatabaseId id);
    void put(const RecordName& record, const std::shared_ptr<Replacement>& replacement);
    void answer_waiters(const RecordName& record, const Here& here);
    void look_again_everywhere();
    void reconcile(DatabaseId id, const std::vector<statedb::Reconcile::Kept>& kept);
    [[nodiscard]] std::vector<RecordName>
    keep_only(VolatileFile& file, const std::vector<statedb::Reconcile::Kept>& kept) const;
    void note_copy(const RecordName& record, std::optional<statedb::Grant> rsn);
    void note_parted(statedb::Records::Parted parted);

    void begin_turn(const RecordName& record, std::size_t callers, const Bytes& data);
    void watch_turns();
    void look_at_turns();
    [[nodiscard]] bool turn_is_over(const RecordName& record, Turn& turn);
    void look_at_candidates();
    void vacuum(const std::vector<RecordName>& empty);
    void look_through(DatabaseId id);
    void watch_vacuum();
    [[nodiscard]] bool vacuum_is_over(DatabaseId id);
    [[nodiscard]] bool is_going(const RecordName& record);
    void end_vacuum(DatabaseId id);
    void note_move(const RecordName& record);
    [[nodiscard]] std::chrono::milliseconds pindown_of(const RecordName& record);
    void later(std::function<void()> work);

    boost::asio::io_context& loop_;
    RecordWorldSettings settings_;
    AskRecords ask_;
    std::map<DatabaseId, std::unique_ptr<VolatileFile>> files_;

    struct Closing {
        std::unique_ptr<VolatileFile> file; // until it is empty
        std::uint64_t number = 0;
    };

    std::map<DatabaseId, Closing> closing_;
    std::uint64_t closed_ = 0; // until now
    std::map<RecordName, std::vector<Waiter>> waiters_;
    std::map<std::uint64_t, Reader> readers_; // by ticket
    std::uint64_t last_ticket_ = 0;
    bool cut_off_ = true, inactive_ = false;
    bool frozen_ = true; // because of either
    std::set<DatabaseId> held_;
    std::map<DatabaseId, std::shared_ptr<Replacement>> replacing_; // that wait for their wipe
    std::vector<statedb::Records::Copy> copies_;   // to be told at the end of this turn of the loop
    std::vector<statedb::Records::Parted> parted_; // the same
    std::map<RecordName, Turn> turns_;
    boost::asio::steady_timer turn_timer_;
    bool turn_timer_set_ = false;
    std::chrono::microseconds turn_glance_{}; // until we look at the turns again
    std::optional<RecordName> turn_ending_;   // whose turn we say to be over at this moment
    Clock::time_point contended_until_{};     // others have just waited for turns to end
    std::deque<Candidate> candidates_;        // by due time
    boost::asio::steady_timer vacuum_timer_;
    std::map<DatabaseId, Vacuuming> vacuuming_;
    boost::asio::steady_timer vacuum_watch_;
    bool vacuum_watch_set_ = false;
    std::map<DatabaseId, AboutDatabase> about_;
    DelegationCounts delegation_counts_;
    struct Reconciling;
    std::shared_ptr<Reconciling> reconciling_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace ctdbd::daemon
