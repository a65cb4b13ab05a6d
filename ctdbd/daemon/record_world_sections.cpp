// Databases that a tool has to itself: clients are kept out, and what it brings takes the place of
// everything (ctdb-behaviour.md 4.8). When, and who asked: sections.h.
#include "ctdbd/daemon/record_bytes.h"
#include "ctdbd/daemon/record_world.h"

#include <utility>

namespace ctdbd::daemon {

void RecordWorld::hold(DatabaseId id, std::function<void()> done) {
    VolatileFile* const file = find(id);
    if (file == nullptr) return;
    held_.insert(id);
    shut_as_due(id);
    file->when_shut(std::move(done));
}

// What has not been put in place by now never will be: the next tool begins anew.
void RecordWorld::release(DatabaseId id) {
    replacing_.erase(id);
    if (held_.erase(id) != 0) shut_as_due(id);
}

void RecordWorld::shut_as_due(DatabaseId id) {
    if (VolatileFile* const file = find(id)) file->shut(frozen_ || held_.contains(id));
}

// -- in the place of everything

struct RecordWorld::Replacement {
    Contents contents;
    std::size_t missing = 0; // of them are not in the file yet
    std::function<void()> done;
};

void RecordWorld::replace(DatabaseId id, Contents contents, std::function<void()> done) {
    auto replacement = std::make_shared<Replacement>();
    replacement->contents = std::move(contents);
    replacement->missing = replacement->contents.size();
    replacement->done = std::move(done);
    replacing_[id] = std::move(replacement);
    ask_([&](statedb::Records& records, statedb::Outbox& out) { records.drop(id, out); });
}

// It has been wiped, at one point of the order: what is claimed from now on is new.
void RecordWorld::begin_replacing(DatabaseId id) {
    const auto waiting = replacing_.extract(id);
    if (!waiting) return;
    const std::shared_ptr<Replacement> replacement = waiting.mapped();
    if (replacement->missing == 0) {
        later(replacement->done);
        return;
    }
    for (const auto& [key, data] : replacement->contents)
        put({id, key}, replacement);
}

// The record is ours when migrate() answers, and may have been passed on until its chain is locked.
void RecordWorld::put(const RecordName& record, const std::shared_ptr<Replacement>& replacement) {
    migrate(record, 0, [this, record, replacement](const protocol::LtdbHeader&, const Bytes&) {
        VolatileFile* const file = find(record.db);
        if (file == nullptr) return;
        const Bytes key = key_bytes(record);
        file->with(key, [this, file, key, record, replacement] {
            auto here = writable(*file, record);
            if (!here) {
                put(record, replacement);
                return;
            }
            here->header.flags = protocol::record_flag::migrated_with_data;
            file->file().store(key.span(), here->header,
                               replacement->contents.at(record.key).span());
            if (--replacement->missing == 0) later(replacement->done);
        });
    });
}

} // namespace ctdbd::daemon
