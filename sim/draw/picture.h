// The space-time diagram: time runs to the right, each process has a line, packets go from line to
// line, the configurations are coloured bands behind them: who is in one ring has one colour.
//
// Pictures are for people. A long run has hundreds of thousands of packets: what is shown of them
// is what matters (select.h), and the picture says what it leaves out.
#pragma once

#include "sim/draw/chronicle.h"

namespace sim::draw {

struct Window {
    Instant from, to;
};

struct Caption {
    std::string title;    // the scenario and its seed
    std::string subtitle; // what it is about
    std::string verdict;  // what came of it
    bool good = true;
};

// The part of the run in which something happens; a given bound (>= 0) is taken as it is.
[[nodiscard]] Window sensible_window(const Chronicle& chronicle, double from_ms, double to_ms);

// A picture that stands alone.
[[nodiscard]] std::string
svg(const Chronicle& chronicle, const Window& window, const Caption& caption);

// The same with more packets, to zoom into, and the story beside it; needs nothing but itself.
[[nodiscard]] std::string
page(const Chronicle& chronicle, const Window& window, const Caption& caption);

} // namespace sim::draw
