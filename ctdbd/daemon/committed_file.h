// The TDB file of a persistent or replicated database: the projection of what was committed, which
// local clients read without asking (ctdb-behaviour.md 1.5.7, 2.1).
//
// Its changes come in order from the database service; committed_files.h tells when they are
// durable.
#pragma once

#include "ctdbd/daemon/committed_files.h"

namespace ctdbd::daemon {

class CommittedFile {
public:
    // Throws TdbError or std::runtime_error; reads and checks an existing file whole, so it blocks.
    CommittedFile(CommittedFiles& files, statedb::DatabaseId id, TdbOptions options);

    [[nodiscard]] const std::filesystem::path& path() const { return projection_->file.path(); }

    [[nodiscard]] int open_flags() const { return open_flags_; }

    void enable_seqnum();

    // What the file held when it was opened; to be taken once.
    [[nodiscard]] statedb::Content take_content() { return std::exchange(opened_content_, {}); }

    [[nodiscard]] statedb::Version version() const { return opened_version_; }

    void apply(statedb::Version version, std::vector<statedb::Write> writes);
    void replace(statedb::Version version, const statedb::Content& content);
    void confirm(statedb::Version version);

private:
    CommittedFiles& files_;
    statedb::Content opened_content_;
    statedb::Version opened_version_;
    std::shared_ptr<Projection> projection_;
    int open_flags_;
};

} // namespace ctdbd::daemon
