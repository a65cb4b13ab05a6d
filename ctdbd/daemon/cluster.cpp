#include "ctdbd/daemon/cluster.h"

#include "base/match.h"
#include "ctdbd/daemon/direct_silence.h"
#include "ctdbd/daemon/post.h"
#include "net/direct_port.h"
#include "net/file.h"
#include "net/logs.h"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <chrono>
#include <deque>
#include <optional>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;
using totem::Instant;

constexpr std::size_t events_in_a_turn = 256; // of the loop: clients want to be heard, too
constexpr auto retreating_max = 10s;          // then others look for copies of what is left
constexpr auto resigning_max = 2s;            // then the ring is left with our vote in it

Instant monotonic_now() {
    return Instant(std::chrono::duration_cast<base::Duration>(
        std::chrono::steady_clock::now().time_since_epoch()));
}

std::chrono::steady_clock::time_point on_steady_clock(Instant instant) {
    return std::chrono::steady_clock::time_point(
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(
            instant.time_since_epoch()));
}

statedb::HostSettings host_settings(const ClusterSettings& settings) {
    statedb::HostSettings host;
    host.nodes = settings.cluster.nodes;
    host.nodes_digest = settings.cluster.digest;
    host.rule = settings.quorum;
    host.permission_needed = settings.permission_needed;
    host.has_witness = settings.has_witness;
    return host;
}

// A node that lost the ring goes on with the records it has for this long: most reconfigurations
// are over by then, and its clients notice nothing.
constexpr auto freeze_after = 100ms;
// For freezing itself, for clocks that run at different rates, and for a thread that was late.
constexpr auto notice_margin = 100ms;

// RecordSettings states the inequality that this keeps.
base::Duration notice_period_of(const totem::Settings& settings, std::size_t nodes) {
    const auto token_loss = settings.token_loss_for(nodes);
    return 2 * token_loss + token_loss / 10 + freeze_after + notice_margin;
}

statedb::RecordSettings settings_of_records(const ClusterSettings& settings,
                                            totem::ProcessorId self,
                                            const net::DirectPort* direct) {
    return {.self = self,
            .freeze_after = freeze_after,
            .notice_period =
                notice_period_of(settings.node.settings, settings.node.addresses.size()),
            .direct = direct != nullptr,
            .direct_bytes_max = direct != nullptr ? direct->content_max() : 0};
}

} // namespace

struct Cluster::State {
    boost::asio::io_context& loop;
    Vigil& vigil;
    DiskThread& disk;
    ClusterWorld& world;
    std::filesystem::path votes;
    net::Node node;
    std::unique_ptr<net::DirectPort> direct; // none: every record moves in the order
    std::uint16_t direct_port;
    DirectSilence direct_silence;
    totem::Settings ring_settings;
    statedb::RecordSettings record_settings;
    statedb::Locks locks;
    statedb::Databases databases;
    statedb::Records records;
    Post post;
    statedb::Nodes nodes;
    std::array<statedb::StateMachine*, 5> services;
    statedb::History stored; // the history that is on disk, as far as we know
    statedb::Host host;
    boost::asio::posix::stream_descriptor events, direct_events;
    boost::asio::steady_timer deadline_timer, leave_timer;
    std::optional<Instant> armed; // what deadline_timer is set for
    ClusterView view;
    std::uint64_t cluster_changes_seen = 0;
    bool started = false;
    bool settling = false; // effects are being performed: whoever adds some need not see to them
    bool no_room = false;  // the ring refused a message; RoomAvailable will come
    bool congested = false;
    bool leaving = false, resigning = false, left = false;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);

    State(boost::asio::io_context& context,
          Vigil& watch,
          DiskThread& disk_thread,
          ClusterSettings settings,
          ClusterWorld& daemon)
        : loop(context), vigil(watch), disk(disk_thread), world(daemon), votes(settings.votes),
          node(settings.node),
          direct(settings.direct_moves
                     ? std::make_unique<net::DirectPort>(settings.node, node.self())
                     : nullptr),
          direct_port(settings.node.direct_port), ring_settings(settings.node.settings),
          record_settings(settings_of_records(settings, node.self(), direct.get())),
          locks(node.self()), databases(node.self(), direct != nullptr), records(record_settings),
          post(node.self().node),
          nodes(with_self(settings.nodes)), services{&locks, &databases, &records, &post, &nodes},
          stored(settings.history),
          host(with_self(host_settings(settings)), settings.history, services),
          events(context, dup(node.event_fd())), direct_events(context), deadline_timer(context),
          leave_timer(context) {}

    statedb::HostSettings with_self(statedb::HostSettings settings) const {
        settings.self = node.self();
        return settings;
    }

    statedb::NodesSettings with_self(statedb::NodesSettings settings) const {
        settings.self = node.self();
        return settings;
    }

    void watch_events();
    void watch_direct();
    void read_direct();
    void note_question(totem::NodeId whom);
    void handle(net::Event&& event);
    void settle();
    [[nodiscard]] bool perform_effects();
    void submit_what_waits();
    void store_history();
    void go_on_leaving();
    void resign();
    void leave_ring();
    void before(std::chrono::seconds patience, void (State::*otherwise)());
    void look_at_view();
    void set_deadline();

    template <class Service>
    void ask(Service& service, const std::function<void(Service&, statedb::Outbox&)>& request) {
        request(service, host.outbox(monotonic_now()));
        settle();
    }
};

