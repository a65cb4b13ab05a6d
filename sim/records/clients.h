// The programs on one machine that use the record and lock services, as smbd and the tools do
// (ctdb-behaviour.md 1.5): they fetch-lock records and count in them, look at records without a
// lock, hold named locks, commit transactions, ask other nodes. Each does one thing at a time, and
// waits for its answer however long that takes.
//
// They live as long as their daemon: smbd exits when its daemon does (ctdb-behaviour.md 1.10).
#pragma once

#include "sim/records/committed_files.h"
#include "sim/records/record_machine.h"
#include "sim/scenario.h"

namespace sim::records {

// The database files of a machine.
struct DatabaseSpec {
    DatabaseId id = 0;
    std::string name;
    DatabaseKind kind = DatabaseKind::is_volatile;
    bool delegated = false; // where the run has it so
};

[[nodiscard]] const std::vector<DatabaseSpec>& database_specs();
[[nodiscard]] const std::string& name_of(DatabaseId db);
[[nodiscard]] bool is_delegated(DatabaseId db);

// What clients see of their daemon.
class Daemon {
public:
    virtual ~Daemon() = default;

    [[nodiscard]] virtual RecordMachine& records() = 0;
    [[nodiscard]] virtual const CommittedFiles& committed() const = 0;

    struct LockNews {
        std::function<void(std::uint64_t ticket)> granted, lost;
    };

    virtual std::uint64_t claim_lock(const std::string& name, LockNews news) = 0;
    virtual void release_lock(std::uint64_t ticket) = 0;

    struct CommitResult {
        bool committed = false;
        bool unsure = false;   // refused, but it may have had its effect
        Components components; // on whose disks it must be by now, one of them
    };

    using CommitAnswer = std::function<void(const CommitResult&)>;
    virtual void commit(DatabaseId db, std::vector<statedb::Write> writes, CommitAnswer answer) = 0;
    // The answer, or nothing if the node is gone.
    virtual void
    ask(NodeId node, std::string question, std::function<void(std::optional<std::string>)>) = 0;
    // For people: who has the record, and who waits for it.
    [[nodiscard]] virtual std::string whereabouts(const RecordName& record) const = 0;
};

struct Judges {
    Census census;
    RecordJudge records{census};
    DatabaseJudge databases{census};
};

class Client;

class Clients {
public:
    Clients(Surroundings& around,
            Agenda& agenda,
            Daemon& daemon,
            Judges& judges,
            const RecordPlan& plan);
    ~Clients();

    void begin(); // there is a daemon to talk to

    void wind_down() { quiet_ = true; }

    // The machine is about to stand still: who is inside a chain leaves it first.
    //   Nobody can help a program that is stopped between looking at its lock and writing; stock
    //   clients have the same gap, of microseconds. Here it is closed, so that what is checked is
    //   the daemon's promise.
    void finish_holds();

    // The first one that waits for something, as a sentence.
    [[nodiscard]] std::optional<std::string> waiting() const;

private:
    friend class Client;

    Surroundings& around_;
    Agenda& agenda_;
    Daemon& daemon_;
    Judges& judges_;
    const RecordPlan& plan_;
    bool quiet_ = false;
    std::vector<std::unique_ptr<Client>> clients_;
};

} // namespace sim::records
