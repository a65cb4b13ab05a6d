// How deliveries look in traces and logs: one line each.
#include "totem/delivery.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace totem {

std::string describe(Service service) { return service == Service::safe ? "safe" : "agreed"; }

std::string describe(const Delivery& delivery) {
    return fmt::format("#{}.{} {} {}.{} {} bytes", delivery.position.seq, delivery.position.index,
                       describe(delivery.service), describe_fully(delivery.origin),
                       delivery.counter, delivery.payload.size());
}

std::string describe(const Configuration& configuration) {
    if (configuration.kind == Configuration::Kind::regular)
        return fmt::format("regular {} members=[{}]", configuration.ring,
                           fmt::join(configuration.members, " "));
    return fmt::format("transitional {} -> {} members=[{}]", configuration.previous,
                       configuration.ring, fmt::join(configuration.members, " "));
}

} // namespace totem
