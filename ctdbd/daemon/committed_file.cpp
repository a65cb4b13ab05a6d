#include "ctdbd/daemon/committed_file.h"

#include <utility>

namespace ctdbd::daemon {

using statedb::Version;

CommittedFile::CommittedFile(CommittedFiles& files, statedb::DatabaseId id, TdbOptions options)
    : files_(files) {
    CommittedFiles::Opened opened = files.open(id, std::move(options));
    projection_ = std::move(opened.projection);
    opened_content_ = std::move(opened.content);
    opened_version_ = opened.version;
    open_flags_ = projection_->file.open_flags();
}

void CommittedFile::enable_seqnum() {
    if ((open_flags_ & protocol::tdb_open_flag::seqnum) != 0) return;
    open_flags_ |= protocol::tdb_open_flag::seqnum;
    projection_->counted = true;
}

void CommittedFile::apply(Version version, std::vector<statedb::Write> writes) {
    files_.submit(projection_, {.version = version, .writes = std::move(writes)});
}

void CommittedFile::replace(Version version, const statedb::Content& content) {
    journal::Change change{.version = version, .whole = true};
    for (const auto& [key, value] : content)
        change.writes.push_back({key, value});
    files_.submit(projection_, std::move(change));
}

void CommittedFile::confirm(Version version) { files_.submit(projection_, {.version = version}); }

} // namespace ctdbd::daemon
