#include "membership/acquaintances.h"

#include <algorithm>

namespace membership {

namespace {

constexpr std::size_t acquaintances_max = 256;

} // namespace

Acquaintance& Acquaintances::of(ProcessorId id, Instant now, const std::vector<ProcessorId>& keep) {
    const auto found = known_.find(id);
    if (found != known_.end()) return found->second;
    if (known_.size() >= acquaintances_max) {
        const auto expendable = [&](const auto& entry) {
            return !std::binary_search(keep.begin(), keep.end(), entry.first);
        };
        auto victim = known_.end();
        for (auto entry = known_.begin(); entry != known_.end(); ++entry)
            if (expendable(*entry) && (victim == known_.end() ||
                                       entry->second.last_contact < victim->second.last_contact))
                victim = entry;
        if (victim != known_.end()) known_.erase(victim);
    }
    Acquaintance& fresh = known_[id];
    fresh.last_contact = now;
    return fresh;
}

const Acquaintance* Acquaintances::find(ProcessorId id) const {
    const auto found = known_.find(id);
    return found != known_.end() ? &found->second : nullptr;
}

bool Acquaintances::saw(ProcessorId id) {
    if (newest_.size() >= 4 * acquaintances_max && !newest_.contains(id.node)) return false;
    std::uint32_t& newest = newest_[id.node];
    if (id.incarnation <= newest) return false;
    newest = id.incarnation;
    return true;
}

bool Acquaintances::outlived(ProcessorId id) const {
    const auto found = newest_.find(id.node);
    return found != newest_.end() && id.incarnation < found->second;
}

ProcessorId Acquaintances::newest_of(NodeId node) const {
    const auto found = newest_.find(node);
    return found != newest_.end() ? ProcessorId{node, found->second} : nobody;
}

} // namespace membership
