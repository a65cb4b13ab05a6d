#include "ctdbd/daemon/daemon.h"

#include "base/match.h"
#include "ctdbd/protocol/hash.h"
#include "net/logs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <sys/time.h>
#include <utility>

namespace ctdbd::daemon {

using protocol::RecoveryMode;
using protocol::RunState;

namespace {

using namespace std::chrono_literals;

constexpr auto leaving_max = 15s; // then we go without having said goodbye

statedb::NodeSays first_words(const Setup& setup) {
    std::uint32_t capabilities = protocol::capability::by_default;
    if (!setup.conf.cluster.leader_capability) capabilities &= ~protocol::capability::leader;
    if (!setup.conf.legacy.lmaster_capability) capabilities &= ~protocol::capability::lmaster;
    std::uint32_t flags = protocol::node_flag::unhealthy;
    if (setup.conf.legacy.start_as_stopped) flags |= protocol::node_flag::stopped;
    if (setup.conf.legacy.start_as_disabled) flags |= protocol::node_flag::permanently_disabled;
    return {flags, static_cast<std::uint32_t>(RunState::init), capabilities};
}

// A node that is no longer of the cluster it knows begins as a new one would.
NodeLines first_lines(const Setup& setup, const Past& past) {
    const auto& agreed = past.history.last_primary.cluster;
    const bool of_it = std::ranges::binary_search(agreed, setup.pnn + 1);
    return counting(setup.nodes, of_it ? agreed : std::vector<totem::NodeId>{});
}

ClusterSettings cluster_settings(const Setup& setup, const Past& past) {
    const StateFiles files = state_files_of(setup);
    net::NodeOptions node = ring_options(setup, files, past.new_identity);
    // Also those that do not count as far as we know: it may have been agreed on them since.
    node.addresses = ring_addresses(setup.nodes);
    return {.node = std::move(node),
            .quorum = setup.totem.quorum_rule == config::QuorumRule::majority
                          ? statedb::QuorumRule::majority
                          : statedb::QuorumRule::dynamic,
            .history = past.history,
            .votes = files.votes,
            .nodes = nodes_settings(first_words(setup)),
            .cluster = cluster_list(setup.nodes),
            .permission_needed = !setup.conf.cluster.lock.empty(),
            .has_witness = !setup.totem.witness.empty(),
            .direct_moves = setup.totem.ring.direct_moves};
}

RecordWorldSettings record_settings(const Setup& setup) {
    return {.pnn = setup.pnn,
            .locks = {.helper = setup.paths.lock_helper.string(),
                      .debug_script = setup.conf.database.lock_debug_script.string()}};
}

JournalSettings journal_settings(const Setup& setup) {
    return {.path = state_files_of(setup).journal, .boot = boot_of_this_machine()};
}

} // namespace

protocol::Timeval time_of_day() {
    timeval now{};
    gettimeofday(&now, nullptr);
    return {now.tv_sec, now.tv_usec};
}

Daemon::Daemon(boost::asio::io_context& context, Setup read, Past past, Logging& log)
    : loop(context), setup(std::move(read)), vigil(context, setup.totem.ring.direct_spin),
      logging(log), tunables(setup.tunables),
      nodes(first_lines(setup, past), setup.pnn, first_words(setup)),
      clients(context, setup.paths.socket, setup.paths.test_mode), disk(context),
      cluster(context, vigil, disk, cluster_settings(setup, past), *this),
      messenger(clients, registrations, nodes, disk, cluster),
      records(
          context, record_settings(setup), [this](const auto& request) { cluster.ask(request); }),
      committed_files(disk,
                      journal_settings(setup),
                      [this](std::span<const statedb::OnDisk> files) {
                          cluster.ask([&](statedb::Databases& service, statedb::Outbox& out) {
                              service.durable(files, out);
                          });
                      }),
      databases(setup, tunables, committed_files, records), sequence_numbers(context, *this),
      nodes_file(*this), life(*this), lifecycle(context, *this), monitoring(context, *this),
      addresses(context, *this), connections(context, *this), takeover(context, *this),
      obituaries(context, *this), lock_keeper(context, *this), attaching(context, *this),
      commits(context, *this), sections(*this), traverses(context, *this), calls(*this),
      tunnels(*this), statistics_history(context, *this), controls(context, *this),
      tools(context, setup.totem.lock_socket, cluster), heartbeat_timer_(context),
      patience_timer_(context) {
    times_.started = times_.recovery_started = times_.recovery_finished = time_of_day();
    databases.open_persistent(cluster.databases());
    life.begin();
    listen_to_requests();
}

// -- life

void Daemon::advance(RunState state) {
    if (run_state() >= state) return;
    spdlog::info("Set runstate to {} ({})", protocol::name_of(state),
                 static_cast<std::uint32_t>(state));
    run_state_ = state;
    life.set_run_state(state);
}

void Daemon::open_doors() {
    tunables_changed();
    clients.accept_for(*this);
    addresses.begin();
    obituaries.begin();
    connections.begin();
    cluster.start();
    statistics_history.start();
    heartbeat();
}

void Daemon::tunables_changed() {
    using config::Tunable;
    clients.limit_queued_messages(tunables[Tunable::max_queue_drop_msg]);
    records.tune(std::chrono::seconds(tunables[Tunable::vacuum_interval]),
                 tunables[Tunable::lock_processes_per_db],
                 {.moves_a_second = tunables[Tunable::hopcount_make_sticky],
                  .duration = std::chrono::seconds(tunables[Tunable::sticky_duration]),
                  .pindown = std::chrono::milliseconds(tunables[Tunable::sticky_pindown])});
}

void Daemon::run() {
    lifecycle.begin();
    vigil.run();
}

void Daemon::shut_down(int exit_code, const std::string& why) {
    if (std::exchange(shutting_down_, true)) return;
    exit_code_ = exit_code;
    spdlog::info("Shutting down: {}", why);
    advance(RunState::shutdown);
    monitoring.end();
    lifecycle.end([this] { leave(); });
}

void Daemon::give_up(int exit_code, const std::string& why) {
    spdlog::critical("{}", why);
    exit_code_ = exit_code;
    shutting_down_ = true;
    finish();
}

void Daemon::leave() {
    cluster.leave();
    patience_timer_.expires_after(leaving_max);
    patience_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        spdlog::warn("the ring did not take note of our leaving; going without");
        finish();
    });
}

