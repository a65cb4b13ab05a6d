#include "statedb/record_table.h"

#include "base/check.h"
#include "statedb/digest.h"

#include <algorithm>
#include <new>

namespace statedb {

namespace {

std::uint64_t digest_of(const RecordEntry& entry) {
    return Digest{}.add(entry.db()).add(entry.key()).add(entry.grant()).value();
}

} // namespace

RecordEntry* RecordTable::find(const RecordName& record) {
    const auto at = entries_.find(Name{record.db, record.key});
    return at == entries_.end() ? nullptr : &*at;
}

const RecordEntry* RecordTable::find(const RecordName& record) const {
    const auto at = entries_.find(Name{record.db, record.key});
    return at == entries_.end() ? nullptr : &*at;
}

RecordEntry& RecordTable::create(const RecordName& record, Standing standing, Grant grant) {
    void* const memory = ::operator new(sizeof(RecordEntry) + record.key.size());
    auto* const entry =
        new (memory) RecordEntry(record.db, static_cast<std::uint32_t>(record.key.size()));
    std::ranges::copy(record.key, reinterpret_cast<char*>(entry + 1));
    const bool is_new = entries_.insert(*entry).second;
    check(is_new, "a record has one entry");
    list(*entry, standing, grant);
    return *entry;
}

void RecordTable::list(RecordEntry& entry, Standing standing, Grant grant) {
    Estate& estate = estates_.try_emplace(standing, Estate{standing}).first->second;
    entry.estate_ = &estate;
    entry.grant_ = grant;
    estate.digest += digest_of(entry);
    estate.entries.push_back(entry);
}

void RecordTable::unlist(RecordEntry& entry) {
    Estate& estate = *entry.estate_;
    estate.digest -= digest_of(entry);
    estate.entries.erase(estate.entries.iterator_to(entry));
}

void RecordTable::change(RecordEntry& entry, Standing standing, Grant grant) {
    unlist(entry);
    list(entry, standing, grant);
}

void RecordTable::erase(RecordEntry& entry) {
    unlist(entry);
    entries_.erase(entries_.iterator_to(entry));
    entry.~RecordEntry();
    ::operator delete(&entry);
}

void RecordTable::clear() {
    estates_.clear();
    entries_.clear_and_dispose([](RecordEntry* entry) {
        entry->~RecordEntry();
        ::operator delete(entry);
    });
}

void RecordTable::rename(Standing from, Standing to) {
    auto estate = estates_.extract(from);
    if (estate.empty()) return;
    estate.key() = estate.mapped().standing = to;
    const bool is_new = estates_.insert(std::move(estate)).inserted;
    check(is_new, "what becomes lost together has departed together");
}

void RecordTable::forget_empty_estates() {
    std::erase_if(estates_, [](const auto& estate) { return estate.second.entries.empty(); });
}

const Estate* RecordTable::estate(Standing standing) const {
    const auto at = estates_.find(standing);
    return at == estates_.end() ? nullptr : &at->second;
}

std::vector<RecordName> RecordTable::of_database(DatabaseId db) const {
    std::vector<RecordName> names;
    for (auto at = entries_.lower_bound(Name{db, {}}); at != entries_.end(); ++at) {
        if (at->db() != db) break;
        names.push_back(at->name());
    }
    return names;
}

std::uint64_t RecordTable::digest() const {
    Digest digest;
    digest.add(entries_.size());
    for (const auto& [standing, estate] : estates_)
        if (!estate.entries.empty())
            digest.add(standing.owner.node)
                .add(standing.owner.incarnation)
                .add(standing.departed)
                .add(estate.digest);
    return digest.value();
}

} // namespace statedb
