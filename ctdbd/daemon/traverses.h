// Traverses: all records of a database for one client (ctdb-behaviour.md 1.5.5, 3.11;
// ctdb-wire.md 3.3.7).
//
// A persistent or replicated database is read from what this node holds of it. Of a volatile one
// every node sends the records that are its own, in pieces. Either goes on when the client has read
// most of what it was given; nobody's chain is waited for. Who asks while the databases are not
// served waits. If a node departs meanwhile, what it had is somebody else's a moment later: then
// all are asked again, for what has changed hands since the begin. So the end, which comes once,
// says that nothing is missing but what clients hold locked, which is logged and counted.
#pragma once

#include "ctdbd/daemon/cluster.h"
#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/daemon/letters.h"
#include "ctdbd/daemon/record_world.h"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ctdbd::daemon {

class Traverses {
public:
    Traverses(boost::asio::io_context& loop, Daemon& daemon);
    ~Traverses();

    Traverses(const Traverses&) = delete;
    Traverses& operator=(const Traverses&) = delete;

    struct Request {
        DatabaseId db = 0;
        std::uint32_t reqid = 0; // the client's, in every record
        std::uint64_t srvid = 0; // where the records go
        bool with_empty_records = false;
    };

    // The reply is sent before the first record.
    [[nodiscard]] ControlOutcome asked(const ControlCall& call, const Request& request);

    void arrived(Pnn from, const TraverseStart& start);
    void arrived(Pnn from, const TraverseRecords& piece);
    void arrived(Pnn from, const TraverseNext& next);
    void arrived(Pnn from, const TraverseStop& stop);

    void client_gone(ClientId client);
    void node_gone(Pnn pnn);

private:
    // One of our clients' traverses.
    struct Ours {
        Request request;
        ClientId client = 0;
        std::set<Pnn> awaited;               // nodes that have more
        std::optional<statedb::Grant> begun; // the newest grant by then
        bool again = false;                  // a node departed
    };

    // What this node contributes to a traverse of any node.
    struct Scan {
        Pnn origin = 0;
        std::uint64_t id = 0;
        DatabaseId db = 0;
        bool with_empty_records = false;
        statedb::Grant newer_than = 0;
        std::size_t next_chain = 0;
        std::vector<std::size_t> skipped; // chains that somebody held; they are tried again
        std::chrono::steady_clock::time_point patience; // for them
    };

    using ScanName = std::pair<Pnn, std::uint64_t>; // origin and its id

    void read_committed(std::uint64_t id, const std::string& after_key);
    void start_when_served(std::uint64_t id);
    void start(std::uint64_t id);
    [[nodiscard]] bool has_room(const Ours& ours) const;
    void end(std::uint64_t id);
    void continue_scan(const ScanName& name);
    void fill(Scan& scan, VolatileFile& file, TraverseRecords& piece);
    void ask_for_more(Pnn from, std::uint64_t id);
    void finish(std::uint64_t id, Pnn node);
    void pass_on(const Request& request, const Bytes& key, const Bytes& value);
    void give_up_skipped(Scan& scan);

    boost::asio::io_context& loop_;
    Daemon& daemon_;
    std::map<std::uint64_t, Ours> ours_;
    std::map<ScanName, Scan> scans_;
    std::uint64_t last_id_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace ctdbd::daemon
