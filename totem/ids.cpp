// How names look in traces and logs.
#include "totem/ids.h"

#include <fmt/format.h>

namespace totem {

std::string describe(const ProcessorId& id) { return fmt::format("{}", id.node); }

std::string describe_fully(const ProcessorId& id) {
    return fmt::format("{}/{}", id.node, id.incarnation);
}

std::string describe(const RingId& ring) {
    return fmt::format("{}.{}", ring.seq, ring.representative.node);
}

} // namespace totem
