#include "ctdbd/daemon/committed_files.h"

#include "base/check.h"
#include "ctdbd/daemon/journal_renewal.h"
#include "ctdbd/daemon/restored_file.h"
#include "net/file.h"
#include "net/logs.h"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <optional>
#include <utility>

namespace ctdbd::daemon {

using statedb::OnDisk;

std::string boot_of_this_machine() {
    std::string boot;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
    base::check(!boot.empty(), "Linux tells which life of the machine this is");
    return boot;
}

struct CommittedFiles::Made {
    std::vector<OnDisk> durable;
    bool renewal_due = false;
};

struct CommittedFiles::Waiting {
    std::shared_ptr<Projection> projection;
    journal::Change change;
    bool introduces = false; // the file to the journal; it shows that already
};

struct CommittedFiles::Disk {
    explicit Disk(JournalSettings about) : settings(std::move(about)) {}

    [[nodiscard]] std::vector<Waiting> take_waiting();
    [[nodiscard]] Made make_all_waiting();
    void make(std::vector<Waiting>& all);
    void introduce(Waiting& one);
    void write_journal(const std::vector<Waiting>& all);
    void change_file(Projection& projection, const std::vector<Waiting>& all) const;
    [[nodiscard]] bool renewal_due() const;
    [[nodiscard]] bool renew_some();
    void renew();
    void give_up_renewal(const std::exception& error);
    void close();

