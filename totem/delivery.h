// What a ring tells the application: messages in one order, and who is there while they are
// delivered.
#pragma once

#include "totem/ids.h"

#include <vector>

namespace totem {

// agreed: all lower positions of the ring were delivered before. safe: agreed, and every member of
// the configuration in which it is delivered has the message (EVS, totem.md 1.3).
enum class Service : std::uint8_t { agreed, safe };

// A message's place in the total order of its ring: the packet that holds its last chunk, and that
// chunk's index in the packet.
struct Position {
    Seq seq;
    std::uint8_t index = 0;

    friend auto operator<=>(const Position&, const Position&) = default;
};

// One message, handed to the application. (origin, counter) names it for ever.
struct Delivery {
    ProcessorId origin;
    std::uint64_t counter = 0; // counts the origin's submissions of this incarnation, from 1
    Service service = Service::agreed;
    RingId ring;
    Position position;
    Bytes payload;
};

// What one member told the others about itself when the ring was formed: opaque to the ring, at
// most `hint_size_max` bytes (statedb keeps the voting history in it, so that quorum is known at
// once).
inline constexpr std::size_t hint_size_max = 64;

struct Configuration {
    enum class Kind : std::uint8_t { regular, transitional };

    Kind kind = Kind::regular;
    RingId ring;     // the (coming) regular configuration's ring
    RingId previous; // the ring they come from; ring.seq 0 if this is the processor's first
    std::vector<ProcessorId>
        members; // sorted; of a transitional one: those that come together from `previous`
    std::vector<Bytes> hints; // regular only: the members' hints, in the order of `members`
};

std::string describe(Service service); // "agreed", "safe"
std::string describe(const Delivery& delivery);
std::string describe(const Configuration& configuration);

} // namespace totem
