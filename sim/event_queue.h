// What will happen when, in virtual time. Entries of one instant come in an order drawn from the
// seed: a protocol must not rely on the order in which a kernel happens to notice things.
//
// The heap holds small keys; what happens stays put in a slot until it is its turn.
#pragma once

#include "base/check.h"
#include "sim/random.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace sim {

template <class Happening>
class EventQueue {
public:
    explicit EventQueue(Random chance) : chance_(chance) {}

    void push(Instant at, Happening happening) {
        check(at >= now_, "nothing is planned for the past");
        const std::uint32_t slot = take_slot(std::move(happening));
        heap_.push_back(Key{at, chance_.next(), slot});
        std::ranges::push_heap(heap_, later);
    }

    [[nodiscard]] bool empty() const { return heap_.empty(); }

    [[nodiscard]] Instant now() const { return now_; }

    [[nodiscard]] std::optional<Instant> next_at() const {
        return heap_.empty() ? std::nullopt : std::optional{heap_.front().at};
    }

    // Time moves to the next happening.
    Happening pop() {
        std::ranges::pop_heap(heap_, later);
        const Key key = heap_.back();
        heap_.pop_back();
        now_ = key.at;
        idle_.push_back(key.slot);
        return std::move(slots_[key.slot]);
    }

    // Time moves on, to no later than the next happening.
    void advance_to(Instant at) { now_ = std::max(now_, at); }

private:
    struct Key {
        Instant at;
        std::uint64_t lot;
        std::uint32_t slot;
    };

    static bool later(const Key& a, const Key& b) {
        return a.at != b.at ? a.at > b.at : a.lot > b.lot;
    }

    std::uint32_t take_slot(Happening happening) {
        if (idle_.empty()) {
            slots_.push_back(std::move(happening));
            return static_cast<std::uint32_t>(slots_.size() - 1);
        }
        const std::uint32_t slot = idle_.back();
        idle_.pop_back();
        slots_[slot] = std::move(happening);
        return slot;
    }

    Random chance_;
    std::vector<Key> heap_;
    std::vector<Happening> slots_;
    std::vector<std::uint32_t> idle_;
    Instant now_{};
};

} // namespace sim
