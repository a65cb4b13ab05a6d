#include "statedb/delegations.h"

#include "statedb/digest.h"

namespace statedb {

namespace {

constexpr std::size_t delegated_max = 65'536;

std::uint64_t digest_of(const RecordName& record, const Delegations::Delegation& delegation) {
    Digest digest;
    digest.add(record.db).add(record.key).add(delegation.revoked);
    for (const ProcessorId& reader : delegation.readers)
        digest.add(reader.node).add(reader.incarnation);
    return digest.value();
}

} // namespace

bool Delegations::revoked(const RecordName& record) const {
    const auto at = all_.find(record);
    return at != all_.end() && at->second.revoked;
}

bool Delegations::has_room() const { return all_.size() < delegated_max; }

// Every change goes through here: the digest follows, and no entry is without readers.
void Delegations::change(Place at, const std::function<void(Delegation&)>& how) {
    if (!at->second.readers.empty()) digest_ -= digest_of(at->first, at->second);
    how(at->second);
    if (at->second.readers.empty())
        all_.erase(at);
    else
        digest_ += digest_of(at->first, at->second);
}

void Delegations::add(const RecordName& record, ProcessorId reader) {
    change(all_.try_emplace(record).first,
           [&](Delegation& delegation) { delegation.readers.insert(reader); });
}

bool Delegations::revoke(const RecordName& record) {
    const auto at = all_.find(record);
    if (at == all_.end() || at->second.revoked) return false;
    change(at, [](Delegation& delegation) { delegation.revoked = true; });
    return true;
}

bool Delegations::remove(const RecordName& record, ProcessorId reader) {
    const auto at = all_.find(record);
    if (at == all_.end()) return false;
    change(at, [&](Delegation& delegation) { delegation.readers.erase(reader); });
    return !contains(record);
}

std::vector<RecordName> Delegations::remove(const std::function<bool(ProcessorId reader)>& kind) {
    std::vector<RecordName> free;
    for (auto at = all_.begin(); at != all_.end();) {
        const auto here = at++;
        const RecordName record = here->first;
        change(here, [&](Delegation& delegation) { std::erase_if(delegation.readers, kind); });
        if (!contains(record)) free.push_back(record);
    }
    return free;
}

void Delegations::restore(const RecordName& record, Delegation delegation) {
    change(all_.try_emplace(record).first,
           [&](Delegation& empty) { empty = std::move(delegation); });
}

void Delegations::erase(const RecordName& record) {
    if (const auto at = all_.find(record); at != all_.end())
        change(at, [](Delegation& delegation) { delegation.readers.clear(); });
}

void Delegations::clear() {
    all_.clear();
    digest_ = 0;
}

} // namespace statedb