    const JournalSettings settings;
    std::mutex mutex;
    std::vector<Waiting> waiting; // under the mutex
    JournalRenewal::Files files;  // the persistent ones, which are in the journal
    std::unique_ptr<JournalFile> journal;
    std::optional<JournalRenewal> renewal;
    std::size_t renew_at = 0; // a size of the journal
    // The disk did not keep what it was given. It is given no more, for what the kernel could not
    // write it has forgotten: a later flush would say that all is well.
    bool failed = false;
};

// -- changes

std::vector<CommittedFiles::Waiting> CommittedFiles::Disk::take_waiting() {
    const std::lock_guard guard(mutex);
    return std::exchange(waiting, {});
}

CommittedFiles::Made CommittedFiles::Disk::make_all_waiting() {
    std::vector<Waiting> all = take_waiting();
    if (all.empty() || failed) return {}; // an earlier job made ours with its own
    failed = true;
    make(all);
    failed = false;
    Made made;
    for (const Waiting& one : all)
        made.durable.push_back({one.projection->id, one.change.version});
    made.renewal_due = renewal_due();
    return made;
}

// A file shows nothing that is not durable.
void CommittedFiles::Disk::make(std::vector<Waiting>& all) {
    for (Waiting& one : all)
        if (one.introduces) introduce(one);
    write_journal(all);
    for (auto at = all.begin(); at != all.end(); ++at) {
        const auto same = [&](const Waiting& other) { return other.projection == at->projection; };
        if (std::none_of(all.begin(), at, same)) change_file(*at->projection, all);
    }
}

// The journal shall not know a file that is gone after the machine's death.
void CommittedFiles::Disk::introduce(Waiting& one) {
    Projection& projection = *one.projection;
    projection.file.sync();
    net::sync_directory(projection.file.path().parent_path());
    one.change.whole = true;
    one.change.file = identity_of(projection.file.path());
    projection.file.scan([&](ByteSpan key, ByteSpan value) {
        if (is_record(value))
            one.change.writes.push_back({std::string(view_of(key)), Bytes::copy_of(value)});
    });
    files.push_back(one.projection);
}

void CommittedFiles::Disk::write_journal(const std::vector<Waiting>& all) {
    journal::Changes changes;
    for (const Waiting& one : all)
        if (one.projection->is_kept()) changes.push_back(one.change);
    if (changes.empty()) return;
    journal->append(changes);
    journal->sync();
    if (!renewal) return;
    try {
        renewal->commit(changes);
    } catch (const JournalError& error) {
        give_up_renewal(error);
    }
}

// All that is to be changed in one file is one transaction.
void CommittedFiles::Disk::change_file(Projection& projection,
                                       const std::vector<Waiting>& all) const {
    if (projection.counted) projection.file.enable_seqnum();
    bool begun = false;
    for (const Waiting& one : all) {
        if (one.projection.get() != &projection) continue;
        projection.version = one.change.version;
        const bool changes = one.change.whole || !one.change.writes.empty();
        if (one.introduces || !changes) continue;
        if (!std::exchange(begun, true)) projection.file.begin_transaction();
        if (one.change.whole) projection.file.wipe();
        for (const statedb::Write& write : one.change.writes) {
            base::check(is_record(write.value.span()), "a committed record has a header");
            projection.file.store(span_of(write.key), write.value.span());
        }
    }
    if (begun) projection.file.commit_transaction();
}

// -- the journal's own length

bool CommittedFiles::Disk::renewal_due() const {
    return renewal || (journal && journal->size() >= renew_at);
}

// False: there is nothing left to do.
bool CommittedFiles::Disk::renew_some() {
    if (failed || !renewal_due()) return false;
    try {
        if (!renewal) renewal.emplace(settings.path, settings.boot, files);
        if (renewal->copy_some()) return true;
    } catch (const JournalError& error) {
        give_up_renewal(error);
        return false;
    }
    renew();
    return false;
}

void CommittedFiles::Disk::renew() {
    failed = true;
    journal = renewal->finish();
    failed = false;
    renewal.reset();
    renew_at = std::max(settings.size_min, 2 * journal->size());
}

// Nothing is lost: the journal that there is has everything.
void CommittedFiles::Disk::give_up_renewal(const std::exception& error) {
    logs::databases().warn("the journal cannot be begun anew and grows on: {}", error.what());
    renewal.reset();
    renew_at = journal->size() + settings.size_min;
}

// The files hold everything by themselves, for whoever opens them next.
void CommittedFiles::Disk::close() {
    if (failed || !journal) return;
    try {
        journal::Closing closing;
        for (const auto& file : files) {
            file->file.sync();
            ContentDigest digest;
            file->file.scan([&](ByteSpan key, ByteSpan value) {
                if (is_record(value)) digest.add(view_of(key), value);
            });
            closing.databases.push_back({file->id, file->version, digest.value()});
        }
        renewal.reset();
        JournalFile last(settings.path, settings.boot);
        last.append(closing);
        last.take_place();
    } catch (const std::exception& error) {
        logs::databases().error("the persistent databases remain in the journal: {}", error.what());
    }
}

// -- the loop's side

CommittedFiles::CommittedFiles(DiskThread& disk, JournalSettings settings, Durable durable)
    : disk_thread_(disk), durable_(std::move(durable)), old_(read_journal(settings.path)),
      disk_(std::make_shared<Disk>(std::move(settings))) {}

CommittedFiles::~CommittedFiles() {
    *alive_ = false;
    disk_thread_.submit([disk = disk_] { disk->close(); }, [] {});
}

CommittedFiles::Opened CommittedFiles::open(statedb::DatabaseId id, TdbOptions options) {
    Opened opened;
    const bool is_kept = options.kind == DatabaseKind::is_persistent;
    const journal::Known* known = nullptr;
    if (is_kept && old_) {
        const auto at = old_->past.databases().find(id);
        if (at != old_->past.databases().end()) known = &at->second;
        if (known != nullptr && machine_died())
            rebuild_if_torn(options, *known, old_->last_written);
    }
    opened.projection = std::make_shared<Projection>(id, std::move(options));
    if (!is_kept) return opened;
    opened.projection->file.stop_syncing();
    opened.content = restore(*opened.projection, known);
    opened.version = opened.projection->version;
    if (begun_)
        submit(Waiting{opened.projection, {.database = id, .version = opened.version}, true});
    else
        disk_->files.push_back(opened.projection);
    return opened;
}

bool CommittedFiles::machine_died() const {
    return !old_->past.closed() && old_->past.boot() != disk_->settings.boot;
}

void CommittedFiles::begin() {
    if (old_) forget_what_is_gone();
    old_.reset();
    disk_->renewal.emplace(disk_->settings.path, disk_->settings.boot, disk_->files);
    while (disk_->renewal->copy_some()) {
    }
    disk_->renew();
    begun_ = true;
}

// Who takes a file away means it.
void CommittedFiles::forget_what_is_gone() const {
    for (const auto& [id, known] : old_->past.databases()) {
        const auto is_it = [&, wanted = id](const auto& file) { return file->id == wanted; };
        if (std::none_of(disk_->files.begin(), disk_->files.end(), is_it))
            logs::databases().warn(
                "the journal is the last to know database 0x{:08x}, whose file is gone: "
                "it is forgotten",
                id);
    }
}

void CommittedFiles::submit(const std::shared_ptr<Projection>& projection, journal::Change change) {
    change.database = projection->id;
    submit(Waiting{projection, std::move(change)});
}

void CommittedFiles::submit(Waiting one) {
    {
        const std::lock_guard guard(disk_->mutex);
        disk_->waiting.push_back(std::move(one));
    }
    // The job shares the disk's half: the file may be closed while its last change is written.
    auto made = std::make_shared<Made>();
    disk_thread_.submit([disk = disk_, made] { *made = disk->make_all_waiting(); },
                        [this, made, alive = alive_] {
                            if (!*alive) return;
                            if (!made->durable.empty()) durable_(made->durable);
                            if (made->renewal_due && !renewing_) renew_journal();
                        });
}

// A piece a job, and what was committed meanwhile between them.
void CommittedFiles::renew_journal() {
    renewing_ = true;
    auto more = std::make_shared<bool>(false);
    disk_thread_.submit([disk = disk_, more] { *more = disk->renew_some(); },
                        [this, more, alive = alive_] {
                            if (!*alive) return;
                            renewing_ = false;
                            if (*more) renew_journal();
                        });
}

} // namespace ctdbd::daemon
