// Commands and state of the lock service (statedb/locks.proto), as values.
#pragma once

#include "statedb/locks.h"

namespace statedb {

struct LockCommand {
    std::string name;
    std::uint64_t ticket = 0;
    bool release = false;

    friend bool operator==(const LockCommand&, const LockCommand&) = default;
};

inline constexpr std::size_t lock_name_max = 255;

[[nodiscard]] Bytes encode(const LockCommand& command);
[[nodiscard]] std::optional<LockCommand> decode_lock_command(const Bytes& bytes);

using LockQueues = std::map<std::string, std::vector<Claimant>>;

[[nodiscard]] Bytes encode(const LockQueues& queues);
[[nodiscard]] std::optional<LockQueues> decode_lock_queues(const Bytes& bytes);

} // namespace statedb
