// A place in the order of commands, and what lies before it in 64 bits.
#pragma once

#include "statedb/digest.h"
#include "totem/delivery.h"

namespace statedb {

using namespace totem;

// The end of a sequence of commands and formations. Equal positions have equal sequences behind
// them: `chain` is a digest of the commands' and the formations' names, and one name has one
// content (P10).
struct Position {
    std::uint64_t epoch = 0; // of the last primary component that formed in the sequence
    std::uint64_t index = 0; // of the last command
    std::uint64_t chain = 0;

    friend auto operator<=>(const Position&, const Position&) = default;
};

[[nodiscard]] inline Position after_command(Position at, const Delivery& command) {
    at.index += 1;
    at.chain = Digest{}
                   .add(at.chain)
                   .add(command.ring.seq)
                   .add(command.ring.representative.node)
                   .add(command.ring.representative.incarnation)
                   .add(command.position.seq.value)
                   .add(command.position.index)
                   .value();
    return at;
}

// Two rings may try the same epoch, of which at most one is formed; what somebody holds of the
// other must not look alike.
[[nodiscard]] inline Position
after_formation(Position at, const RingId& ring, std::uint64_t epoch) {
    at.epoch = epoch;
    at.chain = Digest{}
                   .add(at.chain)
                   .add(ring.seq)
                   .add(ring.representative.node)
                   .add(ring.representative.incarnation)
                   .add(epoch)
                   .value();
    return at;
}

} // namespace statedb
