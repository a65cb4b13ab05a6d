// The TDB file of one volatile database on one machine, as far as clients and daemon can tell it
// from a real one (ctdb-behaviour.md 2.4 to 2.6): records with headers, a lock for every chain, one
// for the whole file.
//
// A client is inside a chain as long as it likes; the daemon's work on that key waits until it has
// left, and goes on a moment later, as its helper process would. A barrier has the file to itself.
// Here every key has a chain of its own, and the daemon's turn comes before the next client's.
#pragma once

#include "sim/records/record_judge.h"

#include <deque>
#include <functional>

namespace sim::records {

using namespace statedb;

struct FileRecord {
    Grant rsn = 0;
    NodeId dmaster = 0;     // 0: nobody's
    std::string data;       // behind the header
    bool delegated = false; // others may have read-only copies
    bool readonly = false;  // this is one
};

class VolatileFile {
public:
    using Work = std::function<void()>;

    // `wake`: call go_on() soon, from outside of any client.
    VolatileFile(DatabaseId db, Surroundings& around, RecordJudge& judge, Work wake)
        : db_(db), node_(around.self().node), around_(around), judge_(judge),
          wake_(std::move(wake)) {}

    // -- clients: `inside` is called when the chain is theirs, which may be at once
    void enter(const std::string& key, Work inside);
    void leave(const std::string& key);

    // -- the daemon
    void with(const std::string& key, Work work);
    void barrier(Work work);
    // While shut, no client enters a chain.
    void shut(bool shut);
    void go_on();

    [[nodiscard]] bool is_shut() const { return shut_; }

    [[nodiscard]] bool occupied() const { return occupied_ > 0; } // by clients

    // -- content, inside a chain or a barrier
    [[nodiscard]] const FileRecord* find(const std::string& key) const;
    [[nodiscard]] const FileRecord* ours(const std::string& key) const;
    // As clients look at it.
    [[nodiscard]] const FileRecord* writable(const std::string& key) const;
    [[nodiscard]] const FileRecord* readable(const std::string& key) const;
    void store(const std::string& key, FileRecord record);
    void erase(const std::string& key);
    void wipe();

private:
    struct Chain {
        bool occupied = false;
        std::deque<Work> work;    // the daemon's
        std::deque<Work> waiting; // clients
    };

    struct Waiting {
        std::optional<std::string> key; // none: a barrier
        Work work;
    };

    [[nodiscard]] bool quiet() const; // no client inside, no work waits
    void work_on(Chain& chain);
    void pass_barrier();
    void let_in(const std::string& key, Chain& chain);

    DatabaseId db_;
    NodeId node_;
    Surroundings& around_;
    RecordJudge& judge_;
    Work wake_;
    std::map<std::string, FileRecord> records_;
    std::map<std::string, Chain> chains_;
    std::size_t occupied_ = 0;
    bool shut_ = true;
    std::optional<Work> barrier_;
    std::deque<Waiting> behind_barrier_;
};

} // namespace sim::records
