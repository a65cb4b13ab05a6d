// The operations of the client socket: what each packet says after its header (ctdb-wire.md section
// 2).
//
// Inner lengths are checked against the packet; what a client appends beyond them (tail padding) is
// ignored. The node-to-node operations are here because a client may send them, and a log line may
// want to name what it got; nothing in this project speaks them between nodes.
#pragma once

#include "ctdbd/protocol/codec.h"
#include "ctdbd/protocol/frame.h"
#include "ctdbd/protocol/numbers.h"
#include "ctdbd/protocol/opcodes.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ctdbd::protocol {

struct Call {
    static constexpr Operation operation = Operation::req_call;

    std::uint32_t flags = 0; // call_flag::
    std::uint32_t db_id = 0;
    std::uint32_t callid = 0; // call_id::
    std::uint32_t hopcount = 0;
    Bytes key, data;

    friend bool operator==(const Call&, const Call&) = default;
};

struct ReplyCall {
    static constexpr Operation operation = Operation::reply_call;

    std::int32_t status = 0;
    Bytes data;

    friend bool operator==(const ReplyCall&, const ReplyCall&) = default;
};

struct Dmaster {
    static constexpr Operation operation = Operation::req_dmaster;

    std::uint32_t db_id = 0;
    std::uint64_t rsn = 0;
    std::uint32_t dmaster = 0;
    Bytes key, data;
    std::optional<std::uint32_t> record_flags; // absent in short packets

    friend bool operator==(const Dmaster&, const Dmaster&) = default;
};

struct ReplyDmaster {
    static constexpr Operation operation = Operation::reply_dmaster;

    std::uint32_t db_id = 0;
    std::uint64_t rsn = 0;
    Bytes key, data;
    std::optional<std::uint32_t> record_flags;

    friend bool operator==(const ReplyDmaster&, const ReplyDmaster&) = default;
};

struct ReplyError {
    static constexpr Operation operation = Operation::reply_error;

    std::int32_t status = 0;
    std::string message;

    friend bool operator==(const ReplyError&, const ReplyError&) = default;
};

struct Message {
    static constexpr Operation operation = Operation::req_message;

    std::uint64_t srvid = 0;
    Bytes data;

    friend bool operator==(const Message&, const Message&) = default;
};

struct Control {
    static constexpr Operation operation = Operation::req_control;

    Opcode opcode{}; // any value: facts_of(opcode) knows which exist
    std::uint64_t srvid = 0;
    std::uint32_t client_id = 0; // from a client: not to be believed, the daemon fills it in
    std::uint32_t flags = 0;     // control_flag::
    Bytes data;

    friend bool operator==(const Control&, const Control&) = default;
};

// With a status other than 0 there is no data: the tool looks for the error text where data would
// begin. encode_packet checks it; the two makers below keep it.
struct ReplyControl {
    static constexpr Operation operation = Operation::reply_control;

    std::int32_t status = 0;
    Bytes data;
    std::string error; // on the wire without NUL

    [[nodiscard]] static ReplyControl done(Bytes data = {}) {
        return {.status = 0, .data = std::move(data), .error = {}};
    }

    // Also for the controls whose answer is the status itself (GET_PNN, PING, ...).
    [[nodiscard]] static ReplyControl with_status(std::int32_t status, std::string error = {}) {
        return {.status = status, .data = {}, .error = std::move(error)};
    }

    friend bool operator==(const ReplyControl&, const ReplyControl&) = default;
};

struct Keepalive {
    static constexpr Operation operation = Operation::req_keepalive;

    std::uint32_t version = 0; // major << 16 | minor
    std::uint32_t uptime = 0;  // seconds

    friend bool operator==(const Keepalive&, const Keepalive&) = default;
};

struct Tunnel {
    static constexpr Operation operation = Operation::req_tunnel;

    std::uint64_t tunnel_id = 0;
    std::uint32_t flags = 0; // tunnel_flag::
    Bytes data;

    friend bool operator==(const Tunnel&, const Tunnel&) = default;
};

// decode<Call>(packet.body()) and so on; the error names the field that lies.

enum class Padding : std::uint8_t {
    daemon, // to a multiple of 8; REPLY_CALL, REPLY_CONTROL and REQ_MESSAGE at least 48 bytes
    tool,   // to a multiple of 8, as clients built on CTDB's own library do
    none,   // the exact length, as Samba does
};

// A whole packet, header included. `header.operation` is replaced by the body's own.
template <class Body>
[[nodiscard]] Bytes
encode_packet(Header header, const Body& body, Padding padding = Padding::daemon);

} // namespace ctdbd::protocol
