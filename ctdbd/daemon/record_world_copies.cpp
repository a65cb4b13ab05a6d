// Read-only copies in TDB files (ctdb-behaviour.md 3.7; docs/adr/0017-read-only-delegations.md):
// who may read a record, who may write it, and the marks in headers that say so to clients.
//
// When a record is delegated and when its copies must go is the record service's matter.
#include "ctdbd/daemon/record_bytes.h"
#include "ctdbd/daemon/record_world.h"

#include <utility>

namespace ctdbd::daemon {

namespace {

namespace flag = protocol::record_flag;

} // namespace

// -- what clients may do

std::optional<RecordWorld::Here> RecordWorld::writable(VolatileFile& file,
                                                       const RecordName& record) const {
    auto here = ours(file, record);
    const bool delegated = here && (here->header.flags & flag::ro_have_delegations) != 0;
    return delegated ? std::nullopt : here;
}

std::optional<RecordWorld::Here> RecordWorld::readable(VolatileFile& file,
                                                       const RecordName& record) const {
    if (!is_readonly(record.db)) return ours(file, record);
    auto here = stored(file, record);
    return here && may_be_read(here->header) ? here : std::nullopt;
}

bool RecordWorld::may_be_read(const protocol::LtdbHeader& header) const {
    return header.dmaster == settings_.pnn || (header.flags & flag::ro_have_readonly) != 0;
}

// What nobody lets us read a copy of, because it is empty or somebody is about to write it, comes
// here whole.
void RecordWorld::have_readable(const RecordName& record, Caller caller, Answer answer) {
    read(record, caller, [this, record, caller, answer](const auto& header, const Bytes& data) {
        if (may_be_read(header))
            answer(header, data);
        else if (find(record.db) != nullptr)
            migrate(record, caller, answer);
    });
}

// -- databases

void RecordWorld::make_readonly(DatabaseId id) { about_[id].readonly = true; }

bool RecordWorld::is_readonly(DatabaseId id) const {
    const auto about = about_.find(id);
    return about != about_.end() && about->second.readonly;
}

// -- the owner

void RecordWorld::on(const statedb::Share& effect) {
    const auto tell = [this, effect, round = reconciling_](std::optional<Bytes> data,
                                                           bool delegable) {
        if (round != reconciling_) return;
        ask_([&](statedb::Records& records, statedb::Outbox& out) {
            records.shared(effect, std::move(data), delegable, out);
        });
    };
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) {
        tell(std::nullopt, false);
        return;
    }
    file->with(key_bytes(effect.record), [this, file, effect, tell] {
        auto here = stored(*file, effect.record);
        if (!here || here->header.rsn != effect.grant) {
            tell(std::nullopt, false);
            return;
        }
        const bool delegable = is_readonly(effect.record.db) &&
                               here->header.dmaster == settings_.pnn && !here->data.empty();
        if (delegable) {
            here->header.flags |= flag::ro_have_delegations;
            file->file().store(key_of(effect.record), here->header, here->data.span());
            ++about_[effect.record.db].delegations.delegated;
            ++delegation_counts_.delegated;
        }
        tell(here->data, delegable);
    });
}

// The record is about to be written by somebody: its readers are gone.
void RecordWorld::end_delegation(const RecordName& record, protocol::LtdbHeader& header) {
    const bool delegated = (header.flags & flag::ro_have_delegations) != 0;
    header.flags &= ~flag::ro_flags;
    if (!delegated) return;
    ++about_[record.db].delegations.revoked;
    ++delegation_counts_.revoked;
}

// -- the readers

void RecordWorld::on(statedb::KeepCopy effect) {
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) { // detached meanwhile
        on(statedb::ReadAnswer{effect.ticket, effect.data});
        return;
    }
    file->with(key_bytes(effect.record), [this, file, effect = std::move(effect)] {
        const protocol::LtdbHeader header{.rsn = effect.grant,
                                          .dmaster = effect.owner.node - 1,
                                          .flags =
                                              flag::migrated_with_data | flag::ro_have_readonly};
        file->file().store(key_of(effect.record), header, effect.data.span());
        auto reader = readers_.extract(effect.ticket);
        if (!reader) return; // the client is gone
        later([header, data = effect.data, answer = std::move(reader.mapped().waiter.answer)] {
            answer(header, data);
        });
    });
}

void RecordWorld::on(const statedb::DropCopy& effect) {
    const auto tell = [this, effect, round = reconciling_] {
        if (round != reconciling_) return;
        ask_([&](statedb::Records& records, statedb::Outbox& out) {
            records.copy_dropped(effect.record, effect.grant, out);
        });
    };
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) {
        tell();
        return;
    }
    file->with(key_bytes(effect.record), [file, effect, tell] {
        auto here = stored(*file, effect.record);
        if (here && (here->header.flags & flag::ro_have_readonly) != 0) {
            here->header.flags &= ~flag::ro_flags;
            file->file().store(key_of(effect.record), here->header, here->data.span());
        }
        tell();
    });
}

} // namespace ctdbd::daemon
