// How what was committed becomes durable: one journal for all persistent databases, one flush of it
// for all that queued up while the disk was busy, and then the TDB files, which need no flush of
// their own (docs/adr/0022-one-journal.md).
//
// A file shows nothing that is not in the journal on the disk. The files of replicated databases
// begin every life empty, and are changed here as well, without a journal. All of it is done by the
// disk thread, one job for each change, so whoever waits for all jobs waits for all changes.
#pragma once

#include "ctdbd/daemon/disk_thread.h"
#include "ctdbd/daemon/journal_file.h"
#include "ctdbd/daemon/projection.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ctdbd::daemon {

struct JournalSettings {
    std::filesystem::path path;
    std::string boot; // this life of the machine: after its death no file is trusted
    // It begins anew when it is longer than this and than twice what it began with.
    std::size_t size_min = std::size_t{16} << 20;
};

// This life of this machine.
[[nodiscard]] std::string boot_of_this_machine();

class CommittedFiles {
public:
    // Called in the loop: all of this is on the disk and visible to clients.
    using Durable = std::function<void(std::span<const statedb::OnDisk>)>;

    // Reads the journal; throws JournalError.
    CommittedFiles(DiskThread& disk, JournalSettings settings, Durable durable);
    // What is on its way is done; then the files hold everything by themselves.
    ~CommittedFiles();

    CommittedFiles(const CommittedFiles&) = delete;
    CommittedFiles& operator=(const CommittedFiles&) = delete;

    struct Opened {
        std::shared_ptr<Projection> projection;
        statedb::Content content;
        statedb::Version version;
    };

    // Reads and checks an existing persistent file whole, so it blocks. Throws TdbError.
    [[nodiscard]] Opened open(statedb::DatabaseId id, TdbOptions options);

    // When all files are open that were there: a journal begins that holds them. Blocks; throws
    // JournalError.
    void begin();

    // In order. Without writes: the content that it has is of that version.
    void submit(const std::shared_ptr<Projection>& projection, journal::Change change);

private:
    struct Disk; // what the disk thread uses
    struct Waiting;
    struct Made;

    [[nodiscard]] bool machine_died() const;
    void forget_what_is_gone() const;
    void submit(Waiting one);
    void renew_journal();

    DiskThread& disk_thread_;
    Durable durable_;
    std::optional<OldJournal> old_; // until begin()
    std::shared_ptr<Disk> disk_;
    bool begun_ = false, renewing_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace ctdbd::daemon