void Daemon::left_the_ring() {
    spdlog::info("left the ring");
    finish();
}

void Daemon::ring_broke(const std::string& why) {
    give_up(1, fmt::format("the ring cannot go on: {}", why));
}

void Daemon::finish() {
    patience_timer_.cancel();
    clients.close_all();
    loop.stop();
}

// -- what the cluster is, and when it serves

std::uint32_t Daemon::generation() const {
    if (recovery_mode_ == RecoveryMode::active) return protocol::invalid_generation;
    const ClusterView& view = cluster.view();
    const std::array<std::uint64_t, 5> name = {
        view.epoch, view.ring.seq, view.ring.representative.node,
        view.ring.representative.incarnation, cluster.nodes().turns()};
    const std::uint32_t hash =
        protocol::hash({reinterpret_cast<const std::uint8_t*>(name.data()), sizeof name});
    return std::max(hash, protocol::invalid_generation + 1);
}

protocol::VnnMap Daemon::vnn_map() const { return {generation(), nodes.location_masters()}; }

void Daemon::view_changed(const ClusterView& before, const ClusterView& now) {
    if (before.members != now.members) {
        std::set<Pnn> pnns = {nodes.self()};
        for (const auto member : now.members)
            pnns.insert(pnn_of(member));
        nodes.connected(pnns);
        logs::cluster().info("ring {}: nodes {}", now.ring, fmt::join(pnns, ","));
        for (const auto member : before.members)
            if (!std::binary_search(now.members.begin(), now.members.end(), member)) {
                controls.node_gone(pnn_of(member));
                traverses.node_gone(pnn_of(member));
                sections.node_gone(pnn_of(member));
                takeover.node_gone(pnn_of(member));
            }
        obituaries.ring_changed();
    }
    if (before.phase != now.phase) {
        if (now.phase == statedb::HostPhase::no_quorum) addresses.stopped_serving();
        logs::cluster().info("component {}: {} ({})", now.epoch, statedb::describe(now.phase),
                             now.quorum);
    }
    look_at_recovery_mode();
    lock_keeper.look();
    nodes_file.view_changed(now);
}

