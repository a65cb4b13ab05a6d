// Controls about tunables (ctdb-wire.md 3.3.2). They are this node's own; a change lasts until it
// stops.
#include "ctdbd/daemon/daemon.h"

#include <spdlog/spdlog.h>

#include <array>

namespace ctdbd::daemon {

namespace {

using protocol::Opcode;
using protocol::ReplyControl;

constexpr std::int32_t no_such_tunable = -22; // EINVAL
constexpr std::int32_t obsolete_tunable = 1;

ControlOutcome list_tunables(const ControlCall& /*call*/) {
    return ReplyControl::done(
        protocol::encode(protocol::TunableNames{config::tunable_names_text()}));
}

ControlOutcome get_tunable(const ControlCall& call) {
    const auto request = protocol::decode<protocol::TunableGet>(call.control.data);
    if (!request) return refused(fmt::format("{}", request.error()));
    const auto tunable = config::tunable_named(request->name);
    if (!tunable) return ReplyControl::with_status(no_such_tunable, "no such tunable");
    return ReplyControl::done(protocol::encode(call.daemon.tunables[*tunable]));
}

ControlOutcome set_tunable(const ControlCall& call) {
    const auto request = protocol::decode<protocol::TunableSet>(call.control.data);
    if (!request) return refused(fmt::format("{}", request.error()));
    const auto tunable = config::tunable_named(request->name);
    if (!tunable) return refused("no such tunable");
    call.daemon.tunables.set(*tunable, request->value);
    call.daemon.tunables_changed();
    const config::TunableFacts& facts = config::facts_of(*tunable);
    spdlog::info("Set tunable {} to {}", facts.name, request->value);
    if (facts.obsolete) return ReplyControl::with_status(obsolete_tunable, "it is obsolete");
    return ReplyControl::done();
}

ControlOutcome get_all_tunables(const ControlCall& call) {
    return ReplyControl::done(protocol::encode(call.daemon.tunables.all()));
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::list_tunables, list_tunables},
    {Opcode::get_tunable, get_tunable},
    {Opcode::set_tunable, set_tunable},
    {Opcode::get_all_tunables, get_all_tunables},
});

} // namespace

std::span<const ControlRow> tunable_controls() { return rows; }

} // namespace ctdbd::daemon
