// What daemons of one cluster write to each other (ctdbd/letters.proto, where each is explained).
// How a letter travels and to whom: the messages service. What it causes: courier.h and those it
// hands letters to.
#pragma once

#include "base/bytes.h"
#include "ctdbd/protocol/opcodes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ctdbd::daemon {

using base::Bytes;

struct ClientMessage {
    std::uint64_t srvid = 0;
    Bytes data;

    friend bool operator==(const ClientMessage&, const ClientMessage&) = default;
};

struct ControlRequest {
    std::uint64_t id = 0; // 0: no reply wanted
    protocol::Opcode opcode{};
    std::uint64_t srvid = 0;
    std::uint32_t client_id = 0;
    std::uint32_t flags = 0;
    Bytes data;

    friend bool operator==(const ControlRequest&, const ControlRequest&) = default;
};

struct ControlAnswer {
    std::uint64_t id = 0;
    std::int32_t status = 0;
    Bytes data;
    std::string error;

    friend bool operator==(const ControlAnswer&, const ControlAnswer&) = default;
};

struct TraverseStart {
    std::uint64_t id = 0;
    std::uint32_t db = 0;
    bool with_empty_records = false;
    std::uint64_t newer_than = 0;

    friend bool operator==(const TraverseStart&, const TraverseStart&) = default;
};

struct TraverseRecords {
    struct Record {
        Bytes key, value;

        friend bool operator==(const Record&, const Record&) = default;
    };

    std::uint64_t id = 0;
    std::vector<Record> records;
    bool last = false;

    friend bool operator==(const TraverseRecords&, const TraverseRecords&) = default;
};

struct TraverseNext {
    std::uint64_t id = 0;

    friend bool operator==(const TraverseNext&, const TraverseNext&) = default;
};

struct TraverseStop {
    std::uint64_t id = 0;

    friend bool operator==(const TraverseStop&, const TraverseStop&) = default;
};

struct TunnelPacket {
    std::uint64_t tunnel_id = 0;
    std::uint32_t flags = 0; // protocol::tunnel_flag::
    Bytes data;

    friend bool operator==(const TunnelPacket&, const TunnelPacket&) = default;
};

struct Testament {
    std::uint32_t incarnation = 0;
    Bytes commitment;

    friend bool operator==(const Testament&, const Testament&) = default;
};

using Letter = std::variant<ClientMessage,
                            ControlRequest,
                            ControlAnswer,
                            TraverseStart,
                            TraverseRecords,
                            TraverseNext,
                            TraverseStop,
                            TunnelPacket,
                            Testament>;

[[nodiscard]] Bytes encode(const Letter& letter);
// None: malformed, or a kind that only a later version knows.
[[nodiscard]] std::optional<Letter> decode_letter(const Bytes& bytes);

} // namespace ctdbd::daemon
