#include "ctdbd/daemon/tool_door.h"

#include "base/match.h"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ctdbd::daemon {

namespace json = boost::json;

namespace {

constexpr std::size_t lock_name_max = 255;

// The name of the lock that is asked for; empty if there is none that could be one.
std::string name_in(const json::object& request) {
    const json::value* const name = request.if_contains("name");
    if (name == nullptr || !name->is_string() || name->as_string().size() > lock_name_max)
        return {};
    return {name->as_string().data(), name->as_string().size()};
}

json::array pnns(std::span<const totem::ProcessorId> members) {
    json::array list;
    for (const auto member : members)
        list.push_back(pnn_of(member));
    return list;
}

// membership/suspicion.h has the two strengths.
json::array told(std::span<const membership::Suspicion::Suspect> suspects) {
    json::array list;
    for (const auto& suspect : suspects)
        list.push_back(json::object{{"node", pnn_of(suspect.who)},
                                    {"how", suspect.refused ? "refused" : "doubted"},
                                    {"ms left", suspect.left / std::chrono::milliseconds(1)}});
    return list;
}

} // namespace

ToolDoor::ToolDoor(boost::asio::io_context& loop,
                   const std::filesystem::path& path,
                   Cluster& cluster)
    : cluster_(cluster), server_(loop, path) {
    server_.on("lock", [this](const json::object& request, net::ControlConnection& from) {
        lock(request, from);
    });
    server_.on("unlock", [this](const json::object& request, net::ControlConnection& from) {
        unlock(request, from);
    });
    server_.on("locks",
               [this](const json::object&, net::ControlConnection& from) { from.answer(locks()); });
    server_.on("status", [this](const json::object&, net::ControlConnection& from) {
        from.answer(status());
    });
    server_.on_gone([this](net::ControlConnection& who) { gone(who); });
}

void ToolDoor::lock(const json::object& request, const net::ControlConnection& from) {
    const std::string name = name_in(request);
    if (name.empty()) {
        from.refuse("lock: \"name\" must be a string of 1 to 255 bytes");
        return;
    }
    // The claim is known here before the order can grant it: effects come after the request.
    cluster_.ask([&](statedb::Locks& service, statedb::Outbox& out) {
        claims_.emplace(service.claim(name, out), Claim{from, name});
    });
}

void ToolDoor::unlock(const json::object& request, const net::ControlConnection& from) {
    const std::string name = name_in(request);
    const auto found = std::find_if(claims_.begin(), claims_.end(), [&](const auto& entry) {
        return entry.second.client == from && entry.second.name == name;
    });
    if (found != claims_.end())
        release(found->first);
    else
        from.refuse(fmt::format("unlock: this connection did not ask for the lock \"{}\"", name));
}

void ToolDoor::release(std::uint64_t ticket) {
    claims_.erase(ticket);
    cluster_.ask(
        [&](statedb::Locks& service, statedb::Outbox& out) { service.release(ticket, out); });
}

void ToolDoor::gone(const net::ControlConnection& who) {
    std::vector<std::uint64_t> tickets;
    for (const auto& [ticket, claim] : claims_)
        if (claim.client == who) tickets.push_back(ticket);
    for (const std::uint64_t ticket : tickets)
        release(ticket);
}

void ToolDoor::perform(const statedb::LockEffect& effect) {
    const auto tell = [this](std::uint64_t ticket, const char* what) {
        const auto found = claims_.find(ticket);
        if (found != claims_.end()) found->second.client.answer({{what, found->second.name}});
    };
    std::visit(
        base::Match{[&](const statedb::LockGranted& granted) { tell(granted.ticket, "granted"); },
                    [&](const statedb::LockLost& lost) { tell(lost.ticket, "lost"); }},
        effect);
}

json::object ToolDoor::locks() const {
    json::array list;
    for (const std::string& name : cluster_.locks().names()) {
        json::array queue;
        for (const statedb::Claimant& claimant : cluster_.locks().queue(name))
            queue.push_back(
                json::object{{"node", pnn_of(claimant.processor)}, {"ticket", claimant.ticket}});
        list.push_back(json::object{{"name", name}, {"queue", std::move(queue)}});
    }
    return {{"locks", std::move(list)}};
}

json::object ToolDoor::status() const {
    const net::NodeReport ring = cluster_.report();
    const statedb::HostStatus host = cluster_.status();
    const auto& counts = ring.statistics;
    return {{"node", pnn_of(ring.self)},
            {"incarnation", ring.self.incarnation},
            {"ring", fmt::format("{}", ring.ring)},
            {"ring phase", membership::describe(ring.phase)},
            {"members", pnns(ring.members)},
            {"suspects", told(ring.suspects)},
            {"sealed", ring.sealed},
            {"component", host.epoch},
            {"component phase", statedb::describe(host.phase)},
            {"quorum", host.quorum},
            {"commands applied", host.applied},
            {"records", cluster_.records().status().records},
            {"token rotation us", counts.rotation_smoothed.count() / 1000},
            {"window packets", ring.window_packets},
            {"queue bytes", ring.queue_bytes},
            {"packets held", ring.packets_held},
            {"tokens handled", counts.tokens_handled},
            {"token retransmissions", counts.token_retransmissions},
            {"packets originated", counts.packets_originated},
            {"retransmissions", counts.retransmissions},
            {"messages delivered", counts.messages_delivered},
            {"bytes delivered", counts.bytes_delivered},
            {"duplicates", counts.duplicates},
            {"gathers", counts.gathers},
            {"rings installed", counts.rings_installed},
            {"packets sent", ring.packets_sent},
            {"packets received", ring.packets_received},
            {"packets refused", ring.packets_refused},
            {"socket overruns", ring.socket_overruns},
            {"wake-ups", ring.turns},
            {"explanation", ring.explanation}};
}

} // namespace ctdbd::daemon
