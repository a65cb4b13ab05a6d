// A whole processor, driven by any sequence of well-formed packets, timers, submissions and
// surprises that the fuzzer thinks of: it never crashes, keeps its own promises (base/check.h,
// after each step) and those below, sends only what others can read, and its memory has bounds.
//
// Whether several processors agree is the simulator's business: the peers here may lie. With
// FUZZ_TELL in the environment a run tells its story.
#include "tests/fuzz/peers.h"

#include <cstdio>
#include <cstdlib>

namespace {

using namespace fuzz;

constexpr std::uint64_t challenge = 77;
constexpr std::size_t steps_max = 400;

Settings settings(Input& in) {
    Settings chosen = Settings::simulated();
    chosen.queue_bytes_max = 4096;
    if (in.coin()) chosen.body_max = 512;
    if (in.coin()) chosen.accelerated = 0;
    chosen.verify_streams = in.coin();
    return chosen;
}

const bool telling = std::getenv("FUZZ_TELL") != nullptr;

void tell(const char* mark, const std::string& what) {
    if (telling) std::fprintf(stderr, "%s %s\n", mark, what.c_str());
}

class Harness {
public:
    explicit Harness(Input& in)
        : in_(in), settings_(settings(in)),
          processor_(settings_,
                     {.self = {in.coin() ? 1U : 3U, 1}, .challenge = challenge, .jitter_seed = 5}),
          peers_(processor_, challenge) {
        processor_.start(now_, actions_);
        absorb();
    }

    void run() {
        for (std::size_t step = 0; step < steps_max && !in_.at_end() && !ended_; ++step) {
            once();
            absorb();
            check_bounds();
        }
    }

private:
    void step(const Event& event) {
        tell("<-", describe(event));
        processor_.step(now_, event, actions_);
    }

    void once() {
        switch (in_.number(0, 15)) {
        case 0:
        case 1:
            return wait_for_deadline();
        case 2:
            now_ += std::chrono::microseconds(in_.number(0, 65535));
            return step(DeadlinePassed{});
        case 3:
        case 4:
            return submit();
        case 5:
            return happening();
        case 6:
            return arrive(peer_of_noise(), static_cast<PacketType>(in_.number(1, 8)),
                          in_.some_bytes(64));
        case 7:
        case 8:
            return go_on_well(1);
        case 9:
            return go_on_well(24);
        default:
            return send(peers_.next(in_));
        }
    }

    // A while without trouble: whoever is here forms a ring, and its token turns.
    void go_on_well(int times) {
        const std::uint8_t who = in_.byte();
        const bool together = in_.coin();
        for (int time = 0; time < times && !ended_; ++time) {
            for (const Peers::Sent& sent : peers_.honest(who, together)) {
                send(sent);
                absorb();
            }
            step(RecordStored{});
            if (processor_.phase() == Phase::gather) wait_for_deadline();
        }
    }

    void send(const Peers::Sent& sent) {
        std::vector<std::uint8_t> body(settings_.body_max);
        const auto size = encode(sent.packet, body);
        if (!size) return; // bent too far: no peer can even write it
        const auto written = std::span<const std::uint8_t>(body).first(*size);
        arrive(sent.from, type_of(sent.packet), Bytes::copy_of(written));
    }

    ProcessorId peer_of_noise() { return {static_cast<NodeId>(in_.number(1, 4)), 1}; }

    void arrive(ProcessorId from, PacketType type, Bytes body) {
        step(PacketArrived{.from = from, .type = type, .body = std::move(body)});
    }

    // A timer that is due fires for good: another deadline comes, or none.
    void wait_for_deadline() {
        if (const auto deadline = processor_.deadline()) now_ = std::max(now_, *deadline);
        step(DeadlinePassed{});
        absorb();
        const auto deadline = processor_.deadline();
        check(!deadline || *deadline > now_, "what is due has been done");
    }

    void submit() {
        const Bytes message = in_.chance(16) ? Bytes::copy_of(std::string(in_.number(0, 9000), 'x'))
                                             : in_.some_bytes(60);
        const auto service = in_.coin() ? Service::safe : Service::agreed;
        (void)processor_.submit(now_, message, service, actions_);
    }

