// Controls that start traverses (ctdb-wire.md 3.3.7). Those between stock daemons are not needed:
// ours write letters.
#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/databases.h"

#include <array>

namespace ctdbd::daemon {

namespace {

using protocol::Opcode;

ControlOutcome traverse_start(const ControlCall& call) {
    const auto start = protocol::decode<protocol::TraverseStart>(call.control.data);
    if (!start) return refused(fmt::format("{}", start.error()));
    return call.daemon.traverses.asked(call, {.db = start->db_id,
                                              .reqid = start->reqid,
                                              .srvid = start->srvid,
                                              .with_empty_records = false});
}

ControlOutcome traverse_start_ext(const ControlCall& call) {
    const auto start = protocol::decode<protocol::TraverseStartExt>(call.control.data);
    if (!start) return refused(fmt::format("{}", start.error()));
    return call.daemon.traverses.asked(call, {.db = start->db_id,
                                              .reqid = start->reqid,
                                              .srvid = start->srvid,
                                              .with_empty_records = start->with_empty_records});
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::traverse_start, traverse_start},
    {Opcode::traverse_start_ext, traverse_start_ext},
});

} // namespace

std::span<const ControlRow> traverse_controls() { return rows; }

} // namespace ctdbd::daemon
