// Every number of the protocol that an operator or a test may turn (totem.md 4.5, 5.2), with LAN
// defaults. validate() states the constraints between them.
#pragma once

#include "totem/ids.h"

#include <optional>
#include <string>

namespace totem {

struct Settings {
    // -- sizes
    // ------------------------------------------------------------------------------------------
    std::size_t body_max =
        1500 - 28 - 58; // largest packet body: MTU less IP/UDP headers and envelope with tag
    std::size_t queue_bytes_max = std::size_t{16} << 20; // waiting submissions (8.2)

    // -- flow control, in packets (4.5)
    // ---------------------------------------------------------------
    std::uint32_t window = 0;    // by all members per rotation; 0: adapts between 20 N and 128 N
    std::uint32_t visit_max = 0; // new ones of one member per visit; 0: max(20, window / N)
    std::uint32_t accelerated =
        80; // per cent of a visit's packets sent after the token (4.9); 0: original protocol
    std::uint32_t outstanding_windows = 4; // bound on seq - aru, in windows; at least 3
    std::uint32_t consumer_windows =
        4; // delivered and not yet consumed messages before aru is held back

    // -- timers (5.2)
    // -----------------------------------------------------------------------------------
    Duration token_loss = 300ms;
    Duration token_retransmit_min = 2ms;
    Duration hold_min = 1ms;
    Duration hold_max = 20ms;
    Duration hurry = 1ms;
    Duration join = 30ms;
    Duration join_coalesce_max = 2ms;
    Duration consensus = 360ms;
    Duration silence = 60ms; // without a JOIN, beyond T_token_loss: a member is gone (ADR 0014)
    Duration commit_wait = 300ms;
    Duration commit = 300ms;
    Duration recovery_max = 10s;
    Duration probe = 250ms;
    Duration backoff_base = 1s;
    Duration backoff_max = 60s;
    Duration leave = 2s;
    Duration rtr_pace =
        1ms; // delay of the token by the representative while retransmissions fail (4.7)
    Duration ftr_time = 500ms;        // failure to receive: the stall must last this long ...
    std::uint32_t ftr_rotations = 50; // ... and this many visits
    Duration slow_consumer = 10s;
    std::uint32_t blame_limit = 3;
    std::uint32_t flap_limit = 5; // new incarnations of one node in 60 s

    // Streams must echo our challenge before they may change anything (7.4). Off only without a
    // key.
    bool verify_streams = true;

    [[nodiscard]] std::uint32_t window_for(std::size_t members) const; // the largest
    [[nodiscard]] std::uint32_t window_least_for(std::size_t members) const;
    // Of one member per visit, while the window is `window_now`.
    [[nodiscard]] std::uint32_t visit_max_for(std::size_t members, std::uint32_t window_now) const;
    [[nodiscard]] std::uint32_t outstanding_max_for(std::size_t members) const; // packets
    // Packets of one ring that a member may have to keep: seq runs ahead of aru by the bound on
    // outstanding ones, and a member learns only two rotations later that a packet is safe.
    [[nodiscard]] std::uint32_t held_max_for(std::size_t members) const;
    // T_token_loss grows with the ring: at least token_loss + (N - 2) * 20 ms / 300 ms of it (5.2).
    [[nodiscard]] Duration token_loss_for(std::size_t members) const;

    // The first violated constraint as a sentence for the operator, if any.
    [[nodiscard]] std::optional<std::string> validate() const;

    // The defaults for another T_token_loss (5.2, "scale all by the same factor"). Who waits for
    // others waits as much longer or shorter; who repeats himself does so as much more often, but
    // never more rarely.
    [[nodiscard]] static Settings for_token_loss(Duration token_loss);
    [[nodiscard]] static Settings simulated(); // the "default sim" column of 5.2
};

} // namespace totem