// -- from the ring

void Cluster::State::watch_events() {
    events.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this, alive = alive](const boost::system::error_code& error) {
                          if (error || !*alive) return;
                          node.poll([this](net::Event&& event) { handle(std::move(event)); },
                                    events_in_a_turn);
                          watch_events();
                      });
}

void Cluster::State::handle(net::Event&& event) {
    const Instant now = monotonic_now();
    std::visit(
        base::Match{
            [&](const totem::Delivery& delivery) { host.deliver(now, delivery); },
            [&](const totem::Configuration& configuration) { host.configured(now, configuration); },
            [&](const net::Interrupted&) { host.interrupted(now); },
            [&](const net::RoomAvailable&) { no_room = false; },
            [&](const net::Left&) {
                left = true;
                world.left_the_ring();
            },
            [&](const net::Broken& broken) { world.ring_broke(broken.why); },
        },
        event);
    settle();
}

// -- straight from other nodes

void Cluster::State::watch_direct() {
    direct_events.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             [this, alive = alive](const boost::system::error_code& error) {
                                 if (!error && *alive) read_direct();
                             });
}

// All that are there, or we would not be told of the rest; but others get their turn in between.
void Cluster::State::read_direct() {
    const bool more = direct->receive([this](totem::ProcessorId from, const Bytes& message) {
        direct_silence.heard(from.node);
        databases.arrived(from, message);
        if (records.arrived(from, message, host.outbox(monotonic_now()))) vigil.answered();
        settle();
    });
    if (!more) return watch_direct();
    boost::asio::post(loop, [this, alive = alive] {
        if (*alive) read_direct();
    });
}

void Cluster::State::note_question(totem::NodeId whom) {
    vigil.asked();
    if (!direct_silence.asked(whom, std::chrono::steady_clock::now())) return;
    logs::cluster().warn(
        "node {} is not heard past the ring: records and commits take some 50 ms longer, for they "
        "wait for the order. Is UDP port {} open between the nodes? (totem.conf: [ring] -> direct "
        "port; direct moves = no does without)",
        whom - 1, direct_port);
}

// -- until nothing is left to do

