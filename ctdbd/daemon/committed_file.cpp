#include "ctdbd/daemon/committed_file.h"

#include "base/check.h"
#include "base/match.h"
#include "net/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

namespace ctdbd::daemon {

namespace {

using statedb::Version;

ByteSpan span_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view view_of(ByteSpan bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Anything shorter does not exist (ctdb-behaviour.md 2.4).
bool is_record(ByteSpan value) { return value.size() >= protocol::ltdb_header_size; }

Version version_of(const auto& change) {
    return std::visit([](const auto& c) { return c.version; }, change);
}

} // namespace

struct CommittedFile::Disk {
    TdbFile file;
    std::optional<VersionFile> versions;
    ContentLabel label;
    ContentDigest digest;
    std::mutex mutex;
    std::vector<Change> waiting; // under the mutex

    Disk(TdbOptions options, const std::filesystem::path& version_path) : file(std::move(options)) {
        if (file.kind() == DatabaseKind::is_persistent) versions.emplace(version_path);
    }

    [[nodiscard]] std::vector<Version> make_all_waiting();
    void make(const std::vector<Change>& changes);
    void put(ByteSpan key, ByteSpan value);
};

std::vector<Version> CommittedFile::Disk::make_all_waiting() {
    std::vector<Change> changes;
    {
        const std::lock_guard guard(mutex);
        changes.swap(waiting);
    }
    if (!changes.empty()) make(changes); // else an earlier job made ours with its own
    std::vector<Version> made;
    for (const Change& change : changes)
        made.push_back(version_of(change));
    return made;
}

// The digest of the content after the changes must be on disk before the content is; so it is
// computed from what the changes replace, within the transaction but before its commit.
void CommittedFile::Disk::make(const std::vector<Change>& changes) {
    const bool only_confirms = std::all_of(changes.begin(), changes.end(), [](const Change& c) {
        return std::holds_alternative<Confirm>(c);
    });
    if (!only_confirms) file.begin_transaction();
    for (const Change& change : changes)
        std::visit(base::Match{[&](const Apply& apply) {
                                   for (const statedb::Write& write : apply.writes)
                                       put(span_of(write.key), write.value.span());
                               },
                               [&](const Replace& replace) {
                                   file.wipe();
                                   digest = {};
                                   for (const auto& [key, value] : replace.content)
                                       put(span_of(key), value.span());
                               },
                               [](const Confirm&) {}},
                   change);
    const ContentLabel after{.version = version_of(changes.back()), .digest = digest.value()};
    if (versions) versions->write(label, after);
    if (!only_confirms) file.commit_transaction();
    label = after;
}

void CommittedFile::Disk::put(ByteSpan key, ByteSpan value) {
    base::check(is_record(value), "a committed record has a header");
    if (const auto old = file.fetch(key); old && is_record(old->span()))
        digest.remove(view_of(key), old->span());
    file.store(key, value);
    digest.add(view_of(key), value);
}

CommittedFile::CommittedFile(DiskThread& disk,
                             TdbOptions options,
                             const std::filesystem::path& version_path,
                             Durable durable)
    : disk_thread_(disk), disk_(std::make_shared<Disk>(std::move(options), version_path)),
      open_flags_(disk_->file.open_flags()), durable_(std::move(durable)) {
    if (!disk_->versions) return;
    TdbFile& file = disk_->file;
    if (!file.intact())
        throw DamagedFile(fmt::format("{} is damaged: restore it from a backup, or move it away to "
                                      "get it from the other nodes",
                                      file.path().string()));
    file.scan([&](ByteSpan key, ByteSpan value) {
        if (!is_record(value)) return;
        disk_->digest.add(view_of(key), value);
        opened_content_.emplace(view_of(key), Bytes::copy_of(value));
    });
    const auto version = disk_->versions->version_of(disk_->digest.value());
    if (!version && !opened_content_.empty())
        logs::databases().warn(
            "{} was written by another program than this one: it counts as older than "
            "what any other node has",
            file.path().string());
    opened_version_ = version.value_or(Version{});
    disk_->label = {.version = opened_version_, .digest = disk_->digest.value()};
}

CommittedFile::~CommittedFile() { *alive_ = false; }

const std::filesystem::path& CommittedFile::path() const { return disk_->file.path(); }

void CommittedFile::enable_seqnum() {
    if ((open_flags_ & protocol::tdb_open_flag::seqnum) != 0) return;
    open_flags_ |= protocol::tdb_open_flag::seqnum;
    disk_thread_.submit([disk = disk_] { disk->file.enable_seqnum(); }, [] {});
}

statedb::Content CommittedFile::take_content() { return std::exchange(opened_content_, {}); }

void CommittedFile::apply(Version version, std::vector<statedb::Write> writes) {
    submit(Apply{version, std::move(writes)});
}

void CommittedFile::replace(Version version, statedb::Content content) {
    submit(Replace{version, std::move(content)});
}

void CommittedFile::confirm(Version version) { submit(Confirm{version}); }

void CommittedFile::submit(Change change) {
    {
        const std::lock_guard guard(disk_->mutex);
        disk_->waiting.push_back(std::move(change));
    }
    // The job shares the disk's half: the file may be closed while its last change is written.
    auto made = std::make_shared<std::vector<Version>>();
    disk_thread_.submit([disk = disk_, made] { *made = disk->make_all_waiting(); },
                        [this, made, alive = alive_] {
                            if (!*alive) return;
                            for (const Version version : *made)
                                durable_(version);
                        });
}

} // namespace ctdbd::daemon
