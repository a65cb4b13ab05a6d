// The commands of the record service as values, and their spelling as bytes. What they do is
// records.cpp's and directory.cpp's business.
#pragma once

#include "statedb/directory.h"

#include <optional>
#include <variant>
#include <vector>

namespace statedb::record_command {

struct Claim {
    RecordName record;
    bool create = false; // only in a safe message: see records.cpp
    Grant given = 0;     // Directory::Claimant
    Grant held = 0;
};

struct Moved {
    struct Move {
        RecordName record;
        Grant grant = 0;
        ProcessorId to;
        std::optional<Bytes> data; // none: `to` has it
    };

    std::vector<Move> moves;
};

struct HandOff {
    RecordName record;
    Grant grant = 0;
    Bytes data;
};

struct Owned {
    RecordName record;
    Grant grant = 0;
};

// A hand-off to whoever shall have them: the sender is about to leave.
struct Bequest {
    std::vector<HandOff> records;
};

struct Missing {
    std::vector<Owned> records;
};

struct Vacuum {
    std::vector<Owned> records;
};

struct Drop {
    DatabaseId db = 0;
};

struct Copies {
    std::vector<Directory::Report> copies;
};

// These are to be looked for, if they are lost. None: somebody waits until nothing is lost.
struct Search {
    std::vector<RecordName> records;
};

struct NoticeOver {
    ProcessorId who;
    std::uint64_t epoch = 0; // in which it departed
};

struct Returned {
    std::uint64_t number = 0;
};

struct Read {
    RecordName record;
    std::uint64_t ticket = 0;
    bool keep = false; // a copy that its clients may read would be welcome
};

struct ReadReply {
    ProcessorId reader;
    std::uint64_t ticket = 0;
    Bytes data;
};

// The owner's answer to a Read that would keep what it reads; its own clients do not write any
// more.
struct Delegate {
    RecordName record;
    Grant grant = 0;
    ProcessorId reader;
    std::uint64_t ticket = 0;
    Bytes data;
};

// The sender's clients cannot read the copies any more that it had under these grants.
struct CopiesDropped {
    std::vector<Owned> records;
};

using Any = std::variant<Claim,
                         HandOff,
                         Missing,
                         Vacuum,
                         Drop,
                         Copies,
                         NoticeOver,
                         Returned,
                         Read,
                         ReadReply,
                         Bequest,
                         Moved,
                         Search,
                         Delegate,
                         CopiesDropped>;

// Delivered in which way; but for a claim that may create, which is safe.
[[nodiscard]] Service guarantee_of(const Any& command);

[[nodiscard]] Bytes encode(const Any& command);
[[nodiscard]] std::optional<Any> decode(const Bytes& payload);

// -- outside of the order (records_direct.cpp)

// Somebody wants the record.
struct Ask {
    RecordName record;
    ProcessorId asking;
    std::uint32_t hops = 0; // so often it may still be passed on
};

// It is the receiver's from now on, whatever else happens.
struct Give {
    RecordName record;
    Grant grant = 0;
    Bytes data;
    std::vector<ProcessorId> asking; // after the receiver, in this order
};

// Not this way: claim it in the order.
struct Decline {
    RecordName record;
};

struct Direct {
    RingId ring; // counts in this configuration only
    std::variant<Ask, Give, Decline> content;
};

[[nodiscard]] Bytes encode_direct(const Direct& message);
[[nodiscard]] std::optional<Direct> decode_direct(const Bytes& bytes);

[[nodiscard]] Bytes encode_state(const Directory::Saved& state);
[[nodiscard]] std::optional<Directory::Saved> decode_state(const Bytes& bytes);

} // namespace statedb::record_command