void Cluster::State::settle() {
    if (!started || std::exchange(settling, true)) return;
    while (perform_effects()) {
    }
    settling = false;
    for (const statedb::DirectMessage& message : databases.take_messages())
        direct->send(message.to.node, message.content);
    for (const statedb::DirectMessage& message : records.take_messages()) {
        direct->send(message.to.node, message.content);
        if (message.question) note_question(message.to.node);
    }
    store_history();
    submit_what_waits();
    go_on_leaving();
    look_at_view();
    set_deadline();
    if (const auto alarm = host.take_alarm()) logs::cluster().error("{}", *alarm);
}

// The databases first: a record may be in one that was attached by the same delivery.
bool Cluster::State::perform_effects() {
    bool any = false;
    const auto perform_all = [&](auto effects) {
        any = any || !effects.empty();
        for (auto& effect : effects)
            world.perform(std::move(effect));
    };
    perform_all(databases.take_effects());
    perform_all(records.take_effects());
    perform_all(locks.take_effects());
    perform_all(nodes.take_effects());
    for (Post::Arrived& arrived : post.take_arrived()) {
        any = true;
        if (auto letter = decode_letter(arrived.letter))
            world.letter_arrived(pnn_of(arrived.from), std::move(*letter));
    }
    return any;
}

void Cluster::State::submit_what_waits() {
    while (!no_room) {
        const statedb::Host::Pending* const pending = host.next_submission();
        if (pending == nullptr) break;
        if (node.submit(pending->payload, pending->guarantee))
            host.pop_submission();
        else
            no_room = true;
    }
    if (std::exchange(congested, host.congested()) != congested) world.congested(congested);
}

// The ring may only be told a history that is on the disk.
void Cluster::State::store_history() {
    while (auto history = host.history_to_store()) {
        const auto encoded = statedb::encode(*history);
        disk.submit([path = votes, encoded] { net::durable_write(path, encoded.span()); },
                    [this, alive = alive, hint = statedb::hint_of(*history)] {
                        if (!*alive) return;
                        node.set_hint(hint);
                        host.history_stored(monotonic_now());
                        settle();
                    });
    }
}

// Records first, then our vote, then the ring: each in its time.
void Cluster::State::go_on_leaving() {
    if (!leaving || left) return;
    if (!resigning && records.retreated()) resign();
    if (resigning && host.resigned()) leave_ring();
}

void Cluster::State::resign() {
    if (std::exchange(resigning, true)) return;
    host.resign(monotonic_now());
    before(resigning_max, &State::leave_ring);
}

void Cluster::State::leave_ring() {
    if (std::exchange(left, true)) return;
    leave_timer.cancel();
    node.leave();
}

void Cluster::State::before(std::chrono::seconds patience, void (State::*otherwise)()) {
    leave_timer.expires_after(patience);
    leave_timer.async_wait(
        [this, otherwise, alive = alive](const boost::system::error_code& error) {
            if (error || !*alive) return;
            (this->*otherwise)();
            settle();
        });
}

void Cluster::State::look_at_view() {
    statedb::HostStatus status = host.status();
    ClusterView now{.phase = status.phase,
                    .epoch = status.epoch,
                    .ring = status.ring,
                    .members = std::move(status.members),
                    .quorum = std::move(status.quorum),
                    .testimony_wanted = status.testimony_wanted,
                    .testimony_counts = status.testimony_counts,
                    .attempt = std::move(status.attempt)};
    if (now != view) {
        const ClusterView before = std::exchange(view, std::move(now));
        world.view_changed(before, view);
    }
    const std::uint64_t changes = host.cluster().changes;
    if (std::exchange(cluster_changes_seen, changes) != changes)
        world.cluster_changed(host.cluster());
}

// With every delivery the deadline moves, nearly always to later: a timer that is armed for an
// earlier time is left alone, wakes us for nothing now and then, and saves two system calls a
// message.
void Cluster::State::set_deadline() {
    const auto deadline = host.deadline();
    if (!deadline || (armed && *armed <= *deadline)) return;
    armed = *deadline;
    deadline_timer.expires_at(on_steady_clock(*deadline));
    deadline_timer.async_wait([this, alive = alive](const boost::system::error_code& error) {
        if (error || !*alive) return;
        armed.reset();
        const Instant now = monotonic_now();
        if (const auto due = host.deadline(); due && *due <= now) host.tick(now);
        settle();
    });
}

