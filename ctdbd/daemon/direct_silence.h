// Whether other nodes are heard past the ring at all (docs/adr/0016-direct-moves.md).
//
// Where a firewall lets the ring pass and not its third port, everything works, for what is not
// answered is told in the order; but each record and each commit waits until that is noticed. An
// administrator wants to know.
#pragma once

#include "totem/ids.h"

#include <chrono>
#include <map>

namespace ctdbd::daemon {

class DirectSilence {
public:
    using Clock = std::chrono::steady_clock;

    // A question went to a member. True, once: of that node nothing has been heard for so long and
    // through so many questions that its answers are not merely late or given by others.
    [[nodiscard]] bool asked(totem::NodeId whom, Clock::time_point now) {
        Unheard& unheard = nodes_[whom];
        if (unheard.questions++ == 0) unheard.since = now;
        if (unheard.told || unheard.questions < questions_min || now - unheard.since < time_min)
            return false;
        unheard.told = true;
        return true;
    }

    // Whatever it said.
    void heard(totem::NodeId who) { nodes_.erase(who); }

private:
    static constexpr unsigned questions_min = 30;
    static constexpr std::chrono::seconds time_min{5};

    struct Unheard {
        unsigned questions = 0;
        Clock::time_point since; // the first of them
        bool told = false;
    };

    std::map<totem::NodeId, Unheard> nodes_; // that were asked and have not been heard since
};

} // namespace ctdbd::daemon
