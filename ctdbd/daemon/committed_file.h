// The TDB file of a persistent or replicated database: the projection of what was committed, which
// local clients read without asking (ctdb-behaviour.md 1.5.7, 2.1).
//
// Its changes come in order from the database service and are made on the disk thread, which alone
// uses the file once the loop runs; changes that queue up while the disk is busy share one
// transaction. There is a job of the disk thread for each of them, so whoever waits for all jobs
// waits for all changes. A persistent file has its version beside it; a replicated one begins empty
// and needs none.
#pragma once

#include "ctdbd/daemon/disk_thread.h"
#include "ctdbd/daemon/tdb_file.h"
#include "ctdbd/daemon/version_file.h"

#include <memory>
#include <variant>
#include <vector>

namespace ctdbd::daemon {

class CommittedFile {
public:
    // Called in the loop: everything up to the version is on disk and visible to clients.
    using Durable = std::function<void(statedb::Version)>;

    // `version_path` is for persistent files. Throws TdbError or std::system_error; reads and
    // checks an existing file whole, so it blocks.
    CommittedFile(DiskThread& disk,
                  TdbOptions options,
                  const std::filesystem::path& version_path,
                  Durable durable);
    ~CommittedFile();

    [[nodiscard]] const std::filesystem::path& path() const;

    [[nodiscard]] int open_flags() const { return open_flags_; }

    void enable_seqnum();

    // What the file held when it was opened; to be taken once.
    [[nodiscard]] statedb::Content take_content();

    [[nodiscard]] statedb::Version version() const { return opened_version_; }

    void apply(statedb::Version version, std::vector<statedb::Write> writes);
    void replace(statedb::Version version, statedb::Content content);
    void confirm(statedb::Version version);

private:
    struct Apply {
        statedb::Version version;
        std::vector<statedb::Write> writes;
    };

    struct Replace {
        statedb::Version version;
        statedb::Content content;
    };

    struct Confirm {
        statedb::Version version;
    };

    using Change = std::variant<Apply, Replace, Confirm>;

    struct Disk; // what the disk thread uses

    void submit(Change change);

    DiskThread& disk_thread_;
    std::shared_ptr<Disk> disk_;
    int open_flags_;
    Durable durable_;
    statedb::Version opened_version_;
    statedb::Content opened_content_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace ctdbd::daemon
