#include "ctdbd/daemon/traverses.h"

#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/records.h"
#include "net/logs.h"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <array>
#include <utility>

namespace ctdbd::daemon {

using protocol::ReplyControl;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t piece_size_max = 64 * 1024; // a piece ends with the record that exceeds it
constexpr std::size_t chains_in_a_turn = 4096;    // of the loop
constexpr auto before_trying_again = 10ms;        // chains that somebody held
constexpr std::size_t unread_max = 4u << 20;      // of the client's; more pieces wait

void after(boost::asio::io_context& loop,
           std::chrono::milliseconds delay,
           std::function<void()> work) {
    auto timer = std::make_shared<boost::asio::steady_timer>(loop, delay);
    timer->async_wait([timer, work = std::move(work)](auto) { work(); });
}

} // namespace

Traverses::Traverses(boost::asio::io_context& loop, Daemon& daemon)
    : loop_(loop), daemon_(daemon) {}

Traverses::~Traverses() { *alive_ = false; }

// -- for our client

ControlOutcome Traverses::asked(const ControlCall& call, const Request& request) {
    const DatabaseEntry* const entry = daemon_.databases.find(request.db);
    if (entry == nullptr) return refused("no such database");
    const std::string why = daemon_.databases.sickness(*entry);
    if (!why.empty() && daemon_.tunables[config::Tunable::allow_unhealthy_db_read] == 0)
        return refused(fmt::format("the database is unhealthy: {}", why));
    const std::uint64_t id = ++last_id_;
    ours_[id] = {.request = request, .client = call.client, .awaited = {}, .begun = {}};
    const bool committed = entry->committed != nullptr;
    boost::asio::post(loop_, [this, id, committed, alive = alive_] {
        if (!*alive) return;
        if (committed)
            read_committed(id, {});
        else
            start_when_served(id);
    });
    return ReplyControl::done();
}

bool Traverses::has_room(const Ours& ours) const {
    const Client* const client = daemon_.clients.find(ours.client);
    return client == nullptr || client->unread() <= unread_max;
}

// No key comes before the empty one, and none is empty.
void Traverses::read_committed(std::uint64_t id, const std::string& after_key) {
    const auto found = ours_.find(id);
    if (found == ours_.end()) return;
    const Request& request = found->second.request;
    if (const statedb::Content* const content = daemon_.cluster.databases().content(request.db))
        for (auto at = content->upper_bound(after_key); at != content->end(); ++at) {
            pass_on(request, Bytes::copy_of(std::string_view(at->first)), at->second);
            if (has_room(found->second)) continue;
            after(loop_, before_trying_again, [this, id, key = at->first, alive = alive_] {
                if (*alive) read_committed(id, key);
            });
            return;
        }
    end(id);
}

void Traverses::end(std::uint64_t id) {
    pass_on(ours_.at(id).request, {}, {});
    ours_.erase(id);
}

// While records of departed nodes are looked for, nobody would send them.
void Traverses::start_when_served(std::uint64_t id) {
    if (!ours_.contains(id)) return;
    const bool served = daemon_.cluster.view().serving() && !daemon_.records.frozen();
    if (served && daemon_.cluster.records().status().lost == 0) {
        start(id);
        return;
    }
    if (served)
        daemon_.cluster.ask(
            [](statedb::Records& records, statedb::Outbox& out) { records.find_lost(out); });
    after(loop_, before_trying_again, [this, id, alive = alive_] {
        if (*alive) start_when_served(id);
    });
}

void Traverses::start(std::uint64_t id) {
    Ours& ours = ours_.at(id);
    const statedb::Grant newest = daemon_.cluster.records().status().newest;
    // Numbers that begin anew are those of other records.
    const statedb::Grant newer_than = ours.begun && *ours.begun <= newest ? *ours.begun : 0;
    ours.begun = ours.begun.value_or(newest);
    ours.again = false;
    // Those that are stopped or banned, too: what they own is theirs until somebody asks for it.
    std::vector<Pnn> nodes = daemon_.nodes.destinations(protocol::pnn::broadcast_connected);
    ours.awaited = {nodes.begin(), nodes.end()};
    if (ours.awaited.empty()) {
        end(id);
        return;
    }
    const TraverseStart letter{id, ours.request.db, ours.request.with_empty_records, newer_than};
    if (std::erase(nodes, daemon_.nodes.self()) > 0) arrived(daemon_.nodes.self(), letter);
    if (!nodes.empty()) daemon_.cluster.send(nodes, letter);
}

void Traverses::pass_on(const Request& request, const Bytes& key, const Bytes& value) {
    const protocol::RecordData record{.reqid = request.reqid, .key = key, .data = value};
    daemon_.messenger.deliver_private(request.srvid, protocol::encode(record));
}

void Traverses::arrived(Pnn from, const TraverseRecords& piece) {
    const auto found = ours_.find(piece.id);
    if (found == ours_.end() || !found->second.awaited.contains(from)) return;
    for (const TraverseRecords::Record& record : piece.records)
        if (!record.key.empty() || !record.value.empty())
            pass_on(found->second.request, record.key, record.value);
    if (piece.last)
        finish(piece.id, from);
    else
        ask_for_more(from, piece.id);
}

