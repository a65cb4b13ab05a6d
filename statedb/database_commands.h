// The commands, summaries and state of the database service as values, and their spelling as bytes.
#pragma once

#include "statedb/databases.h"

#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <variant>

namespace statedb::database_command {

// What somebody's file holds.
struct Holding {
    DatabaseId id = 0;
    std::string name;
    DatabaseKind kind = DatabaseKind::is_volatile;
    Version version;
    std::uint64_t sequence = 0;
    std::uint64_t digest = 0;
};

struct Attach {
    std::uint64_t serial = 0;
    Holding holding;
    bool has_content = false; // the sender's file holds one, nobody else knows the database
};

struct Detach {
    std::uint64_t serial = 0;
    DatabaseId id = 0;
};

struct Commit {
    std::uint64_t serial = 0;
    std::uint64_t oldest_open = 0; // outcomes of the sender's lower serials may be forgotten
    DatabaseId id = 0;
    std::vector<Write> writes;
    bool whole = false;      // what is not written goes
    std::uint32_t parts = 0; // that came before it and belong to it
};

// Writes of a content that is too large for one message; the Commit of this serial has the rest.
struct CommitPart {
    std::uint64_t serial = 0;
    std::uint32_t part = 0;
    std::vector<Write> writes;
};

struct Durable {
    std::vector<std::pair<DatabaseId, Version>> databases;
};

struct Offer {
    std::vector<Holding> holdings;
};

struct ContentPart {
    DatabaseId id = 0;
    std::uint64_t epoch = 0;
    std::uint32_t part = 0;
    bool last = false;
    std::vector<Write> entries;
};

struct Settle {};

struct Barrier {
    std::uint64_t number = 0;
};

using Any =
    std::variant<Attach, Detach, Commit, Durable, Offer, ContentPart, Settle, Barrier, CommitPart>;

// What a member of the component could bring for a database that is not settled.
struct Candidate {
    Version version;
    std::uint64_t sequence = 0;
    std::uint64_t digest = 0;
};

struct SavedDatabase {
    DatabaseId id = 0;
    std::string name;
    DatabaseKind kind = DatabaseKind::is_volatile;
    bool settled = true;
    Version version;
    std::uint64_t digest = 0;
    std::optional<Content> content; // none: the joiner has it already
    std::map<ProcessorId, Candidate> candidates;
    ProcessorId source;
    std::map<ProcessorId, Version> acks;
};

// What became of a commit: kept until its sender no longer asks.
struct Outcome {
    bool committed = false;
    DatabaseId id = 0;
    Version version; // it is durable, or decided, with this
    std::string why; // refused
};

// Parts whose commit has not come yet, by sender, serial and number.
using Parts = std::map<std::tuple<ProcessorId, std::uint64_t, std::uint32_t>, std::vector<Write>>;

struct SavedState {
    std::uint64_t epoch = 0;
    std::vector<ProcessorId> members;
    std::vector<SavedDatabase> databases;
    std::map<ProcessorId, std::map<std::uint64_t, Outcome>> outcomes;
    std::uint64_t awaited_epoch = 0;
    std::vector<NodeId> awaited_nodes;
    std::set<ProcessorId> reported;
    std::uint64_t begun = 0;
    Parts parts;
};

[[nodiscard]] Bytes encode(const Any& command);
[[nodiscard]] std::optional<Any> decode(const Bytes& payload);

// Past the order.
[[nodiscard]] Bytes encode_direct(const Durable& durable);
[[nodiscard]] std::optional<Durable> decode_direct(const Bytes& bytes);

[[nodiscard]] Bytes encode_summary(const std::vector<Holding>& holdings);
[[nodiscard]] std::optional<std::vector<Holding>> decode_summary(const Bytes& bytes);

[[nodiscard]] Bytes encode_state(const SavedState& state);
[[nodiscard]] std::optional<SavedState> decode_state(const Bytes& bytes);

} // namespace statedb::database_command