    void happening() {
        switch (in_.number(0, 7)) {
        case 0:
        case 1:
            return step(RecordStored{});
        case 2:
            return step(Resumed{std::chrono::milliseconds(in_.number(0, 1000))});
        case 3:
            return step(HintChanged{in_.some_bytes(hint_size_max)});
        case 4:
            return step(PeerUnreachable{static_cast<NodeId>(in_.number(1, 9))});
        case 5:
            return in_.chance(16) ? step(LeaveRequested{}) : step(RecordStored{});
        default:
            return step(Consumed{in_.number(0, 40)});
        }
    }

    // -- what comes of it

    void absorb() {
        check(actions_.size() <= 20'000, "one step does a bounded number of things");
        const Actions actions = std::move(actions_);
        actions_.clear();
        for (const Action& action : actions) {
            tell("->", describe(action));
            std::visit([this](const auto& done) { on(done); }, action);
        }
        tell("  ", processor_.explain(now_));
    }

    void on(const Multicast& send) { sent(send.packet); }

    void on(const Unicast& send) {
        check(send.to != processor_.self(), "nobody writes to itself");
        sent(send.packet);
    }

    void sent(const Packet& packet) {
        std::vector<std::uint8_t> body(settings_.body_max);
        const auto size = encode(packet, body);
        check(size.has_value(), "what we send can be written, and fits");
        const auto written = std::span<const std::uint8_t>(body).first(*size);
        const auto read = decode(type_of(packet), Bytes::copy_of(written));
        check(read.has_value() && *read == packet, "what we send can be read");
        peers_.heard(packet);
    }

    void on(const DeliverConfiguration& shown) {
        const Configuration& next = shown.configuration;
        const auto& members = next.members;
        check(std::binary_search(members.begin(), members.end(), processor_.self()),
              "we are in our configurations");
        check(next.ring.seq > installed_.seq, "ring numbers grow");
        check(next.previous == installed_, "a configuration follows the one that we were in");
        if (next.kind == Configuration::Kind::transitional) {
            check(installed_.seq != 0 && !transitional_,
                  "a transitional one follows a regular one");
            transitional_ = true;
            return;
        }
        check(transitional_ == (installed_.seq != 0), "a regular one ends a transitional one");
        check(next.hints.size() == members.size(), "every member has a hint");
        transitional_ = false;
        installed_ = next.ring;
        delivered_.reset();
    }

    void on(const Deliver& shown) {
        const Delivery& message = shown.message;
        check(installed_.seq != 0 && message.ring == installed_, "messages belong to our ring");
        check(!delivered_ || *delivered_ < message.position, "one order, each message once");
        delivered_ = message.position;
    }

    void on(const StoreRecord& store) {
        check(store.record.ring_seq_lease > lease_, "leases grow");
        lease_ = store.record.ring_seq_lease;
    }

    void on(const Left&) { ended_ = true; }

    void on(const Broken&) { ended_ = true; }

    void on(const auto&) {}

    void check_bounds() const {
        const Processor::View view = processor_.view();
        const std::size_t held_max = 2 * 4096;
        check(view.packets_held <= held_max, "packets held are bounded");
        check(view.queue_bytes <= std::max(settings_.queue_bytes_max, std::size_t{9000}),
              "what waits to be sent is bounded");
        check(view.candidates.size() <= members_max, "a ring has at most members_max");
        check(view.obligation.size() <= members_max, "so has what we owe");
        check(!processor_.explain(now_).empty(), "the state can be told");
    }

    Input& in_;
    Settings settings_;
    Processor processor_;
    Peers peers_;
    Instant now_{std::chrono::seconds(1)};
    Actions actions_;
    bool ended_ = false;

    // What the application has seen.
    RingId installed_;
    bool transitional_ = false;
    std::optional<Position> delivered_;
    std::uint64_t lease_ = 0;
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    Harness(in).run();
    return 0;
}
