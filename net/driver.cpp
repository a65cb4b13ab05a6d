#include "net/driver.h"

#include "net/logs.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace net {

namespace {

// 7.6: work per loop is bounded, so that neither junk nor a busy application starves the timers.
constexpr std::size_t packets_per_turn = 256;
constexpr std::size_t submissions_per_turn = 256;
constexpr std::size_t packets_after_stall = 16384; // more than any socket buffer holds

enum ReadyBit : std::uint32_t { orders_ready = 1, data_ready = 2, token_ready = 4 };

std::vector<Key> read_keys(const NodeOptions& options) {
    if (!options.key_file.empty()) return read_key_file(options.key_file).keys;
    logs::ring().warn(
        "no key file: packets are neither secret nor authentic, and whoever can send from "
        "the address of a node can break this cluster. Make a key with `totem-keygen`, "
        "copy it to every node and name it in totem.conf");
    return {};
}

// What follows from the network we found: packet size, and whether streams can be verified.
NodeOptions settled(NodeOptions options, const SocketPlan& plan) {
    const std::size_t tag = options.key_file.empty() ? insecure_tag_size : tag_size;
    const std::size_t overhead = header_size(plan.own) + envelope_size + tag;
    if (plan.mtu <= overhead + fragment_min)
        throw std::runtime_error(fmt::format("mtu {}: too small for any message; at least 1400 is "
                                             "needed, 1500 is usual",
                                             plan.mtu));
    options.settings.body_max = plan.mtu - overhead;
    if (options.key_file.empty()) options.settings.verify_streams = false; // 7.4
    if (const auto wrong = options.settings.validate())
        throw std::runtime_error(fmt::format("{} (mtu {})", *wrong, plan.mtu));
    return options;
}

membership::Identity begin_life(StableStorage& storage, const NodeOptions& options) {
    const auto life = storage.begin_life(options.new_identity);
    return {.self = {options.self, life.record.incarnation},
            .high_ring_seq = life.high_ring_seq,
            .ring_seq_lease = life.record.ring_seq_lease,
            .challenge = random_number() | 1, // 0 means: none
            .jitter_seed = random_number()};
}

std::vector<NodeId> nodes_of(const NodeOptions& options) {
    std::vector<NodeId> nodes;
    for (const auto& [node, address] : options.addresses)
        nodes.push_back(node);
    return nodes;
}

SealContext named(SealContext context, ProcessorId self) {
    context.self = self;
    return context;
}

void lock_memory() {
    if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        logs::ring().warn(
            "memory cannot be locked ({}); the ring may stall while the machine swaps. "
            "Allow CAP_IPC_LOCK or raise the limit of locked memory",
            std::strerror(errno));
}

void become_real_time() {
    sched_param priority{};
    priority.sched_priority = ::sched_get_priority_min(SCHED_RR);
    const int error = ::pthread_setschedparam(::pthread_self(), SCHED_RR, &priority);
    if (error != 0)
        logs::ring().warn(
            "the ring cannot run with real-time priority ({}); it may stall under load. "
            "Allow CAP_SYS_NICE",
            std::strerror(error));
}

} // namespace

Driver::Driver(const NodeOptions& options, Bridge& bridge)
    : options_(options), bridge_(bridge),
      plan_(plan_sockets(options_)), seal_context_{options_.cluster,
                                                   {options_.self, 0},
                                                   read_keys(options_)},
      sockets_(plan_), storage_(options_.state_file, options_.cluster, options_.self),
      identity_((options_ = settled(options_, plan_), begin_life(storage_, options_))),
      pool_(plan_.mtu),
      data_(sockets_.data, pool_, {sockets_.segmentation_offload, sockets_.coalescing}),
      token_(sockets_.token, pool_, {}), waiter_(options_.spin),
      sealer_(named(seal_context_, identity_.self)),
      opener_(named(seal_context_, identity_.self), nodes_of(options_)),
      processor_(options_.settings, identity_),
      trace_(options_.trace_file, identity_.self, options_.addresses.size()),
      writer_(
          storage_,
          [this] {
              record_stored_.store(true, std::memory_order_release);
              bridge_.wake_ring();
          },
          [](const std::string& why) { logs::ring().error("{}; trying again", why); }) {
    for (const std::string& warning : sockets_.warnings)
        logs::ring().warn("{}", warning);
    if (options_.real_time) lock_memory();
    report_.self = identity_.self;
    report_.sealed = !seal_context_.keys.empty();
    waiter_.watch(bridge_.order_fd(), orders_ready);
    waiter_.watch(sockets_.data.get(), data_ready);
    waiter_.watch(sockets_.token.get(), token_ready);
}

Driver::~Driver() = default;

// -- the loop

void Driver::run(const Bytes& first_hint) {
    if (options_.real_time) become_real_time();
    begin(first_hint);
    while (!bridge_.stop_wished())
        turn(!more_);
}

void Driver::begin(const Bytes& first_hint) {
    now_ = looked_ = BootClock::now();
    trace_.start(now_);
    step(membership::HintChanged{first_hint});
    processor_.start(now_, actions_);
    perform();
    waiter_.wake_at(processor_.deadline());
}

