// The insides of Databases, shared by its files and nobody else: databases.cpp (requests, attach),
// databases_commit.cpp (commits and their durability), databases_formation.cpp (which content a
// component follows, state transfer).
#pragma once

#include "statedb/database_commands.h"
#include "statedb/databases.h"

namespace statedb {

// Content with its digest, which follows every change.
class Store {
public:
    Store() = default;
    explicit Store(Content content);

    void write(const std::string& key, const Bytes& value);

    [[nodiscard]] const Content& content() const { return content_; }

    [[nodiscard]] std::uint64_t digest() const { return digest_; }

    [[nodiscard]] std::uint64_t sequence() const; // __db_sequence_number__; 0: none

private:
    Content content_;
    std::uint64_t digest_ = 0; // sum over the entries
};

// Of a value: the record sequence number of its header, and what is behind it. The value has a
// header.
[[nodiscard]] std::uint64_t rsn_of(const Bytes& value);
[[nodiscard]] std::string_view data_of(const Bytes& value);
[[nodiscard]] const std::string& sequence_key();

// The service holds its content; a volatile one is a name here.
[[nodiscard]] inline bool is_kept(DatabaseKind kind) { return kind != DatabaseKind::is_volatile; }

struct Databases::State {
    struct Database {
        std::string name;
        DatabaseKind kind = DatabaseKind::is_volatile;
        // Settled: the replicated content and its version. Not settled: what our own file holds.
        Store store;
        Version version;
        bool settled = true;
        std::map<ProcessorId, database_command::Candidate> candidates; // while not settled
        ProcessorId source;                  // whose content is followed, once that is decided
        std::vector<Write> incoming;         // of it, so far
        std::uint32_t parts = 0;             // that have arrived
        std::map<ProcessorId, Version> acks; // durable on these members
    };

    struct LocalCommit {
        std::uint64_t ticket = 0;
        DatabaseId id = 0;
        std::vector<Write> writes;
        bool whole = false;
        // Where the parts of a large content end, in `writes`; what is behind the last one goes
        // with the commit itself. Parts are sent as those before them arrive.
        std::vector<std::size_t> part_ends;
        std::uint32_t parts_sent = 0, parts_arrived = 0;
        bool sent = false;              // or begun to be
        std::uint64_t begun = 0;        // the volatile epoch in which it was sent first; 0: never
        std::optional<Version> version; // applied; waits until it is durable everywhere
        // The content that took the place of the one its client read: it is not sent any more.
        std::optional<Version> overtaken;
    };

    struct LocalAttach {
        std::optional<std::uint64_t> ticket; // none: our own wish, for a file that others lack
        database_command::Holding holding;
        bool sent = false;
    };

    struct LocalDetach {
        std::uint64_t ticket = 0;
        DatabaseId id = 0;
        bool sent = false;
    };

    struct HeldRefusal { // decided; told when our file is as far
        std::uint64_t ticket = 0;
        DatabaseId id = 0;
        Version version;
        std::string why;
        bool unsure = false;
    };

    State(ProcessorId who, bool tells_directly) : self(who), direct(tells_directly) {}

    // -- databases.cpp
    void on(const Command& command, const database_command::Attach& attach, Outbox& out);
    void on(const Command& command, const database_command::Detach& detach, Outbox& out);
    void on(const Command& command, const database_command::Commit& commit, Outbox& out);
    void on(const Command& command, const database_command::CommitPart& part, Outbox& out);
    void on(const Command& command, const database_command::Durable& durable, Outbox& out);
    void on(const Command& command, const database_command::Offer& offer, Outbox& out);
    void on(const Command& command, const database_command::ContentPart& part, Outbox& out);
    void on(const Command& command, const database_command::Settle& settle, Outbox& out);
    void on(const Command& command, const database_command::Barrier& barrier, Outbox& out);
    [[nodiscard]] std::string refuse_attach(const database_command::Holding& wish) const;
    std::pair<Database&, bool> open(const database_command::Holding& holding); // and if it is new
    void create(const Command& command, const database_command::Attach& attach, Outbox& out);
    void resume(Outbox& out);
    void probe(Outbox& out);
    void send_barrier(Outbox& out);

