// The databases of this node: name, kind, flags, file (ctdb-behaviour.md 2.1 to 2.3, 2.8).
//
// Which databases exist is the database service's decision; the table opens their files when it
// says so and keeps what belongs to this node alone: where the file is, read-only and sticky flags,
// statistics.
#pragma once

#include "ctdbd/daemon/cluster.h"
#include "ctdbd/daemon/committed_file.h"
#include "ctdbd/daemon/database_health.h"
#include "ctdbd/daemon/record_world.h"
#include "ctdbd/daemon/setup.h"
#include "ctdbd/protocol/databases.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ctdbd::daemon {

struct DatabaseEntry {
    DatabaseId id = 0;
    std::string name;
    DatabaseKind kind = DatabaseKind::is_volatile;
    std::filesystem::path path;
    std::uint8_t local_flags = 0;             // READONLY, STICKY: this node's own
    std::unique_ptr<CommittedFile> committed; // persistent and replicated ones
    std::uint64_t age = 0;                    // counts attaches

    // As in the database map.
    [[nodiscard]] std::uint8_t flags() const;
};

[[nodiscard]] std::uint8_t flags_of(DatabaseKind kind);

// Whether a client may name a database so: it becomes a file name.
[[nodiscard]] bool is_database_name(const std::string& name);

class DatabaseTable {
public:
    DatabaseTable(const Setup& setup,
                  const config::Tunables& tunables,
                  CommittedFiles& committed,
                  RecordWorld& records);

    // At start: opens and checks every persistent database that is in the directory, and tells the
    // service what they hold. Throws TdbError, JournalError.
    void open_persistent(statedb::Databases& service);

    // Nothing happens if it is open. Throws TdbError.
    void open(DatabaseId id, const std::string& name, DatabaseKind kind);
    void close(DatabaseId id);

    // -- whether what a persistent database holds can be trusted
    // Why not; empty: it can.
    [[nodiscard]] std::string sickness(const DatabaseEntry& entry) const {
        return health_.reason(entry.name);
    }

    void set_healthy(const DatabaseEntry& entry);

    [[nodiscard]] DatabaseEntry* find(DatabaseId id);
    // The newest first.
    [[nodiscard]] std::vector<const DatabaseEntry*> newest_first() const;

    [[nodiscard]] std::size_t size() const { return entries_.size(); }

    // With which flags clients must open the file.
    [[nodiscard]] int open_flags(const DatabaseEntry& entry);

private:
    [[nodiscard]] TdbOptions options(const std::string& name, DatabaseKind kind) const;

    const Setup& setup_;
    const config::Tunables& tunables_;
    CommittedFiles& committed_;
    RecordWorld& records_;
    DatabaseHealth health_;
    std::map<DatabaseId, DatabaseEntry> entries_;
    std::uint64_t attaches_ = 0;
};

} // namespace ctdbd::daemon
