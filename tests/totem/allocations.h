// Counts what the test program takes from the heap with `new`: how a test shows that a hot path
// takes nothing.
#pragma once

#include <cstddef>

std::size_t allocations_so_far();
