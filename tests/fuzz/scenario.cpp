// Scenario files: refused with their name, or within the bounds that the world relies on.
#include "sim/scenario_codec.h"
#include "tests/fuzz/input.h"

#include <stdexcept>

using namespace fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    try {
        const sim::Scenario scenario = sim::parse_scenario(in.rest_as_text(), "any.txtpb");
        check(scenario.nodes_min >= 1 && scenario.nodes_max <= totem::members_max,
              "a scenario has nodes, and not too many");
        check(scenario.nodes_min <= scenario.nodes_max, "bounds are in order");
        check(!scenario.settings.validate(), "its settings are valid");
    } catch (const std::runtime_error& refusal) {
        check(std::string(refusal.what()).find("any.txtpb") == 0, "a refusal names the file");
    }
    return 0;
}
