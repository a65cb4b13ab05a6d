// Traces as tests write them: one event a line, short enough that the story can be seen.
//
//   1 start                          the process 1, in its life 0; "1.2 start" is its life 2
//   1 regular 4.1 of 1,2             likewise: 1 transitional 4.1 -> 8.1 of 1
//   1 says 1.0.1 safe at 4.1 5:0     submitted, and originated at that place of that ring
//   2 hears 1.0.1 safe at 4.1 5:0    delivered
//   1 submits 1.0.1 safe             the halves of "says", one by one
//   1 places 1.0.1 safe at 4.1 5:0
//   1 crash
//   heal 1,2                         bound 1000; each line is a unit of time
//   wait 2000
//   end
#pragma once

#include "sim/checker/checker.h"

#include <string>
#include <vector>

namespace sim::test {

[[nodiscard]] std::vector<trace::Event> parse(const std::string& text);

// The property that the trace violates, with the sentence; empty if it keeps all promises.
[[nodiscard]] std::string violated(const std::string& text);

} // namespace sim::test
