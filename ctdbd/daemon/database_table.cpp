#include "ctdbd/daemon/database_table.h"

#include "ctdbd/protocol/hash.h"
#include "net/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ctdbd::daemon {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t name_size_max = 200; // with the suffixes it must be a file name

} // namespace

std::uint8_t flags_of(DatabaseKind kind) {
    switch (kind) {
    case DatabaseKind::is_persistent:
        return protocol::db_flag::persistent;
    case DatabaseKind::is_replicated:
        return protocol::db_flag::replicated;
    case DatabaseKind::is_volatile:
        break;
    }
    return 0;
}

std::uint8_t DatabaseEntry::flags() const { return flags_of(kind) | local_flags; }

bool is_database_name(const std::string& name) {
    return !name.empty() && name.size() <= name_size_max && name.front() != '.' &&
           name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

DatabaseTable::DatabaseTable(const Setup& setup,
                             const config::Tunables& tunables,
                             CommittedFiles& committed,
                             RecordWorld& records)
    : setup_(setup), tunables_(tunables), committed_(committed), records_(records),
      health_(setup.conf.database.state_directory /
              fmt::format("persistent_health.tdb.{}", setup.pnn)) {}

TdbOptions DatabaseTable::options(const std::string& name, DatabaseKind kind) const {
    const config::Database& where = setup_.conf.database;
    const fs::path& directory =
        kind == DatabaseKind::is_persistent ? where.persistent_directory : where.volatile_directory;
    using config::Tunable;
    return {.path = directory / fmt::format("{}.{}", name, setup_.pnn),
            .kind = kind,
            .mutexes = where.tdb_mutexes,
            .hash_size = static_cast<int>(tunables_[Tunable::database_hash_size]),
            .dead_records_max = static_cast<int>(tunables_[Tunable::database_max_dead])};
}

// `<name>.tdb.<our number>`; files of other nodes may lie beside them in tests.
void DatabaseTable::open_persistent(statedb::Databases& service) {
    const std::string suffix = fmt::format(".{}", setup_.pnn);
    for (const auto& file : fs::directory_iterator(setup_.conf.database.persistent_directory)) {
        const std::string base = file.path().filename().string();
        if (!base.ends_with(suffix)) continue;
        const std::string name = base.substr(0, base.size() - suffix.size());
        if (!name.ends_with(".tdb") || !is_database_name(name)) continue;
        const DatabaseId id = protocol::database_id(name);
        try {
            open(id, name, DatabaseKind::is_persistent);
        } catch (const DamagedFile& damaged) {
            health_.mark(name, damaged.what());
            throw;
        }
        if (const std::string why = sickness(entries_.at(id)); !why.empty())
            logs::databases().error(
                "persistent database {} is unhealthy until it is restored or wiped: {}", name, why);
        CommittedFile& opened = *entries_.at(id).committed;
        logs::databases().info("Attached to database '{}' with version {}.{}",
                               opened.path().string(), opened.version().epoch,
                               opened.version().index);
        service.loaded(id, name, DatabaseKind::is_persistent, opened.version(),
                       opened.take_content());
    }
    committed_.begin();
}

void DatabaseTable::open(DatabaseId id, const std::string& name, DatabaseKind kind) {
    if (entries_.contains(id)) return;
    DatabaseEntry entry{.id = id, .name = name, .kind = kind};
    TdbOptions tdb = options(name, kind);
    entry.path = tdb.path;
    entry.age = ++attaches_;
    if (kind == DatabaseKind::is_volatile) {
        records_.open(id, name, std::move(tdb));
    } else {
        entry.committed = std::make_unique<CommittedFile>(committed_, id, std::move(tdb));
    }
    logs::databases().info("Attached to database '{}' (id 0x{:08x}, {})", entry.path.string(), id,
                           statedb::describe(kind));
    entries_.emplace(id, std::move(entry));
}

void DatabaseTable::close(DatabaseId id) {
    records_.close(id);
    entries_.erase(id);
}

void DatabaseTable::set_healthy(const DatabaseEntry& entry) {
    if (sickness(entry).empty()) return;
    health_.clear(entry.name);
    logs::databases().info("database {} is healthy again", entry.name);
}

DatabaseEntry* DatabaseTable::find(DatabaseId id) {
    const auto found = entries_.find(id);
    return found != entries_.end() ? &found->second : nullptr;
}

std::vector<const DatabaseEntry*> DatabaseTable::newest_first() const {
    std::vector<const DatabaseEntry*> all;
    for (const auto& [id, entry] : entries_)
        all.push_back(&entry);
    std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->age > b->age; });
    return all;
}

int DatabaseTable::open_flags(const DatabaseEntry& entry) {
    if (entry.committed != nullptr) return entry.committed->open_flags();
    return records_.find(entry.id)->file().open_flags();
}

} // namespace ctdbd::daemon
