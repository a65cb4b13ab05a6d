// A journal that has grown long is replaced by one that begins with what the databases hold.
//
// They are copied a piece at a time, for commits go on meanwhile and must not wait for all of it:
// what is committed to a database whose copying has begun is put into both journals. A piece shows
// its records as they are when it is written, and what is committed later stands behind it: so who
// reads it all has the content, though no piece is of the same moment as another.
#pragma once

#include "ctdbd/daemon/journal_file.h"
#include "ctdbd/daemon/projection.h"

#include <memory>
#include <string>
#include <vector>

namespace ctdbd::daemon {

class JournalRenewal {
public:
    using Files = std::vector<std::shared_ptr<Projection>>;

    // `files` may grow meanwhile.
    JournalRenewal(const std::filesystem::path& place, const std::string& boot, const Files& files);

    // Copies the next piece. False: there was nothing left to copy. Waits for the disk.
    [[nodiscard]] bool copy_some();

    void commit(const journal::Changes& changes);

    // To be called when all is copied: it is the journal from now on.
    [[nodiscard]] std::unique_ptr<JournalFile> finish();

private:
    [[nodiscard]] bool has_begun_with(statedb::DatabaseId id) const;
    std::size_t copy_into(journal::Change& piece, std::size_t size_max);

    const Files& files_;
    std::unique_ptr<JournalFile> file_;
    std::size_t begun_ = 0;         // of the files
    std::vector<std::string> keys_; // of the last one of them, that are still to be copied
};

} // namespace ctdbd::daemon
