// What waits for the ring: one queue per processor, in the order of submission, of which a part may
// have to stay while we may not act.
#pragma once

#include "statedb/host.h"

#include <deque>

namespace statedb {

class Outgoing {
public:
    enum class Lane : std::uint8_t {
        host,    // the hosts' own; meant for the present ring only
        free,    // not part of the replicated order: goes out in every configuration
        ordered, // commands of the order: only while we are active, or they would just be refused
    };

    void push(Lane lane, Bytes payload, Service guarantee);

    // The oldest message that may go, null if none; pop() takes the one that was shown last.
    [[nodiscard]] const Host::Pending* next(bool ordered_too);
    void pop();

    // The ring ended: what the host meant for it has no sense on another.
    void forget_host_messages();

    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    struct Entry {
        Host::Pending message;
        std::uint64_t serial = 0;
        bool host = false;
    };

    std::deque<Entry> always_; // host and free
    std::deque<Entry> ordered_;
    std::deque<Entry>* shown_ = nullptr; // whose front next() returned
    std::uint64_t last_serial_ = 0;
    std::size_t bytes_ = 0;
};

} // namespace statedb
