#include "statedb/locks_codec.h"

#include "statedb/codec.h"
#include "statedb/locks.pb.h"

namespace statedb {

namespace {

bool is_name(const std::string& name) { return !name.empty() && name.size() <= lock_name_max; }

} // namespace

Bytes encode(const LockCommand& command) {
    wire::LockCommand out;
    out.set_name(command.name);
    out.set_ticket(command.ticket);
    out.set_release(command.release);
    return bytes_of(out);
}

std::optional<LockCommand> decode_lock_command(const Bytes& bytes) {
    wire::LockCommand in;
    if (!parsed(in, bytes) || !is_name(in.name())) return std::nullopt;
    return LockCommand{.name = in.name(), .ticket = in.ticket(), .release = in.release()};
}

Bytes encode(const LockQueues& queues) {
    wire::LockQueues out;
    for (const auto& [name, claimants] : queues) {
        auto& queue = *out.add_queues();
        queue.set_name(name);
        for (const Claimant& claimant : claimants) {
            auto& to = *queue.add_claimants();
            put(claimant.processor, to);
            to.set_ticket(claimant.ticket);
        }
    }
    return bytes_of(out);
}

std::optional<LockQueues> decode_lock_queues(const Bytes& bytes) {
    wire::LockQueues in;
    if (!parsed(in, bytes)) return std::nullopt;
    LockQueues queues;
    for (const auto& queue : in.queues()) {
        if (!is_name(queue.name()) || queue.claimants().empty()) return std::nullopt;
        auto& claimants = queues[queue.name()];
        for (const auto& claimant : queue.claimants())
            claimants.push_back({get(claimant), claimant.ticket()});
    }
    return queues;
}

} // namespace statedb