void Daemon::cluster_changed(const statedb::ClusterStatus& now) { nodes_file.agreed(now); }

void Daemon::look_at_recovery_mode() {
    const bool serving = cluster.view().serving() && !records.frozen();
    const RecoveryMode mode = serving ? RecoveryMode::normal : RecoveryMode::active;
    const bool changed = std::exchange(recovery_mode_, mode) != mode;
    messenger.set_generation(generation());
    if (changed && !serving) {
        times_.recovery_started = time_of_day();
        addresses.stopped_serving();
    }
    if (changed && serving) addresses.serving_again();
    const bool is_new = serving && (changed || generation() != generation_);
    if (serving) generation_ = generation();
    if (is_new) begin_serving();
}

// A component that serves, with a new generation or after an interruption.
void Daemon::begin_serving() {
    times_.recovery_finished = time_of_day();
    ++statistics.num_recoveries;
    messenger.deliver(protocol::srvid::reconfigure, {});
    attaching.look_at_deferred();
    takeover.generation_began();
    lifecycle.generation_began();
}

// -- the leader

// Everybody knows who leads, so every node tells its own clients, each second.
void Daemon::heartbeat() {
    if (const auto leader = nodes.leader(); leader && cluster.view().serving())
        messenger.deliver(protocol::srvid::leader, protocol::encode(*leader));
    heartbeat_timer_.expires_after(1s);
    heartbeat_timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) heartbeat();
    });
}

void Daemon::tell_leader(ClientId client) {
    if (const auto leader = nodes.leader(); leader && cluster.view().serving())
        messenger.send_to_client(client, protocol::srvid::leader, protocol::encode(*leader));
}

// Requests that come as messages, which the stock daemon's recovery process answers
// (ctdb-wire.md 4.3); those about public addresses are takeover.h's. There are no recoveries that
// stop anything, so they are disabled at once, and the tool is told.
void Daemon::listen_to_requests() {
    namespace srvid = protocol::srvid;
    takeover.begin();
    messenger.listen(srvid::disable_recoveries,
                     [this](const Bytes& data) { answer_disable_request(data); });
    messenger.listen(srvid::mem_dump, [this](const Bytes& data) {
        if (const auto request = protocol::decode<protocol::SrvidMessage>(data))
            messenger.send(request->pnn, request->srvid,
                           Bytes::copy_of(std::string_view("there is no recovery daemon\n")));
    });
}

void Daemon::answer_disable_request(const Bytes& data) {
    const auto request = protocol::decode<protocol::DisableMessage>(data);
    if (!request || request->srvid == 0) return;
    messenger.send(request->pnn, request->srvid,
                   protocol::encode(static_cast<std::int32_t>(nodes.self())));
}

// -- packets

