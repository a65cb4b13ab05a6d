#include "statedb/digests.h"

#include "base/mutant.h"

namespace statedb {

void DigestRounds::open(std::uint64_t index, std::set<ProcessorId> expected) {
    if (rounds_.size() == rounds_max) rounds_.erase(rounds_.begin());
    rounds_[index].expected = std::move(expected);
}

std::optional<Divergence> DigestRounds::report(const ProcessorId& from, const Digests& digests) {
    const auto it = rounds_.find(digests.index);
    if (it == rounds_.end() || !it->second.expected.contains(from)) return std::nullopt;
    Round& round = it->second;
    round.reports[from] = digests.digests;
    if (round.reports.size() < round.expected.size()) return std::nullopt;
    std::optional<Divergence> divergence = compare(digests.index, round);
    rounds_.erase(it);
    return divergence;
}

std::optional<Divergence> DigestRounds::compare(std::uint64_t index, const Round& round) {
    std::map<DigestMap, std::vector<ProcessorId>> camps;
    for (const auto& [member, digests] : round.reports)
        camps[digests].push_back(member);
    if (camps.size() <= 1 || mutated(Mutant::digest_mismatch_ignored)) return std::nullopt;

    auto model = camps.begin();
    for (auto camp = camps.begin(); camp != camps.end(); ++camp) {
        const auto& [size, best] = std::pair(camp->second.size(), model->second.size());
        const bool lower = camp->second.front() < model->second.front();
        if (size > best || (size == best && lower)) model = camp;
    }
    Divergence divergence{
        .index = index, .model = model->second.front(), .diverged = {}, .services = {}};
    std::set<ServiceId> services;
    for (const auto& [member, digests] : round.reports) {
        if (digests == model->first) continue;
        divergence.diverged.push_back(member);
        for (const auto& [service, digest] : model->first)
            if (!digests.contains(service) || digests.at(service) != digest)
                services.insert(service);
    }
    divergence.services.assign(services.begin(), services.end());
    return divergence;
}

} // namespace statedb
