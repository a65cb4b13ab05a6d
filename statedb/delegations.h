// Which nodes have read-only copies of which records: a side table of the directory, of those few
// records that are delegated, replicated with it (docs/adr/0017-read-only-delegations.md).
//
// It may name a node that has no copy (any more), which costs a message; it never lacks one whose
// clients may still read theirs. When one is added or taken away is directory_delegations.cpp's
// business.
#pragma once

#include "statedb/record_types.h"

#include <functional>
#include <map>
#include <set>

namespace statedb {

class Delegations {
public:
    struct Delegation {
        std::set<ProcessorId> readers; // never empty
        bool revoked = false;          // no reader is added any more, until all have gone
    };

    [[nodiscard]] bool contains(const RecordName& record) const { return all_.contains(record); }

    [[nodiscard]] bool revoked(const RecordName& record) const;

    // Whether another record may be delegated: what this costs each node is bounded.
    [[nodiscard]] bool has_room() const;

    [[nodiscard]] const std::map<RecordName, Delegation>& all() const { return all_; }

    void add(const RecordName& record, ProcessorId reader);
    // Whether it was delegated, and not revoked before.
    bool revoke(const RecordName& record);
    // Whether that was the last of its readers.
    bool remove(const RecordName& record, ProcessorId reader);
    // All readers of this kind; answers the records that have none any more, sorted.
    std::vector<RecordName> remove(const std::function<bool(ProcessorId reader)>& kind);

    void restore(const RecordName& record, Delegation delegation);
    void erase(const RecordName& record);
    void clear();

    [[nodiscard]] std::uint64_t digest() const { return digest_; }

private:
    using Place = std::map<RecordName, Delegation>::iterator;

    void change(Place at, const std::function<void(Delegation&)>& how);

    std::map<RecordName, Delegation> all_;
    std::uint64_t digest_ = 0; // sum over all
};

} // namespace statedb
