// Exclusive sections: a tool has one database to itself to wipe it or to put a backup in its place
// (ctdb-wire.md 3.3.9; ctdb-behaviour.md 2.6, 4.8, trap 20).
//
// The tool sends the steps to each active node: freeze, start a transaction, wipe, push records,
// commit, thaw. Here they are only noted; the new content is ordered as one step when the
// transaction is committed, so every node changes from the old content to the new one at once. A
// section ends with its tool, or with the tool's node: nobody keeps a database shut by dying.
#pragma once

#include "ctdbd/daemon/cluster.h"
#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/daemon/record_world.h"

#include <map>
#include <optional>
#include <set>

namespace ctdbd::daemon {

class Sections {
public:
    explicit Sections(Daemon& daemon) : daemon_(daemon) {}

    // -- the steps, on this node
    [[nodiscard]] ControlOutcome freeze(const ControlCall& call, DatabaseId db);
    [[nodiscard]] ControlOutcome thaw(DatabaseId db);
    [[nodiscard]] ControlOutcome start(DatabaseId db, std::uint32_t transaction);
    [[nodiscard]] ControlOutcome wipe(DatabaseId db, std::uint32_t transaction);
    [[nodiscard]] ControlOutcome push(DatabaseId db, std::uint64_t srvid);
    [[nodiscard]] ControlOutcome confirm_push(const ControlCall& call, DatabaseId db);
    [[nodiscard]] ControlOutcome
    commit(const ControlCall& call, DatabaseId db, std::uint32_t transaction);
    [[nodiscard]] ControlOutcome cancel(DatabaseId db);
    // All records that this node's file has, as messages to the address on the asking node; then
    // the reply says how many.
    [[nodiscard]] ControlOutcome pull(const ControlCall& call, DatabaseId db, std::uint64_t srvid);

    [[nodiscard]] bool has(DatabaseId db) const { return sections_.contains(db); }

    // -- who holds sections, here or elsewhere
    // One of our clients asks that node, or those nodes, for this.
    void passed_on(ClientId client, Pnn destnode, const protocol::Control& control);
    void client_gone(ClientId client);
    void node_gone(Pnn pnn);
    void forget(DatabaseId db); // detached

private:
    // Values with their headers, by key.
    using Content = std::map<std::string, Bytes>;

    struct Section {
        Pnn tool = 0;                             // the node of whoever opened it
        std::optional<std::uint32_t> transaction; // that is running
        bool wiped = false;                       // in it
        std::optional<std::uint64_t> pushing;     // records come to this address
        std::uint32_t received = 0;
        Content pushed;
    };

    [[nodiscard]] Section* in_transaction(DatabaseId db, std::uint32_t transaction);
    void take(DatabaseId db, std::uint64_t srvid, const Bytes& data);
    void stop_listening(Section& section);
    [[nodiscard]] bool writes_for_all() const;
    void replace_volatile(DatabaseId db, const Content& content, ControlCall::Reply reply);
    void replace_committed(DatabaseId db, const Content& content, ControlCall::Reply reply);

    Daemon& daemon_;
    std::map<DatabaseId, Section> sections_;
    std::map<ClientId, std::set<std::pair<DatabaseId, Pnn>>> opened_; // by our clients, and where
};

} // namespace ctdbd::daemon
