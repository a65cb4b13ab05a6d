// What a journal's frames add up to: for each database the content it was left with, and in which
// states its file may be found.
//
// The file is changed after its change is in the journal, and before the next one is; so it shows
// the last state or the one before the last frame. A state that is neither is somebody else's work.
#pragma once

#include "ctdbd/model/content_digest.h"
#include "ctdbd/model/journal_frames.h"

#include <map>

namespace ctdbd::journal {

struct Known {
    statedb::Version version;
    std::optional<statedb::Content> content; // none: the file alone has it
    ContentDigest digest, before;            // `before`: without the last frame that changed it
    std::optional<FileIdentity> file;
};

class Past {
public:
    // False: that frame cannot stand there.
    [[nodiscard]] bool absorb(Frame&& frame);

    [[nodiscard]] const std::string& boot() const { return boot_; }

    // The files hold all of it, durably.
    [[nodiscard]] bool closed() const { return closed_; }

    [[nodiscard]] const std::map<statedb::DatabaseId, Known>& databases() const {
        return databases_;
    }

private:
    [[nodiscard]] bool on(Opening&& opening);
    [[nodiscard]] bool on(Changes&& changes);
    [[nodiscard]] bool on(Closing&& closing);
    [[nodiscard]] bool make(Change&& change);

    std::string boot_;
    bool closed_ = false;
    std::map<statedb::DatabaseId, Known> databases_;
};

} // namespace ctdbd::journal
