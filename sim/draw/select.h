// Which packets a picture shows: all, if they are few; else those of membership, those near a
// moment in which something changes, and of the rest only as many kinds as fit.
#pragma once

#include "sim/draw/picture.h"

namespace sim::draw {

struct Selection {
    std::vector<const Hop*> hops; // in the order in which they were sent
    std::string left_out;         // a sentence for the picture; empty: nothing is
};

[[nodiscard]] Selection
select(const Chronicle& chronicle, const Window& window, std::size_t hops_max);

} // namespace sim::draw
