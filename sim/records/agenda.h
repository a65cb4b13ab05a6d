// What the programs of one machine will do later, in one life of its daemon: any number of
// appointments over a single timer. Those of the same moment are kept in the order in which they
// were made.
#pragma once

#include "sim/application.h"

#include <functional>

namespace sim::records {

class Agenda {
public:
    Agenda(Surroundings& around, TimerId timer) : around_(around), timer_(timer) {}

    void at(Instant when, std::function<void()> what) {
        appointments_.emplace(when, std::move(what));
        around_.set_timer(timer_, appointments_.begin()->first);
    }

    void after(Duration wait, std::function<void()> what) {
        at(around_.now() + wait, std::move(what));
    }

    // Not within the present call, but without delay.
    void soon(std::function<void()> what) { after(Duration{}, std::move(what)); }

    // The timer has fired. What is arranged meanwhile comes with the next one, even if it is due.
    void keep() {
        const auto end = appointments_.upper_bound(around_.now());
        std::multimap<Instant, std::function<void()>> due;
        while (appointments_.begin() != end)
            due.insert(due.end(), appointments_.extract(appointments_.begin()));
        for (const auto& [when, what] : due)
            what();
        if (!appointments_.empty()) around_.set_timer(timer_, appointments_.begin()->first);
    }

private:
    Surroundings& around_;
    TimerId timer_;
    std::multimap<Instant, std::function<void()>> appointments_;
};

} // namespace sim::records
