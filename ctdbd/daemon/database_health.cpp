#include "ctdbd/daemon/database_health.h"

namespace ctdbd::daemon {

DatabaseHealth::DatabaseHealth(const std::filesystem::path& path)
    : file_({.path = path, .kind = DatabaseKind::is_persistent, .hash_size = 101}) {
    file_.scan([this](ByteSpan key, ByteSpan value) {
        reasons_.emplace(std::string(key.begin(), key.end()),
                         std::string(value.begin(), value.end()));
    });
}

std::string DatabaseHealth::reason(const std::string& database) const {
    const auto found = reasons_.find(database);
    return found != reasons_.end() ? found->second : std::string();
}

void DatabaseHealth::mark(const std::string& database, const std::string& why) {
    reasons_[database] = why;
    file_.begin_transaction();
    file_.store(span_of(database), span_of(why));
    file_.commit_transaction();
}

void DatabaseHealth::clear(const std::string& database) {
    if (reasons_.erase(database) == 0) return;
    file_.begin_transaction();
    file_.erase(span_of(database));
    file_.commit_transaction();
}

} // namespace ctdbd::daemon
