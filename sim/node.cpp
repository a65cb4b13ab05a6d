#include "sim/node.h"

#include "sim/seal.h"
#include "sim/world.h"

#include <fmt/format.h>

namespace sim {

namespace {

// How many packets may be read before a timer that is due gets its turn.
constexpr std::uint32_t packets_before_timer_max = 64;
// Seconds since 2020 at the beginning of virtual time, for new identities (totem.md 3.6).
constexpr std::uint32_t epoch_seconds = 150'000'000;

} // namespace

bool Node::Socket::push(const Datagram& datagram, std::size_t bound) {
    if (waiting.size() >= bound) return false;
    waiting.push_back(datagram);
    return true;
}

Datagram Node::Socket::pop() {
    Datagram datagram = std::move(waiting.front());
    waiting.pop_front();
    return datagram;
}

Node::Node(World& world, Plan plan, const Random& chance)
    : world_(world), plan_(std::move(plan)), chance_(chance) {}

Node::~Node() = default;

const std::vector<NodeId>& Node::nodes() const { return world_.node_ids(); }

Instant Node::now() const { return plan_.clock.local(world_.now()); }

std::optional<trace::Life> Node::life_of(std::uint32_t incarnation) const {
    const auto found = lives_.find(incarnation);
    if (found == lives_.end()) return std::nullopt;
    return trace::Life{plan_.id, found->second};
}

// -- birth and death

void Node::begin(NodeId number) {
    if (running() || beginning_) return;
    beginning_ = true;
    broken_ = false;
    ++generation_;
    disk_.back_up();
    const auto& read = disk_.record();
    // A virtual millisecond counts as a second of the calendar: whoever loses its identity later
    // has a larger one, as in the real world, on whatever node.
    const auto milliseconds = static_cast<std::uint32_t>(world_.now().time_since_epoch() / 1ms);
    const membership::StableRecord record =
        read ? membership::next_life(*read)
             : membership::new_identity(epoch_seconds + milliseconds + generation_);
    identity_ = {.self = {number == 0 ? plan_.id : number, record.incarnation},
                 .high_ring_seq = read ? read->ring_seq_lease : record.ring_seq_lease,
                 .ring_seq_lease = record.ring_seq_lease,
                 .challenge = chance_.next() | 1,
                 .jitter_seed = chance_.next()};
    write_record(record);
}

void Node::start_life() {
    beginning_ = false;
    life_ = next_life_++;
    lives_[identity_.self.incarnation] = life_;
    for (std::uint8_t& byte : boot_nonce_)
        byte = static_cast<std::uint8_t>(chance_.next());
    packet_counter_ = 0;
    application_chance_ = chance_.split("application", life_);
    processor_ = std::make_unique<membership::Processor>(plan_.settings, identity_);
    emit(trace::Start{});
    application_ = world_.applications().make(*this);
    within([&] {
        application_->start(disk_.values());
        processor_->start(now(), actions_); // then it is told the hint: before any packet comes
    });
}

void Node::crash() {
    if (!running() && !beginning_) return;
    beginning_ = false;
    ++generation_;
    disk_.crash();
    disk_free_ = world_.now();
    tickets_.clear();
    if (!running()) return;
    world_.retire(*processor_);
    emit(trace::Crash{});
    application_.reset();
    processor_.reset();
    token_socket_ = data_socket_ = direct_socket_ = Socket{};
    timers_.clear();
    actions_.clear();
    pending_.clear();
    consumed_ = 0;
    paused_ = leaving_ = token_first_ = dying_ = false;
    disk_done_meanwhile_ = 0;
    crash_after_.reset();
    busy_until_ = world_.now();
}

void Node::ask_to_leave() {
    leaving_ = true;
    bool at_once = false;
    ask_application([&](Application& application) { at_once = application.leaves_at_once(); });
    if (at_once && running()) leave();
}

void Node::leave() {
    pending_.emplace_back(membership::LeaveRequested{});
    if (!performing_) within([] {});
}

// A clock that jumps makes timers due, or puts them off.
void Node::jump_clock(Duration by) {
    plan_.clock.offset += by;
    armed_.reset();
    arm();
}

// -- pauses

void Node::pause() {
    if (!running() || paused_) return;
    ask_application([](Application& application) { application.on_pause(); });
    if (!running()) return;
    paused_ = true;
    paused_at_ = world_.now();
}

// After a long gap all sockets are read before any timer fires; what was said about membership
// meanwhile is too old to act upon (totem.md 5.11).
void Node::resume() {
    if (!running() || !paused_) return;
    paused_ = false;
    const Duration gap = now() - plan_.clock.local(paused_at_);
    const Duration loss = plan_.settings.token_loss_for(processor_->members().size());
    // The application reads its own packets, and nobody knows who is quicker.
    while (running() && !direct_socket_.waiting.empty() && chance_.chance(0.5))
        open(direct_socket_.pop());
    if (!running()) return;
    if (gap > loss / 2) {
        while (running() && (!token_socket_.waiting.empty() || !data_socket_.waiting.empty())) {
            Socket& socket = token_socket_.waiting.empty() ? data_socket_ : token_socket_;
            const Datagram datagram = socket.pop();
            const bool membership =
                datagram.type == PacketType::join || datagram.type == PacketType::commit;
            if (gap <= loss || !membership) open(datagram);
        }
        if (running()) step(membership::Resumed{gap});
    }
    while (running() && disk_done_meanwhile_ > 0) {
        --disk_done_meanwhile_;
        disk_done(generation_);
    }
    busy_until_ = world_.now();
    arm();
}

// -- sockets and timers

Node::Socket& Node::socket_of(PacketType type) {
    if (type == PacketType::direct) return direct_socket_;
    return type == PacketType::data ? data_socket_ : token_socket_;
}

void Node::receive(const Datagram& datagram) {
    Socket& socket = socket_of(datagram.type);
    if (!socket.push(datagram, plan_.socket_packets)) {
        world_.measures().on_overrun();
        return;
    }
    if (!paused_ && world_.now() >= busy_until_)
        wake();
    else
        arm();
}

bool Node::read_one() {
    Socket& first = token_first_ ? token_socket_ : data_socket_;
    Socket& second = token_first_ ? data_socket_ : token_socket_;
    const bool ring_waits = !first.waiting.empty() || !second.waiting.empty();
    if (!direct_socket_.waiting.empty() && (!ring_waits || chance_.chance(0.5))) {
        open(direct_socket_.pop());
        return true;
    }
    if (!ring_waits) return false;
    open((first.waiting.empty() ? second : first).pop());
    return true;
}

void Node::open(const Datagram& datagram) {
    std::optional<Opened> opened = sim::open(datagram.bytes);
    if (!opened) return world_.measures().on_refused();
    // As in net/: our own name, authentic, and not of this process.
    if (opened->envelope.sender == processor_->self() && opened->envelope.boot_nonce != boot_nonce_)
        return within([&] {
            stop_as_broken(fmt::format("nodes {} and {} both run as {}", datagram.from, plan_.id,
                                       describe_fully(processor_->self())));
        });
    if (opened->envelope.type == PacketType::direct)
        return within([&] { application_->on_direct(opened->envelope.sender, opened->body); });
    if (opened->envelope.type == PacketType::leave)
        if (const auto packet = decode(PacketType::leave, opened->body))
            within([&] { application_->on_leave_noticed(std::get<Leave>(*packet).leaver); });
    if (!running()) return;
    step(membership::PacketArrived{.from = opened->envelope.sender,
                                   .type = opened->envelope.type,
                                   .body = std::move(opened->body)});
}

bool Node::fire_timer() {
    const Instant here = now();
    if (processor_->deadline() && *processor_->deadline() <= here) {
        step(membership::DeadlinePassed{});
        return true;
    }
    for (const auto& [timer, at] : timers_) {
        if (at > here) continue;
        const TimerId due = timer;
        timers_.erase(due);
        within([&] { application_->on_timer(due); });
        return true;
    }
    return false;
}

std::optional<Instant> Node::next_due() const {
    std::optional<Instant> due = processor_->deadline();
    for (const auto& [timer, at] : timers_)
        due = due ? std::min(*due, at) : at;
    if (due) due = plan_.clock.truth(*due);
    return due;
}

// Real drivers read before they look at the clock: after a stall a packet may have come in time
// although the timer says it has not. But packets must not starve timers for ever.
void Node::wake() {
    if (armed_ && *armed_ <= world_.now()) armed_.reset();
    if (!running() || paused_) return;
    if (world_.now() >= busy_until_) {
        const std::optional<Instant> due = next_due();
        const bool timer_due = due && *due <= world_.now();
        overdue_packets_ = timer_due ? overdue_packets_ + 1 : 0;
        const bool timers_turn = overdue_packets_ > packets_before_timer_max && fire_timer();
        if (timers_turn) overdue_packets_ = 0;
        if (timers_turn || read_one() || fire_timer())
            busy_until_ =
                world_.now() + Duration{static_cast<Duration::rep>(
                                   static_cast<double>(plan_.cpu_per_packet.count()) * slowness_)};
    }
    arm();
}

void Node::arm() {
    if (!running() || paused_) return;
    std::optional<Instant> due = next_due();
    if (!token_socket_.waiting.empty() || !data_socket_.waiting.empty() ||
        !direct_socket_.waiting.empty())
        due = busy_until_;
    if (!due) return;
    *due = std::max({*due, busy_until_, world_.now()});
    if (armed_ && *armed_ <= *due) return;
    armed_ = *due;
    world_.wake_at(*due, plan_.id);
}

void Node::unreachable(NodeId node) {
    if (running() && !paused_) step(membership::PeerUnreachable{node});
}

// -- stable storage

void Node::write_record(const membership::StableRecord& record) {
    disk_.begin(record);
    tickets_.push_back(0);
    write_begun();
}

Ticket Node::persist(std::vector<Write> writes) {
    disk_.begin(std::move(writes));
    tickets_.push_back(++last_ticket_);
    write_begun();
    return last_ticket_;
}

void Node::write_begun() {
    const Duration takes = chance_.between(plan_.fsync, 4 * plan_.fsync);
    disk_free_ = std::max(disk_free_, world_.now()) + takes;
    world_.disk_done_at(disk_free_, plan_.id, generation_);
}

void Node::disk_done(std::uint32_t generation) {
    if (generation != generation_) return; // of a process that is gone: its write went with it
    if (paused_) {
        ++disk_done_meanwhile_;
        return;
    }
    disk_.finish();
    const Ticket ticket = tickets_.front();
    tickets_.pop_front();
    if (beginning_)
        start_life();
    else if (ticket == 0)
        step(membership::RecordStored{});
    else
        within([&] { application_->on_persisted(ticket); });
    arm();
}

// -- the application's surroundings

membership::Submission Node::submit(Bytes message, Service service) {
    const std::size_t size = message.size();
    const auto submission = processor_->submit(now(), std::move(message), service, actions_);
    if (submission.counter) emit(trace::Submit{{who(), *submission.counter}, service, size});
    world_.submitted(*this);
    return submission;
}

void Node::set_hint(Bytes hint) { pending_.emplace_back(membership::HintChanged{std::move(hint)}); }

void Node::consumed(std::uint64_t messages) { consumed_ += messages; }

void Node::set_timer(TimerId timer, Instant at) { timers_[timer] = at; }

void Node::cancel_timer(TimerId timer) { timers_.erase(timer); }

void Node::formed() { world_.formed(*this); }

void Node::emit(trace::Body event) { world_.emit(who(), std::move(event)); }

void Node::narrate(const std::string& line) {
    world_.note([&] { return fmt::format("node {}: {}", plan_.id, line); });
}

void Node::violated(const std::string& property, const std::string& sentence) {
    throw Violation{property, fmt::format("{}: {}", describe(who()), sentence)};
}

} // namespace sim
