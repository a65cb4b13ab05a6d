#include "sim/records/volatile_file.h"

#include <algorithm>

namespace sim::records {

// -- clients

void VolatileFile::enter(const std::string& key, Work inside) {
    Chain& chain = chains_[key];
    chain.waiting.push_back(std::move(inside));
    let_in(key, chain);
}

void VolatileFile::let_in(const std::string& key, Chain& chain) {
    if (shut_ || barrier_ || chain.occupied || !chain.work.empty() || chain.waiting.empty()) return;
    chain.occupied = true;
    ++occupied_;
    const Work inside = std::move(chain.waiting.front());
    chain.waiting.pop_front();
    inside();
    (void)key;
}

void VolatileFile::leave(const std::string& key) {
    Chain& chain = chains_.at(key);
    check(chain.occupied, "who leaves a chain is inside");
    chain.occupied = false;
    --occupied_;
    wake_();
}

// -- the daemon

void VolatileFile::with(const std::string& key, Work work) {
    if (barrier_) return behind_barrier_.push_back({key, std::move(work)});
    Chain& chain = chains_[key];
    chain.work.push_back(std::move(work));
    work_on(chain);
}

void VolatileFile::work_on(Chain& chain) {
    while (!chain.occupied && !chain.work.empty()) {
        const Work work = std::move(chain.work.front());
        chain.work.pop_front();
        work();
    }
}

void VolatileFile::barrier(Work work) {
    if (barrier_) return behind_barrier_.push_back({std::nullopt, std::move(work)});
    barrier_ = std::move(work);
    pass_barrier();
}

bool VolatileFile::quiet() const {
    return occupied_ == 0 && std::ranges::all_of(chains_, [](const auto& entry) {
               return entry.second.work.empty();
           });
}

void VolatileFile::pass_barrier() {
    if (!barrier_ || !quiet()) return;
    const Work work = std::move(*barrier_);
    work();
    barrier_.reset();
    while (!barrier_ && !behind_barrier_.empty()) {
        Waiting next = std::move(behind_barrier_.front());
        behind_barrier_.pop_front();
        if (next.key)
            with(*next.key, std::move(next.work));
        else
            barrier(std::move(next.work));
    }
    wake_();
}

void VolatileFile::shut(bool shut) {
    shut_ = shut;
    if (!shut) wake_();
}

void VolatileFile::go_on() {
    for (auto& [key, chain] : chains_)
        work_on(chain);
    pass_barrier();
    for (auto& [key, chain] : chains_)
        let_in(key, chain);
}

// -- content

const FileRecord* VolatileFile::find(const std::string& key) const {
    const auto at = records_.find(key);
    return at != records_.end() ? &at->second : nullptr;
}

const FileRecord* VolatileFile::ours(const std::string& key) const {
    const FileRecord* const record = find(key);
    return record != nullptr && record->dmaster == node_ ? record : nullptr;
}

const FileRecord* VolatileFile::writable(const std::string& key) const {
    const FileRecord* const record = ours(key);
    return record != nullptr && !record->delegated ? record : nullptr;
}

const FileRecord* VolatileFile::readable(const std::string& key) const {
    const FileRecord* const record = find(key);
    const bool may = record != nullptr && (record->dmaster == node_ || record->readonly);
    return may ? record : nullptr;
}

void VolatileFile::store(const std::string& key, FileRecord record) {
    using Use = RecordJudge::Use;
    Use use = record.readonly ? Use::read : Use::none;
    if (record.dmaster == node_) use = record.delegated ? Use::delegate : Use::write;
    judge_.copy_stored(around_, {db_, key}, read_datum(record.data), use);
    records_.insert_or_assign(key, std::move(record));
}

void VolatileFile::erase(const std::string& key) {
    judge_.copy_erased(node_, {db_, key});
    records_.erase(key);
}

void VolatileFile::wipe() {
    for (const auto& [key, record] : records_)
        judge_.copy_erased(node_, {db_, key});
    records_.clear();
}

} // namespace sim::records
