// A node's stable storage: the ring's record and the application's values. Writes become durable
// after a while, in order; a crash loses those under way, whole (the record is written in two
// alternating copies, so a torn write is a lost one: totem.md 3.6).
#pragma once

#include "sim/application.h"

#include <deque>
#include <utility>
#include <variant>

namespace sim {

class Disk {
public:
    // Number of the write; finish() it in order.
    std::uint64_t begin(const membership::StableRecord& record) { return push(record); }

    std::uint64_t begin(std::vector<Write> writes) { return push(std::move(writes)); }

    // The oldest write is durable. Tells whether it was the ring's record.
    bool finish() {
        auto write = std::move(under_way_.front());
        under_way_.pop_front();
        if (auto* record = std::get_if<membership::StableRecord>(&write)) {
            record_ = *record;
            return true;
        }
        for (Write& one : std::get<std::vector<Write>>(write)) {
            if (one.value)
                values_[one.name] = *one.value;
            else
                values_.erase(one.name);
        }
        return false;
    }

    void crash() { under_way_.clear(); }

    // A life begins: what is there now is what a backup of these days holds.
    void back_up() { old_ = std::exchange(recent_, Contents{record_, values_}); }

    // The backup from before the last life began: what came of that life is not in it.
    void restore_old_backup() {
        crash();
        record_ = old_.record;
        values_ = old_.values;
    }

    void lose_everything() {
        crash();
        record_.reset();
        values_.clear();
    }

    [[nodiscard]] const std::optional<membership::StableRecord>& record() const { return record_; }

    [[nodiscard]] const Stored& values() const { return values_; }

private:
    using UnderWay = std::variant<membership::StableRecord, std::vector<Write>>;

    std::uint64_t push(UnderWay write) {
        under_way_.push_back(std::move(write));
        return ++last_;
    }

    // A machine is set up with an empty record; only a lost disk has none.
    std::optional<membership::StableRecord> record_ = membership::StableRecord{};
    Stored values_;

    struct Contents {
        std::optional<membership::StableRecord> record = membership::StableRecord{};
        Stored values;
    };

    Contents recent_, old_;
    std::deque<UnderWay> under_way_;
    std::uint64_t last_ = 0;
};

} // namespace sim