void Daemon::packet_arrived(Client& client, const protocol::Packet& packet) {
    using protocol::Operation;
    ++statistics.client_packets_recv;
    const auto malformed = [&](const protocol::DecodeError& error) {
        logs::clients().warn("client {} (pid {}): malformed {}: {}", client.id(), client.pid(),
                             protocol::name_of(packet.header.operation), error);
    };
    switch (packet.header.operation) {
    case Operation::req_call:
        ++statistics.client.req_call;
        if (const auto call = protocol::decode<protocol::Call>(packet.body()))
            calls.asked(client, packet.header, *call);
        else
            malformed(call.error());
        return;
    case Operation::req_message:
        ++statistics.client.req_message;
        if (const auto message = protocol::decode<protocol::Message>(packet.body()))
            messenger.send(packet.header.destnode, message->srvid, message->data);
        else
            malformed(message.error());
        return;
    case Operation::req_control:
        ++statistics.client.req_control;
        if (const auto control = protocol::decode<protocol::Control>(packet.body()))
            controls.asked(client, packet.header, *control);
        else
            malformed(control.error());
        return;
    case Operation::req_tunnel:
        ++statistics.client.req_tunnel;
        if (const auto tunnel = protocol::decode<protocol::Tunnel>(packet.body()))
            tunnels.sent(client, packet.header.destnode, *tunnel);
        else
            malformed(tunnel.error());
        return;
    default:
        break;
    }
    logs::clients().warn("client {} (pid {}) sent {} ({}), which clients do not send", client.id(),
                         client.pid(), protocol::name_of(packet.header.operation),
                         static_cast<std::uint32_t>(packet.header.operation));
}

// ctdb-behaviour.md 1.13. A commit that is on its way is decided by the cluster as any other; its
// outcome is the same everywhere, so nothing has to be recovered.
void Daemon::client_gone(Client& client) {
    for (const protocol::NotifyData& farewell : registrations.forget(client.id()))
        messenger.send(protocol::pnn::broadcast_connected, farewell.srvid, farewell.data);
    controls.client_gone(client.id());
    attaching.client_gone(client.id());
    traverses.client_gone(client.id());
    sections.client_gone(client.id());
    tunnels.client_gone(client.id());
    connections.client_gone(client.id());
    records.forget(client.id());
}

// -- effects

void Daemon::perform(statedb::DatabaseEffect effect) {
    using namespace statedb;
    std::visit(
        base::Match{
            [&](const Open& open) { databases.open(open.id, open.name, open.kind); },
            [&](const Close& close) {
                sequence_numbers.forget(close.id);
                sections.forget(close.id);
                databases.close(close.id);
            },
            [&](Apply& apply) {
                if (DatabaseEntry* const entry = databases.find(apply.id))
                    entry->committed->apply(apply.version, std::move(apply.writes));
            },
            [&](const Replace& replace) {
                if (DatabaseEntry* const entry = databases.find(replace.id)) {
                    entry->committed->replace(replace.version, replace.content);
                    databases.set_healthy(*entry);
                }
            },
            [&](const Confirm& confirm) {
                if (DatabaseEntry* const entry = databases.find(confirm.id))
                    entry->committed->confirm(confirm.version);
            },
            [&](const Attached& attached) { attaching.attached(attached.ticket, attached.id); },
            [&](const AttachRefused& refused) { attaching.refused(refused.ticket, refused.why); },
            [&](const Detached& detached) { attaching.detached(detached.ticket); },
            [&](const DetachRefused& refused) { attaching.refused(refused.ticket, refused.why); },
            [&](const Committed& committed) { commits.committed(committed.ticket); },
            [&](const CommitRefused& refused) { commits.refused(refused.ticket, refused.why); },
        },
        effect);
}

void Daemon::perform(statedb::RecordEffect effect) {
    records.perform(std::move(effect));
    look_at_recovery_mode();
}

void Daemon::perform(statedb::LockEffect effect) { tools.perform(effect); }

void Daemon::perform(statedb::NodeEffect effect) { life.perform(effect); }

void Daemon::letter_arrived(Pnn from, Letter letter) {
    std::visit(base::Match{
                   [&](const ClientMessage& message) { messenger.arrived(message); },
                   [&](const ControlRequest& request) { controls.arrived(from, request); },
                   [&](const ControlAnswer& answer) { controls.arrived(from, answer); },
                   [&](const TunnelPacket& packet) { tunnels.arrived(packet); },
                   [&](const Testament& testament) { obituaries.arrived(from, testament); },
                   [&](const auto& about_traverse) { traverses.arrived(from, about_traverse); },
               },
               letter);
}

void Daemon::congested(bool is) { clients.hold(is); }

} // namespace ctdbd::daemon