void Driver::turn(bool sleeping) {
    look(sleeping);
    ++turns_;
    more_ = false;
    submissions_ = 0;
    if (ended_) return serve_after_the_end();
    now_ = BootClock::now();
    absorb_stall();
    take_orders();
    read_packets(packets_per_turn);
    fire_deadline();
    if (record_stored_.exchange(false, std::memory_order_acquire)) step(membership::RecordStored{});
    trace_.flush();
    make_report(); // before the application hears of a new ring
    bridge_.publish();
    narrated_ = logs::ring().should_log(spdlog::level::trace);
    looked_ = now_;
    if (!ended_) waiter_.wake_at(processor_.deadline());
}

void Driver::turn_once() {
    turn(false);
    if (more_) bridge_.wake_ring(); // so that wake_fd() tells
}

void Driver::look(bool sleeping) {
    const Waiter::Ready ready = waiter_.wait(sleeping);
    if ((ready.bits & orders_ready) != 0) bridge_.hush_orders();
    data_.readable = data_.readable || (ready.bits & data_ready) != 0;
    token_.readable = token_.readable || (ready.bits & token_ready) != 0;
    data_.failed = data_.failed || (ready.failed & data_ready) != 0;
    token_.failed = token_.failed || (ready.failed & token_ready) != 0;
}

// 5.11: if our deadline passed long ago we were not scheduled. What waits in the sockets is read
// before any timer fires, so that a token which is there already is not declared lost; and if the
// others must have given us up meanwhile, what they said about that is out of date.
void Driver::absorb_stall() {
    const auto deadline = processor_.deadline();
    const Duration token_loss = options_.settings.token_loss_for(processor_.members().size());
    if (!deadline || now_ - *deadline <= token_loss / 2) return;
    const Duration gap = now_ - looked_;
    logs::ring().warn("the ring was not scheduled for {} ms",
                      std::chrono::duration_cast<std::chrono::milliseconds>(gap).count());
    drop_membership_ = gap > token_loss;
    read_packets(packets_after_stall);
    drop_membership_ = false;
    step(membership::Resumed{gap});
}

void Driver::fire_deadline() {
    now_ = BootClock::now();
    const auto deadline = processor_.deadline();
    if (!ended_ && deadline && *deadline <= now_) step(membership::DeadlinePassed{});
}

// The ring is over for us; the application may still have to take what it was told before.
void Driver::serve_after_the_end() {
    (void)bridge_.take_consumed();
    trace_.flush();
    bridge_.publish();
}

// -- from the application

void Driver::take_orders() {
    if (const std::uint64_t consumed = bridge_.take_consumed(); consumed > 0)
        step(membership::Consumed{consumed});
    if (auto hint = bridge_.take_hint()) step(membership::HintChanged{std::move(*hint)});
    for (const NodeId dead : bridge_.take_dead())
        step(membership::PeerUnreachable{dead});
    if (const auto others = bridge_.take_others()) meet(*others);
    take_submissions();
    if (bridge_.take_room_wish()) bridge_.push(RoomAvailable{});
    if (bridge_.leave_wished() && !leave_requested_ && bridge_.next_submission() == nullptr) {
        leave_requested_ = true;
        step(membership::LeaveRequested{});
    }
}

// Who is on the ring is the core's to know: a node that is new comes to it by itself.
void Driver::meet(const std::map<NodeId, Address>& others) {
    std::vector<NodeId> nodes = {identity_.self.node};
    for (const auto& [node, address] : others)
        nodes.push_back(node);
    sockets_.know(others);
    sockets_.widen(receive_buffer_for(options_.settings, nodes.size(), plan_.mtu));
    opener_.hear_only(nodes);
}

void Driver::take_submissions() {
    for (std::size_t i = 0; !ring_full_ && !ended_; ++i) {
        const Bridge::Submission* next = bridge_.next_submission();
        if (next == nullptr) return;
        if (i == submissions_per_turn) {
            more_ = true;
            return;
        }
        const auto answer = processor_.submit(now_, next->message, next->service, actions_);
        ring_full_ = !answer.counter && answer.refusal == SendQueue::Refusal::full;
        if (answer.counter)
            trace_.submitted(now_, *answer.counter, next->service, next->message.size());
        if (!ring_full_) bridge_.submission_taken();
        perform();
    }
}

bool Driver::submit(const Bytes& message, Service service) {
    constexpr std::size_t burst = 64; // of which the first reads the clock for all
    if (ended_) return true; // as on a thread: it will never be ordered, and Left or Broken says so
    if (submissions_++ % burst == 0) now_ = BootClock::now();
    const auto answer = processor_.submit(now_, message, service, actions_);
    if (answer.counter) trace_.submitted(now_, *answer.counter, service, message.size());
    const bool full = !answer.counter && answer.refusal == SendQueue::Refusal::full;
    if (!actions_.empty()) {
        perform();
        waiter_.wake_at(processor_.deadline());
        if (bridge_.has_news()) bridge_.wake_ring(); // what was delivered at once is polled next
    }
    return !full;
}

} // namespace net
