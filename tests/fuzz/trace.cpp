// Recorded traces, a line at a time: a line that is one says the same when it is written again.
#include "sim/trace_reader.h"
#include "tests/fuzz/input.h"

using namespace fuzz;
using namespace sim::trace;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    const auto event = parse_json(in.rest_as_text());
    if (!event) return 0;
    check(!describe(*event).empty(), "an event can be told");
    std::string line;
    append_json(*event, line);
    const auto again = parse_json(line);
    check(again.has_value(), "a written event can be read");
    std::string same_line;
    append_json(*again, same_line);
    check(line == same_line, "an event survives being written");
    return 0;
}
