// Judges what becomes of transactions on persistent databases, with eyes that see all machines.
//
//   kept commits    What was acknowledged to a client is on the disk of every member of its
//                   component, and every content that anybody follows later contains it, for ever.
//   one line        While a volatile epoch lasts, members decide on one line of contents: what one
//                   of them has shown to its clients, the others have or will have.
//   lost update     A transaction changes what its client has read: counters rise one by one.
//   refused         A transaction that was refused has no effect, and one that was not has one.
//
// A content is known by its sequence number and its digest, and by the content it was made from:
// together a tree, of which only the trunk may bear acknowledged transactions.
#pragma once

#include "sim/records/census.h"
#include "statedb/databases.h"

#include <set>

namespace sim::records {

struct ContentName {
    std::uint64_t sequence = 0;
    std::uint64_t digest = 0;

    friend auto operator<=>(const ContentName&, const ContentName&) = default;
};

[[nodiscard]] ContentName name_of(const Content& content);
// Behind the header.
[[nodiscard]] std::string_view text_of(const Bytes& value);
[[nodiscard]] const std::string& sequence_key();

// Who made a transaction: it is in it, under its client's own key.
struct TransactionName {
    std::string client;
    std::uint64_t number = 0;

    friend auto operator<=>(const TransactionName&, const TransactionName&) = default;
};

inline constexpr std::string_view client_key = "by/"; // and the client's name: its number

// One of them acknowledges, the last one that is surely known or one that was tried since: who has
// just become a member receives a state that contains all that was durable on the others.
using Components = std::vector<std::vector<ProcessorId>>;

class DatabaseJudge {
public:
    explicit DatabaseJudge(const Census& census) : census_(census) {}

    // A member decided on a transaction, or to follow another content.
    void decided(Surroundings& at,
                 DatabaseId db,
                 const Content& before,
                 const Content& after,
                 const std::vector<statedb::Write>& writes);
    // Before what follows is decided. `begins`: with this ring's component, a new volatile epoch.
    void takes_part(NodeId node, const RingId& ring, bool active, bool begins);
    void on_disk(NodeId node, DatabaseId db, const ContentName& content);

    void disk_lost(NodeId node) { disks_.erase(node); }

    void life_ended(NodeId node) { era_of_.erase(node); }

    void acknowledged(Surroundings& at,
                      DatabaseId db,
                      const TransactionName& transaction,
                      const Components& components);
    void refused(Surroundings& at, DatabaseId db, const TransactionName& transaction);

    // At the end: what is wrong with a content that a member of a component follows.
    [[nodiscard]] std::optional<std::string> objection(DatabaseId db, const Content& content) const;

    [[nodiscard]] std::uint64_t commits() const { return commits_; }

private:
    using Era = std::uint64_t; // of a volatile epoch; 0: before the first

    struct Tree {
        std::map<ContentName, ContentName> parents;
        std::map<std::uint64_t, std::uint64_t> trunk; // digest by sequence number
        std::map<TransactionName, ContentName> made;  // the content after it
        std::map<ContentName, TransactionName> makers;
        std::set<TransactionName> refused;
        std::map<std::pair<Era, std::uint64_t>, std::uint64_t> lines; // digest by sequence number
    };

    void keep_to_line(Surroundings& at, Tree& tree, const ContentName& content) const;
    [[nodiscard]] bool on_disks_of(const std::vector<ProcessorId>& members,
                                   DatabaseId db,
                                   std::uint64_t sequence) const;
    [[nodiscard]] std::string disks_of(DatabaseId db) const;
    [[nodiscard]] static bool grows_from_trunk(const Tree& tree, ContentName content);
    static void extend_trunk(Surroundings& at, Tree& tree, ContentName content);

    const Census& census_;
    std::map<DatabaseId, Tree> trees_;
    std::map<NodeId, std::map<DatabaseId, ContentName>> disks_;
    std::map<RingId, Era> eras_;
    std::map<NodeId, Era> era_of_;
    Era last_era_ = 0;
    std::uint64_t commits_ = 0;
};

} // namespace sim::records