// -- Cluster

Cluster::Cluster(boost::asio::io_context& loop,
                 Vigil& vigil,
                 DiskThread& disk,
                 ClusterSettings settings,
                 ClusterWorld& world)
    : state_(std::make_unique<State>(loop, vigil, disk, std::move(settings), world)) {}

Cluster::~Cluster() { *state_->alive = false; }

statedb::Databases& Cluster::databases() { return state_->databases; }

void Cluster::start() {
    state_->started = true;
    // A node without votes has none on the disk either: the file says from now on that it lives.
    if (!std::filesystem::exists(state_->votes))
        net::durable_write(state_->votes, statedb::encode(state_->stored).span());
    state_->node.start(statedb::hint_of(state_->stored));
    state_->watch_events();
    if (state_->direct) {
        state_->direct_events.assign(dup(state_->direct->fd()));
        state_->watch_direct();
    }
    state_->settle();
}

void Cluster::ask(const std::function<void(statedb::Databases&, statedb::Outbox&)>& request) {
    state_->ask(state_->databases, request);
}

void Cluster::ask(const std::function<void(statedb::Records&, statedb::Outbox&)>& request) {
    state_->ask(state_->records, request);
}

void Cluster::ask(const std::function<void(statedb::Locks&, statedb::Outbox&)>& request) {
    state_->ask(state_->locks, request);
}

void Cluster::ask(const std::function<void(statedb::Nodes&, statedb::Outbox&)>& request) {
    state_->ask(state_->nodes, request);
}

void Cluster::send(std::span<const Pnn> to, const Letter& letter) {
    std::vector<totem::NodeId> nodes;
    for (const Pnn pnn : to)
        nodes.push_back(pnn + 1);
    state_->post.send(nodes, encode(letter), state_->host.outbox(monotonic_now()));
    state_->settle();
}

void Cluster::go_by(statedb::ClusterList list) {
    state_->host.go_by(monotonic_now(), std::move(list));
    state_->settle();
}

const statedb::ClusterStatus& Cluster::agreed_nodes() const { return state_->host.cluster(); }

// A larger ring takes longer to notice its loss. One that shrank may have members that do not know
// it yet, so what others wait for them is never shortened.
void Cluster::set_addresses(const std::map<totem::NodeId, std::string>& addresses) {
    State& s = *state_;
    const auto period = notice_period_of(s.ring_settings, addresses.size());
    if (period > s.record_settings.notice_period) {
        s.record_settings.notice_period = period;
        s.records.allow_for(period);
    }
    s.node.set_addresses(addresses);
    if (s.direct) s.direct->set_addresses(addresses);
}

void Cluster::permit(bool may) {
    state_->host.permit(monotonic_now(), may);
    state_->settle();
}

void Cluster::testify(const statedb::History& witness) {
    state_->host.testify(monotonic_now(), witness);
    state_->settle();
}

void Cluster::mourn(totem::ProcessorId dead) { state_->node.mourn(dead.node); }

const ClusterView& Cluster::view() const { return state_->view; }

const statedb::Locks& Cluster::locks() const { return state_->locks; }

const statedb::Records& Cluster::records() const { return state_->records; }

const statedb::Nodes& Cluster::nodes() const { return state_->nodes; }

std::chrono::milliseconds Cluster::notice_period() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        state_->record_settings.notice_period);
}

net::NodeReport Cluster::report() const { return state_->node.report(); }

statedb::HostStatus Cluster::status() const { return state_->host.status(); }

void Cluster::leave() {
    if (std::exchange(state_->leaving, true)) return;
    state_->before(retreating_max, &State::resign);
    ask([](statedb::Records& records, statedb::Outbox& out) { records.retreat(out); });
}

} // namespace ctdbd::daemon
