// What hosts tell each other (statedb/host.proto), as values, and the envelope of every message of
// the layer.
//
// An envelope is one byte, the service and whether the message is part of the replicated order;
// a command of the order then carries its sender's number for it; the rest is the service's.
#pragma once

#include "statedb/position.h"
#include "statedb/quorum.h"
#include "statedb/service.h"

#include <map>
#include <variant>

namespace statedb {

struct StateReport {
    bool full = false;
    Position green, total;
    History history;
    std::map<ServiceId, Bytes> summaries;
    std::vector<ProcessorId> view;
    std::vector<ProcessorId> left;
    bool has_witness = false;
    ClusterList cluster; // that it goes by

    friend bool operator==(const StateReport&, const StateReport&) = default;
};

struct Create {
    std::uint64_t index = 0;

    friend bool operator==(const Create&, const Create&) = default;
};

struct StateHeld {
    friend bool operator==(const StateHeld&, const StateHeld&) = default;
};

struct Goodbye {
    friend bool operator==(const Goodbye&, const Goodbye&) = default;
};

struct Chunk {
    std::uint64_t base = 0;
    std::vector<ProcessorId> targets;
    std::uint32_t number = 0;
    std::uint32_t count = 0;
    Bytes data;

    friend bool operator==(const Chunk&, const Chunk&) = default;
};

struct ClusterSaid {
    ClusterList cluster;

    friend bool operator==(const ClusterSaid&, const ClusterSaid&) = default;
};

using DigestMap = std::map<ServiceId, std::uint64_t>;

struct Digests {
    std::uint64_t index = 0;
    DigestMap digests;

    friend bool operator==(const Digests&, const Digests&) = default;
};

struct Testimony {
    History witness;

    friend bool operator==(const Testimony&, const Testimony&) = default;
};

struct HostMessage {
    RingId ring;
    std::variant<StateReport, Create, StateHeld, Goodbye, Chunk, Digests, Testimony, ClusterSaid>
        content;

    friend bool operator==(const HostMessage&, const HostMessage&) = default;
};

[[nodiscard]] Bytes encode(const HostMessage& message);
[[nodiscard]] std::optional<HostMessage> decode_host_message(const Bytes& bytes);

// The last command of each node's processor that was applied. A processor's commands are applied in
// the order of their numbers, so one number says which of them were.
struct AppliedNumber {
    std::uint32_t incarnation = 0;
    std::uint64_t number = 0;

    friend bool operator==(const AppliedNumber&, const AppliedNumber&) = default;
};

using AppliedNumbers = std::map<NodeId, AppliedNumber>;

// All that a replica is at one position.
struct Snapshot {
    Position position;
    AppliedNumbers applied;
    std::map<ServiceId, Bytes> services;

    friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

[[nodiscard]] Bytes encode(const Snapshot& snapshot);
[[nodiscard]] std::optional<Snapshot> decode_snapshot(const Bytes& bytes);

struct Envelope {
    ServiceId service = ServiceId::host;
    bool ordered = false;     // part of the replicated order
    std::uint64_t number = 0; // ordered only: counts the sender's commands, from 1
    Bytes content;

    friend bool operator==(const Envelope&, const Envelope&) = default;
};

[[nodiscard]] Bytes wrap(const Envelope& envelope);
[[nodiscard]] std::optional<Envelope> unwrap(const Bytes& message); // content shares its memory

} // namespace statedb
