// The application of ring-only runs: it says things of all sizes at random moments and checks that
// what it hears is, byte for byte, what was said.
#pragma once

#include "sim/application.h"
#include "sim/scenario.h"

namespace sim {

class Talkers final : public Applications {
public:
    explicit Talkers(const TalkPlan& plan) : plan_(plan) {}

    std::unique_ptr<Application> make(Surroundings& surroundings) override;

private:
    TalkPlan plan_;
};

// What the message number `counter` of a processor consists of, if it has this size.
[[nodiscard]] Bytes spoken(const ProcessorId& speaker, std::uint64_t counter, std::size_t size);

} // namespace sim
