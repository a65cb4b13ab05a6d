// The arithmetic of back-off.
#include "membership/suspicion.h"

#include <fmt/format.h>

#include <algorithm>

namespace membership {

namespace {

constexpr std::size_t records_max = 256; // 8.2

} // namespace

Suspicion::Suspicion(const Settings& settings, std::uint64_t seed)
    : base_(settings.backoff_base), max_(settings.backoff_max),
      forgiveness_(10 * settings.consensus), blame_limit_(settings.blame_limit),
      flap_limit_(settings.flap_limit), jitter_(seed) {}

bool Suspicion::refuses(ProcessorId id, Instant now) const {
    const auto record = records_.find(id);
    if (record != records_.end() && now < record->second.refused_until) return true;
    const auto changes = changes_.find(id.node);
    if (changes == changes_.end()) return false;
    const auto recent = std::count_if(changes->second.begin(), changes->second.end(),
                                      [&](Instant at) { return now - at < max_; });
    return static_cast<std::uint32_t>(recent) > flap_limit_;
}

bool Suspicion::doubts(ProcessorId id, Instant now) const {
    const auto record = records_.find(id);
    return (record != records_.end() && now < record->second.doubted_until) || refuses(id, now);
}

void Suspicion::expelled(ProcessorId id, Instant now) {
    Record& record = record_of(id, now);
    record.refused_until = backoff(record, now);
    record.blame = blame_limit_ - 1; // one more failure is enough, until evidence clears it
}

void Suspicion::disagreed(ProcessorId id, Instant now) {
    Record& record = record_of(id, now);
    record.doubted_until = backoff(record, now);
}

bool Suspicion::lasted(const std::vector<ProcessorId>& members, Duration age) {
    const auto halvings = std::min<std::int64_t>(age / forgiveness_, 31);
    if (halvings == 0) return false;
    for (const ProcessorId id : members)
        if (const auto record = records_.find(id); record != records_.end())
            record->second.failures >>= halvings;
    return true;
}

bool Suspicion::blame(ProcessorId id) { return ++records_[id].blame >= blame_limit_; }

void Suspicion::exonerate(ProcessorId id) {
    if (const auto record = records_.find(id); record != records_.end()) record->second.blame = 0;
}

void Suspicion::flapped(NodeId node, Instant now) {
    std::vector<Instant>& changes = changes_[node];
    std::erase_if(changes, [&](Instant at) { return now - at >= max_; });
    if (changes.size() > flap_limit_) changes.erase(changes.begin());
    changes.push_back(now);
}

// min(T_backoff_max, T_backoff_base * 2^k), give or take a fifth.
Instant Suspicion::backoff(Record& record, Instant now) {
    const std::uint32_t doublings = std::min(++record.failures, std::uint32_t{30});
    const Duration wait = std::min(max_, base_ * (std::int64_t{1} << doublings));
    const auto per_mille = static_cast<std::int64_t>(800 + jitter_.below(401));
    return now + std::min(max_, wait * per_mille / 1000);
}

Suspicion::Record& Suspicion::record_of(ProcessorId id, Instant now) {
    if (records_.size() >= records_max && !records_.contains(id)) {
        const auto settled = [&](const auto& entry) {
            return entry.second.doubted_until <= now && entry.second.refused_until <= now;
        };
        const auto victim = std::find_if(records_.begin(), records_.end(), settled);
        records_.erase(victim != records_.end() ? victim : records_.begin());
    }
    return records_[id];
}

std::vector<Suspicion::Suspect> Suspicion::suspects(Instant now) const {
    std::vector<Suspect> all;
    for (const auto& [id, record] : records_) {
        const Instant until = std::max(record.doubted_until, record.refused_until);
        if (until > now) all.push_back({id, record.refused_until > now, until - now});
    }
    return all;
}

} // namespace membership