    // -- databases_commit.cpp
    [[nodiscard]] std::string refuse_commit(const Database& database,
                                            const std::vector<Write>& writes) const;
    void make(Database& database, Version version, const database_command::Commit& commit);
    void send_commits(Outbox& out);
    void replace_file(DatabaseId id, Version version, const Content& content);
    [[nodiscard]] std::optional<Version> on_its_way_to_disk(DatabaseId id) const;
    void refuse_overtaken();
    void send_parts(std::uint64_t serial, LocalCommit& commit, Outbox& out);
    [[nodiscard]] std::optional<std::vector<Write>>
    assembled(ProcessorId sender, const database_command::Commit& commit) const;
    void forget_parts(ProcessorId sender, std::uint64_t below_serial);
    void resolve(std::uint64_t serial, const database_command::Outcome& outcome);
    void answer_commits();
    void answer_refusals();
    void send_acks(Outbox& out);
    [[nodiscard]] bool durable_on(ProcessorId who, DatabaseId id, Version version) const;
    void tell_committers(std::span<const OnDisk> files);

    // -- databases_formation.cpp
    [[nodiscard]] std::vector<database_command::Holding> holdings() const;
    void form(const View& view);
    void choose(DatabaseId id, Database& database, Version version, bool forced, Outbox& out);
    void choose_all(Version version, bool forced, Outbox& out);
    [[nodiscard]] bool newest_is_here(const Database& database) const;
    [[nodiscard]] bool may_be_unknown(const database_command::Holding& wish) const;
    void settle(DatabaseId id, Database& database, Version version);
    void send_content(DatabaseId id, const Database& database, Outbox& out) const;
    void send_offer(Outbox& out);
    void adopt(const database_command::SavedState& saved);
    void want_attached_what_is_staged();
    void open_as(DatabaseKind kind, DatabaseId id, const std::map<DatabaseId, Database>& own);

    void send(const database_command::Any& command, Outbox& out, Service how) {
        out.submit(ServiceId::databases, encode(command), how);
    }

    template <class Effect>
    void emit(Effect effect) {
        effects.push_back(std::move(effect));
    }

    // Whether our commands can be ordered and those from before a state transfer are settled.
    [[nodiscard]] bool active() const { return primary && barrier_awaited == 0; }

    // -- replicated
    std::uint64_t epoch = 0;
    std::uint64_t begun = 0; // the epoch that began as a new volatile one; outcomes since are known
    std::vector<ProcessorId> members;
    std::map<DatabaseId, Database> databases;
    // What became of commits, by sender and its serial, as long as the sender may ask: it asks when
    // its commit was ordered within a state that it then loaded.
    std::map<ProcessorId, std::map<std::uint64_t, database_command::Outcome>> outcomes;
    database_command::Parts parts;
    // At the begin of a volatile epoch: the last component that anybody here was in, and its nodes.
    // A content of that epoch, or all of those nodes, must be here before a content is followed
    // (docs/adr/0003-records.md).
    std::uint64_t awaited_epoch = 0;
    std::vector<NodeId> awaited_nodes;
    std::set<ProcessorId> reported; // have said what they hold

    // -- our own
    ProcessorId self;
    bool direct;
    bool primary = false;
    std::map<DatabaseId, Database> staged; // our files that the component does not know (yet)
    std::vector<DatabaseEffect> effects;
    std::uint64_t last_serial = 0;
    std::map<std::uint64_t, LocalCommit> commits;
    std::map<std::uint64_t, LocalAttach> attaches;
    std::map<std::uint64_t, LocalDetach> detaches;
    std::vector<HeldRefusal> refusals;
    std::map<DatabaseId, Version> on_disk;
    std::map<DatabaseId, Version> replaced; // the content that last took another one's place here
    bool ack_sent = false;                  // invariant: at most one Durable of ours is on its way
    std::optional<Instant> ack_due;         // on_disk has news since, to be told in order by then
    // Who waits for our disk: by database, the last commit of each sender in this epoch.
    std::map<DatabaseId, std::map<ProcessorId, Version>> committers;
    // What others have on their disks, by their own word past the order, in this epoch. It comes in
    // order, too, for all; this is sooner, and for commits of ours alone.
    std::map<std::pair<ProcessorId, DatabaseId>, Version> heard;
    std::vector<DirectMessage> messages;
    bool offer_sent = false;
    bool settle_wanted = false;
    std::uint64_t last_barrier = 0;
    std::uint64_t barrier_awaited = 0; // see Records: until it is delivered our past is not settled
    bool barrier_sent = false;
};

} // namespace statedb
