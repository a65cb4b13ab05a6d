// One promise of extended virtual synchrony, judged event by event (totem.md 2.2).
//
// A property sees each event before History absorbs it, so that "past" is the past, and throws a
// Violation. Properties are judged in the order of all_properties(), and later ones rely on
// earlier ones: P14 need not ask whether a process may deliver at all, P9 has.
#pragma once

#include "sim/checker/history.h"

#include <memory>

namespace sim {

class Property {
public:
    virtual ~Property() = default;
    virtual void judge(const trace::Event& event, const History& past) = 0;

    // The trace is complete.
    virtual void conclude(const History& past) { (void)past; }
};

// Hands each event to Derived::on(who, body, past) if there is one for that body.
template <class Derived>
class Judge : public Property {
public:
    void judge(const trace::Event& event, const History& past) override {
        std::visit(
            [&](const auto& body) {
                auto& derived = static_cast<Derived&>(*this);
                if constexpr (requires { derived.on(event.who, body, past); })
                    derived.on(event.who, body, past);
            },
            event.body);
    }
};

using Properties = std::vector<std::unique_ptr<Property>>;

// Log form, configurations and their succession: P1 to P6, P9, P22.
void add_configuration_properties(Properties& properties);
// Messages: creation, duplicates, places, order, self-delivery, service: P7, P8, P10 to P12, P15,
// P16, P20 (what the trace shows of it).
void add_message_properties(Properties& properties);
// What processes owe each other: P14, P17 to P19.
void add_agreement_properties(Properties& properties);
// What only a whole run shows: P13, P21, P25, P26.
void add_closing_properties(Properties& properties);

[[nodiscard]] Properties all_properties();

} // namespace sim
