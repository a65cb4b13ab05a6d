// The disk thread's half of a CommittedFile, and how a journal names it.
#pragma once

#include "ctdbd/daemon/tdb_file.h"
#include "ctdbd/model/journal_frames.h"

#include <atomic>
#include <utility>

namespace ctdbd::daemon {

struct Projection {
    Projection(statedb::DatabaseId database, TdbOptions options)
        : id(database), file(std::move(options)) {}

    // The others begin every life empty.
    [[nodiscard]] bool is_kept() const { return file.kind() == DatabaseKind::is_persistent; }

    const statedb::DatabaseId id;
    TdbFile file;
    statedb::Version version; // of what the file shows
    // Changes are to be counted in the file from here on. Set by the loop: a change that is
    // submitted later may be made by a job that was there before.
    std::atomic<bool> counted{false};
};

// Anything shorter does not exist (ctdb-behaviour.md 2.4).
[[nodiscard]] inline bool is_record(ByteSpan value) {
    return value.size() >= protocol::ltdb_header_size;
}

// Throws TdbError if there is no such file.
[[nodiscard]] journal::FileIdentity identity_of(const std::filesystem::path& path);

} // namespace ctdbd::daemon