// The next piece comes when the client has read most of what it was given.
void Traverses::ask_for_more(Pnn from, std::uint64_t id) {
    const auto found = ours_.find(id);
    if (found == ours_.end()) return;
    if (!has_room(found->second)) {
        after(loop_, before_trying_again, [this, from, id, alive = alive_] {
            if (*alive) ask_for_more(from, id);
        });
        return;
    }
    if (from == daemon_.nodes.self()) {
        arrived(from, TraverseNext{id});
    } else {
        const std::array<Pnn, 1> to = {from};
        daemon_.cluster.send(to, TraverseNext{id});
    }
}

void Traverses::finish(std::uint64_t id, Pnn node) {
    const auto found = ours_.find(id);
    found->second.awaited.erase(node);
    if (!found->second.awaited.empty()) return;
    if (found->second.again)
        start_when_served(id);
    else
        end(id);
}

void Traverses::client_gone(ClientId client) {
    std::vector<std::uint64_t> ended;
    for (const auto& [id, ours] : ours_)
        if (ours.client == client) ended.push_back(id);
    for (const std::uint64_t id : ended) {
        const std::set<Pnn> awaited = std::move(ours_.at(id).awaited);
        ours_.erase(id);
        std::vector<Pnn> to(awaited.begin(), awaited.end());
        if (std::erase(to, daemon_.nodes.self()) > 0)
            arrived(daemon_.nodes.self(), TraverseStop{id});
        if (!to.empty()) daemon_.cluster.send(to, TraverseStop{id});
    }
}

void Traverses::node_gone(Pnn pnn) {
    std::erase_if(scans_, [&](const auto& scan) { return scan.first.first == pnn; });
    std::vector<std::uint64_t> waiting;
    for (auto& [id, ours] : ours_) {
        ours.again = ours.begun.has_value();
        if (ours.awaited.contains(pnn)) waiting.push_back(id);
    }
    for (const std::uint64_t id : waiting)
        finish(id, pnn);
}

// -- what this node contributes

void Traverses::arrived(Pnn from, const TraverseStart& start) {
    const auto patience = std::chrono::seconds(daemon_.tunables[config::Tunable::traverse_timeout]);
    scans_[{from, start.id}] = {.origin = from,
                                .id = start.id,
                                .db = start.db,
                                .with_empty_records = start.with_empty_records,
                                .newer_than = start.newer_than,
                                .next_chain = 0,
                                .skipped = {},
                                .patience = std::chrono::steady_clock::now() + patience};
    arrived(from, TraverseNext{start.id});
}

void Traverses::arrived(Pnn from, const TraverseNext& next) {
    boost::asio::post(loop_, [this, name = ScanName(from, next.id), alive = alive_] {
        if (*alive) continue_scan(name);
    });
}

void Traverses::arrived(Pnn from, const TraverseStop& stop) { scans_.erase({from, stop.id}); }

void Traverses::continue_scan(const ScanName& name) {
    const auto found = scans_.find(name);
    if (found == scans_.end()) return;
    if (daemon_.records.cut_off()) { // until the files agree with the others again
        after(loop_, before_trying_again, [this, name, alive = alive_] {
            if (*alive) continue_scan(name);
        });
        return;
    }
    Scan& scan = found->second;
    TraverseRecords piece{.id = scan.id, .records = {}, .last = false};
    VolatileFile* const file = daemon_.records.find(scan.db);
    if (file != nullptr) fill(scan, *file, piece);
    const bool all_chains = file == nullptr || scan.next_chain == file->file().chains();
    if (all_chains && !scan.skipped.empty()) give_up_skipped(scan);
    piece.last = all_chains && scan.skipped.empty();
    if (piece.records.empty() && !piece.last) {
        const auto delay = all_chains ? before_trying_again : 0ms;
        after(loop_, delay, [this, name, alive = alive_] {
            if (*alive) continue_scan(name);
        });
        return;
    }
    if (piece.last) scans_.erase(found);
    if (name.first == daemon_.nodes.self()) {
        arrived(name.first, piece);
    } else {
        const std::array<Pnn, 1> to = {name.first};
        daemon_.cluster.send(to, piece);
    }
}

void Traverses::fill(Scan& scan, VolatileFile& file, TraverseRecords& piece) {
    std::size_t size = 0;
    const auto take = [&](ByteSpan key, ByteSpan value) {
        const auto header = protocol::read_ltdb_header(value);
        if (!header || header->dmaster != daemon_.nodes.self()) return;
        // One that moved past the order may have done so since the begin.
        const bool moved = header->rsn % statedb::grants_per_ownership != 0;
        if (header->rsn <= scan.newer_than && !moved) return;
        if (value.size() == protocol::ltdb_header_size && !scan.with_empty_records) return;
        piece.records.push_back({Bytes::copy_of(key), Bytes::copy_of(value)});
        size += key.size() + value.size();
    };
    std::erase_if(scan.skipped, [&](std::size_t chain) {
        return size < piece_size_max && file.file().try_scan_chain(chain, take);
    });
    const std::size_t end = std::min(file.file().chains(), scan.next_chain + chains_in_a_turn);
    for (; scan.next_chain < end && size < piece_size_max; ++scan.next_chain)
        if (!file.file().try_scan_chain(scan.next_chain, take))
            scan.skipped.push_back(scan.next_chain);
}

void Traverses::give_up_skipped(Scan& scan) {
    if (std::chrono::steady_clock::now() < scan.patience) return;
    logs::databases().warn(
        "traverse of database 0x{:08x}: {} chains are held by clients that do not let "
        "go; their records are missing",
        scan.db, scan.skipped.size());
    ++daemon_.statistics.timeouts.traverse;
    scan.skipped.clear();
}

} // namespace ctdbd::daemon
