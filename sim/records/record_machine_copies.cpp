// Copies for those who only read, in a machine's files (statedb/record_types.h).
#include "sim/records/record_machine.h"

namespace sim::records {

void RecordMachine::on(const Share& effect) {
    // As with all that is done under a chain's lock, the daemon hears of it a little later.
    const auto tell = [this, effect, round = reconciling_](const std::optional<Bytes>& data,
                                                           bool delegable) {
        agenda_.after(helper_takes, [this, effect, data, delegable, round] {
            if (round != reconciling_) return;
            ask_([&](Records& records, Outbox& out) {
                records.shared(effect, data, delegable, out);
            });
        });
    };
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) return tell(std::nullopt, false);
    file->with(effect.record.key, [this, file, effect, tell] {
        const std::string& key = effect.record.key;
        const FileRecord* const here = file->find(key);
        if (here == nullptr || here->rsn != effect.grant) return tell(std::nullopt, false);
        const bool delegable = delegating_.contains(effect.record.db) && here->dmaster == node_ &&
                               !read_datum(here->data).text.empty();
        FileRecord marked = *here;
        const Bytes data = Bytes::copy_of(std::string_view(marked.data));
        marked.delegated = true;
        if (delegable) file->store(key, std::move(marked));
        tell(data, delegable);
    });
}

void RecordMachine::on(KeepCopy effect) {
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) return;
    file->with(effect.record.key, [this, file, effect = std::move(effect)] {
        std::string data{effect.data.view()};
        file->store(effect.record.key, {.rsn = effect.grant,
                                        .dmaster = effect.owner.node,
                                        .data = data,
                                        .delegated = false,
                                        .readonly = true});
        if (const auto reader = readers_.extract(effect.ticket))
            agenda_.soon([answer = reader.mapped(), data] { answer(data); });
    });
}

void RecordMachine::on(const DropCopy& effect) {
    const auto tell = [this, effect, round = reconciling_] {
        agenda_.after(helper_takes, [this, effect, round] {
            if (round != reconciling_) return;
            ask_([&](Records& records, Outbox& out) {
                records.copy_dropped(effect.record, effect.grant, out);
            });
        });
    };
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) return tell();
    file->with(effect.record.key, [file, effect, tell] {
        const FileRecord* const here = file->find(effect.record.key);
        if (here != nullptr && here->readonly) {
            FileRecord stale = *here;
            stale.readonly = false;
            file->store(effect.record.key, std::move(stale));
        }
        tell();
    });
}

} // namespace sim::records
