// Which databases are attached, and what the persistent and replicated ones hold.
//
// Attaching, detaching and committing are commands, so every member opens the same databases of the
// same kind at the same point of the order and applies the same transactions in the same sequence.
// The content of a persistent or replicated database is held in memory, whole (key -> value with
// its 24-byte header, ctdb-wire.md 5.5); the node's TDB file is its durable projection, which local
// clients read. A committing client is answered when the commit is durable on every member of the
// component. Volatile databases have only their name here; their records are in records.h.
//
// Flags that belong to one node alone (read-only, sticky, sequence number) are the world's matter.
#pragma once

#include "statedb/record_types.h"
#include "statedb/service.h"

#include <array>
#include <map>
#include <memory>
#include <span>

namespace statedb {

enum class DatabaseKind : std::uint8_t { is_volatile, is_replicated, is_persistent };

std::string describe(DatabaseKind kind);

// Which content a file holds: of the component of `epoch`, up to command `index`. Stored durably by
// the world beside the content (with it or after it, never before); a file without one has {0, 0}.
// Of two contents the one with the greater version is the newer.
struct Version {
    std::uint64_t epoch = 0;
    std::uint64_t index = 0;

    friend auto operator<=>(const Version&, const Version&) = default;
};

// Values begin with the 24-byte header; a value that is only a header is a tombstone.
using Content = std::map<std::string, Bytes>;

struct Write {
    std::string key;
    Bytes value; // header and data

    friend bool operator==(const Write&, const Write&) = default;
};

// What the world has on its disk.
struct OnDisk {
    DatabaseId id = 0;
    Version version;

    friend bool operator==(const OnDisk&, const OnDisk&) = default;
};

// -- effects: what the local world must do, those of one database in the order drained

struct Open { // create or open the file; nothing to do if it is open already
    DatabaseId id = 0;
    std::string name;
    DatabaseKind kind = DatabaseKind::is_volatile;
};

struct Close { // detached: close and forget the file
    DatabaseId id = 0;
};

// One transaction: all writes in one TDB transaction, synced (one sync may serve several Applies in
// a row), then durable(id, version). A reader of the local file may not see it later than a message
// that was ordered after it (trap 16).
struct Apply {
    DatabaseId id = 0;
    Version version;
    std::vector<Write> writes;
};

// The whole content, in one transaction; what is not in it goes. Then durable(id, version).
struct Replace {
    DatabaseId id = 0;
    Version version;
    Content content;
};

// The content that the file has is that of `version`. Store the version, then durable(id, version).
struct Confirm {
    DatabaseId id = 0;
    Version version;
};

struct Attached {
    std::uint64_t ticket = 0;
    DatabaseId id = 0;
};

struct AttachRefused {
    std::uint64_t ticket = 0;
    std::string why;
};

struct Detached {
    std::uint64_t ticket = 0;
};

struct DetachRefused {
    std::uint64_t ticket = 0;
    std::string why;
};

struct Committed { // durable on every member
    std::uint64_t ticket = 0;
};

// Never applied anywhere, and never will be; unless `unsure`: nobody is left who knows what became
// of it, since a new volatile epoch began after it was sent, and it may be in the content that is
// followed now. It comes when the local file holds everything that was committed before the
// refusal, so the client's look at the sequence number decides (ctdb-behaviour.md 1.5.8, trap 11).
struct CommitRefused {
    std::uint64_t ticket = 0;
    std::string why;
    bool unsure = false;
};

using DatabaseEffect = std::variant<Open,
                                    Close,
                                    Apply,
                                    Replace,
                                    Confirm,
                                    Attached,
                                    AttachRefused,
                                    Detached,
                                    DetachRefused,
                                    Committed,
                                    CommitRefused>;

std::string describe(const DatabaseEffect& effect);

struct DatabaseStatus {
    DatabaseId id = 0;
    std::string name;
    DatabaseKind kind = DatabaseKind::is_volatile;
    Version version;
    std::uint64_t sequence = 0; // __db_sequence_number__; 0: none
    // False: the members have different contents and the one to follow is not known or has not
    // arrived. Commits wait.
    bool settled = true;
};

class Databases final : public StateMachine {
public:
    // `direct`: DirectMessages are carried; else all is told in the order.
    explicit Databases(ProcessorId self, bool direct = false);
    ~Databases() override;

    // -- at start, before anything else
    // A persistent database that our disk holds, whole.
    void
    loaded(DatabaseId id, std::string name, DatabaseKind kind, Version version, Content content);

    // -- local requests; tickets are the caller's own numbers
    void attach(DatabaseId id, std::string name, DatabaseKind kind, std::uint64_t ticket, Outbox&);
    void detach(DatabaseId id, std::uint64_t ticket, Outbox& out);
    // Refused if a stored rsn is not lower while the data differs, or if it contains
    // __db_sequence_number__ and that is not the present one plus one.
    void commit(DatabaseId id, std::vector<Write> writes, std::uint64_t ticket, Outbox& out);
    // The whole content becomes this, whatever it was (wipe, restore of a backup); answered like a
    // commit.
    void replace(DatabaseId id, std::vector<Write> content, std::uint64_t ticket, Outbox& out);
    // The operator's word: databases that wait for a node which may hold a newer content follow the
    // newest content that is present.
    void settle(Outbox& out);

    // -- answer of the world
    // Everything of these databases up to these versions is on disk. What became so at once should
    // be told at once: it is one message to the others.
    void durable(std::span<const OnDisk> files, Outbox& out);

    void durable(DatabaseId id, Version version, Outbox& out) {
        durable(std::array{OnDisk{id, version}}, out);
    }

    [[nodiscard]] std::vector<DatabaseEffect> take_effects();

    // -- outside of the order
    // A DirectMessage's content.
    void arrived(ProcessorId from, const Bytes& message);
    [[nodiscard]] std::vector<DirectMessage> take_messages();

    // -- what is known
    [[nodiscard]] std::vector<DatabaseStatus> databases() const; // by id
    [[nodiscard]] std::optional<DatabaseStatus> find(DatabaseId id) const;
    // Of a persistent or replicated database, as committed so far; null if there is none.
    [[nodiscard]] const Content* content(DatabaseId id) const;

    // -- StateMachine
    [[nodiscard]] ServiceId id() const override { return ServiceId::databases; }

    void apply(const Command& command, Outbox& out) override;
    void configured(const View& view, Outbox& out) override;
    [[nodiscard]] Bytes summary() const override;
    [[nodiscard]] Bytes save(const Summary& joiner) const override;
    [[nodiscard]] bool load(const Bytes& state, Outbox& out) override;
    void begin_epoch(std::span<const Summary> summaries, Outbox& out) override;
    [[nodiscard]] std::uint64_t digest() const override;
    void tick(Outbox& out) override;
    [[nodiscard]] std::optional<Instant> deadline() const override;
    void refused(const Bytes& payload, Outbox& out) override;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace statedb
