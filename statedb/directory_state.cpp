// A directory as a value: what a joiner is given. Loading trusts nothing.
#include "statedb/directory.h"

#include <algorithm>

namespace statedb {

namespace {

bool unique_ownerships(const Directory::Saved& saved) {
    std::set<Grant> ownerships;
    return std::ranges::all_of(saved.records, [&](const Directory::Saved::Record& record) {
        const Grant ownership = ownership_of(record.grant);
        return ownership > 0 && ownership <= saved.last_ownership &&
               ownerships.insert(ownership).second;
    });
}

bool departed_in_time(const Directory::Saved& saved) {
    return std::ranges::all_of(saved.records, [&](const Directory::Saved::Record& record) {
        return record.standing.departed <= saved.epoch;
    });
}

bool strictly_sorted(const Directory::Saved& saved) {
    const auto name = &Directory::Saved::Record::name;
    return std::ranges::adjacent_find(saved.records, std::ranges::greater_equal{}, name) ==
           saved.records.end();
}

bool losses_are_of_records(const Directory::Saved& saved) {
    const auto name = &Directory::Saved::Record::name;
    return std::ranges::adjacent_find(saved.losses, std::ranges::greater_equal{},
                                      &Directory::Saved::Loss::name) == saved.losses.end() &&
           std::ranges::all_of(saved.losses, [&](const Directory::Saved::Loss& loss) {
               return std::ranges::binary_search(saved.records, loss.name, {}, name);
           });
}

bool delegations_are_of_records(const Directory::Saved& saved) {
    const auto name = &std::pair<RecordName, Delegations::Delegation>::first;
    return std::ranges::adjacent_find(saved.delegations, std::ranges::greater_equal{}, name) ==
               saved.delegations.end() &&
           std::ranges::all_of(saved.delegations, [&](const auto& item) {
               return !item.second.readers.empty() &&
                      std::ranges::binary_search(saved.records, item.first, {},
                                                 &Directory::Saved::Record::name);
           });
}

} // namespace

Directory::Saved Directory::save() const {
    Saved saved{
        .began = began_, .epoch = epoch_, .last_ownership = last_ownership_, .members = members_};
    entries_.each([&](const Entry& entry) {
        Standing standing = entry.standing();
        if (standing.departed == being_sought) standing.departed = 0;
        const RecordName name = entry.name();
        saved.records.push_back({name, standing, entry.grant(), waiting(name)});
    });
    for (const auto& [name, loss] : losses_)
        saved.losses.push_back({name,
                                loss.epoch,
                                {loss.expected.begin(), loss.expected.end()},
                                {loss.held.begin(), loss.held.end()}});
    saved.unnoticed.assign(unnoticed_.begin(), unnoticed_.end());
    saved.retreating.assign(retreating_.begin(), retreating_.end());
    saved.delegations.assign(delegations_.all().begin(), delegations_.all().end());
    return saved;
}

bool Directory::load(const Saved& saved) {
    if (!strictly_sorted(saved) || !unique_ownerships(saved) || !losses_are_of_records(saved) ||
        !departed_in_time(saved) || !delegations_are_of_records(saved))
        return false;
    clear();
    began_ = saved.began;
    epoch_ = saved.epoch;
    members_ = saved.members;
    last_ownership_ = saved.last_ownership;
    for (const Saved::Loss& loss : saved.losses)
        losses_[loss.name] = {.epoch = loss.epoch,
                              .expected = {loss.expected.begin(), loss.expected.end()},
                              .held = {loss.held.begin(), loss.held.end()}};
    for (const Saved::Record& record : saved.records) {
        const bool sought = losses_.contains(record.name);
        const Standing standing{record.standing.owner,
                                sought ? being_sought : record.standing.departed};
        entries_.create(record.name, standing, record.grant);
        if (!record.waiting.empty()) queues_[record.name] = record.waiting;
    }
    unnoticed_ = {saved.unnoticed.begin(), saved.unnoticed.end()};
    retreating_ = {saved.retreating.begin(), saved.retreating.end()};
    for (const auto& [record, delegation] : saved.delegations)
        delegations_.restore(record, delegation);
    return true;
}

} // namespace statedb
