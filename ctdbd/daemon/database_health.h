// Which persistent databases are not to be trusted, and why (ctdb-behaviour.md 2.8).
//
// A file that is found damaged ends the start, and is remembered: whatever is in its place next
// time, somebody has to say that it is good, by restoring or wiping the database, or the cluster
// has to replace it by its own content. Kept in a TDB file of our own, name -> reason.
#pragma once

#include "ctdbd/daemon/tdb_file.h"

#include <filesystem>
#include <map>
#include <string>

namespace ctdbd::daemon {

class DatabaseHealth {
public:
    // Throws TdbError.
    explicit DatabaseHealth(const std::filesystem::path& path);

    // Empty: it is healthy.
    [[nodiscard]] std::string reason(const std::string& database) const;

    // Both are on the disk when they return.
    void mark(const std::string& database, const std::string& why);
    void clear(const std::string& database);

private:
    TdbFile file_;
    std::map<std::string, std::string> reasons_;
};

} // namespace ctdbd::daemon
