// How the directory deals with read-only copies (docs/adr/0017-read-only-delegations.md).
//
// While one is out, its record changes hands for nobody, not even from its owner to himself under a
// new grant: and without that nobody may write it. So every way in which somebody comes to write
// passes revoke(), and is gone on with in freed().
#include "base/mutant.h"
#include "statedb/directory.h"

#include <algorithm>

namespace statedb {

// Whoever waits to write comes before those who come to read.
//   The reader acts on this message, which is safe: whatever becomes of him, those who may give the
// record to somebody have it too. If he has departed meanwhile, his clients may read until his
// notice period is over.
Directory::Outcome
Directory::delegate(const RecordName& record, ProcessorId from, Grant under, ProcessorId reader) {
    Outcome outcome;
    const Entry* const entry = owned(record, from, under);
    if (entry == nullptr) return outcome;
    const bool may_read =
        std::ranges::binary_search(members_, reader) || unnoticed_.contains(reader);
    const bool refused = !waiting(record).empty() || delegations_.revoked(record) ||
                         retreating_.contains(from) || reader == from || !may_read ||
                         (!delegations_.contains(record) && !delegations_.has_room());
    if (!refused) {
        delegations_.add(record, reader);
        outcome.delegated = true;
    } else if (!delegations_.contains(record)) {
        freed(record, outcome); // nobody has one, so an owner that waits need not wait
    }
    return outcome;
}

// It may speak of a record that was forgotten with its database, and not of the one that has the
// name now.
Directory::Outcome
Directory::copy_dropped(const RecordName& record, ProcessorId reader, Grant under) {
    Outcome outcome;
    const Entry* const entry = find(record);
    if (entry == nullptr || entry->grant() != under) return outcome;
    if (delegations_.remove(record, reader)) freed(record, outcome);
    return outcome;
}

// An owner that is about to leave can bequeath only what nobody reads.
Directory::Outcome Directory::retreats(ProcessorId who) {
    Outcome outcome;
    if (!retreating_.insert(who).second) return outcome;
    std::vector<RecordName> delegated;
    for (const auto& [record, delegation] : delegations_.all())
        if (const Entry* const entry = find(record); entry != nullptr && entry->owner() == who)
            delegated.push_back(record);
    for (const RecordName& record : delegated)
        revoke(record, outcome);
    return outcome;
}

void Directory::revoke(const RecordName& record, Outcome& outcome) {
    if (delegations_.revoke(record)) outcome.revoked.push_back(record);
}

// What had to wait for the last of the copies goes on.
void Directory::freed(const RecordName& record, Outcome& outcome) {
    Entry* const found = entries_.find(record);
    if (found == nullptr) return;
    Entry& entry = *found;
    const Queue& queue = waiting(record);
    if (losses_.contains(record))
        decide(record, outcome);
    else if (entry.lost())
        return; // and not looked for: nobody waits
    else if (!queue.empty() && queue.front() == entry.owner())
        grant(entry, entry.owner(), TakeOver::Source::own_copy, {}, outcome);
    else
        outcome.freed.push_back(record);
}

void Directory::freed(const std::vector<RecordName>& records, Outcome& outcome) {
    for (const RecordName& record : records)
        freed(record, outcome);
}

// It has been heard of again, or long enough not: nobody reads what it had.
void Directory::forget_reader(ProcessorId who, Outcome& outcome) {
    freed(delegations_.remove([who](ProcessorId reader) { return reader == who; }), outcome);
}

// Those who are not here, and surely let nobody read any more.
void Directory::forget_silent_readers(Outcome& outcome) {
    freed(delegations_.remove([this](ProcessorId reader) {
        const bool may_read =
            unnoticed_.contains(reader) && !mutated(Mutant::departed_reader_forgotten);
        return !std::ranges::binary_search(members_, reader) && !may_read;
    }),
          outcome);
}

} // namespace statedb
