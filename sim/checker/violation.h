// A promise that a run broke: which property (its name in totem.md 2.2, 2.3 or 9.4), and one
// sentence on how. Thrown by whoever notices; the run ends there.
#pragma once

#include <string>

namespace sim {

struct Violation {
    std::string property; // "P8", "W3", "promise" for a failed base::check
    std::string sentence;
};

} // namespace sim
