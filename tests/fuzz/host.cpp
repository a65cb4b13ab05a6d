// A whole host with all its services, driven by any sequence of configurations, messages of honest
// and of mad members, answers of its disk and requests of its clients: it never crashes, what it
// says can be read, and the memory for what waits has bounds.
#include "statedb/host.h"

#include "statedb/databases.h"
#include "statedb/host_codec.h"
#include "statedb/locks.h"
#include "statedb/messages.h"
#include "statedb/records.h"
#include "tests/fuzz/input.h"

namespace {

using namespace fuzz;
using namespace statedb;

constexpr ProcessorId self{2, 1};
constexpr std::array<ProcessorId, 4> everybody = {{{1, 1}, {2, 1}, {3, 1}, {4, 1}}};

class Harness {
public:
    explicit Harness(Input& in)
        : in_(in), locks_(self), records_({.self = self}), databases_(self),
          messages_(self), services_{&locks_, &records_, &databases_, &messages_},
          host_({.self = self,
                 .nodes = {1, 2, 3, 4},
                 .rule = in.coin() ? QuorumRule::dynamic : QuorumRule::majority,
                 .chunk_size = 64,
                 .pending_bytes_max = 4096,
                 .digest_interval = 4},
                {},
                services_) {}

    void run() {
        configure();
        for (int step = 0; step < 500 && !in_.at_end(); ++step) {
            once();
            look();
        }
    }

private:
    void once() {
        switch (in_.number(0, 13)) {
        case 0:
            return in_.chance(96) ? configure() : leave_order();
        case 1:
        case 2:
        case 3:
        case 4:
            return order_ours();
        case 5:
        case 6:
        case 7:
            return order_theirs();
        case 8:
            return deliver(another(), in_.some_bytes(60));
        case 9:
        case 10:
            return store();
        case 11:
            now_ += std::chrono::milliseconds(in_.number(0, 2000));
            return host_.tick(now_);
        default:
            return client();
        }
    }

    // -- the ring

    void configure() {
        if (ring_.seq != 0) leave_order();
        Configuration next{.kind = Configuration::Kind::regular, .previous = ring_};
        ring_ = {ring_.seq + 4, self};
        next.ring = ring_;
        position_ = {};
        for (const ProcessorId id : everybody)
            if (id == self || in_.coin()) next.members.push_back(id);
        for (std::size_t i = 0; i < next.members.size(); ++i)
            next.hints.push_back(in_.chance(32) ? in_.some_bytes(hint_size_max) : Bytes{});
        members_ = next.members;
        host_.configured(now_, next);
    }

    void leave_order() {
        if (in_.coin()) host_.interrupted(now_);
        if (in_.chance(64)) host_.noticed_leave(in_.one_of(everybody));
        Configuration transitional{.kind = Configuration::Kind::transitional,
                                   .ring = {ring_.seq + 4, self},
                                   .previous = ring_};
        for (const ProcessorId id : members_)
            if (id == self || in_.coin()) transitional.members.push_back(id);
        host_.configured(now_, transitional);
    }

    void deliver(ProcessorId from, Bytes payload) {
        position_.seq = next(position_.seq);
        host_.deliver(now_, {.origin = from,
                             .counter = ++counter_,
                             .service = Service::safe,
                             .ring = ring_,
                             .position = position_,
                             .payload = std::move(payload)});
    }

    void order_ours() {
        const Host::Pending* pending = host_.next_submission();
        if (pending == nullptr) return;
        Bytes payload = pending->payload;
        host_.pop_submission();
        const auto read = unwrap(payload);
        check(read.has_value(), "what a host says can be opened");
        check(read->service != ServiceId::host || decode_host_message(read->content).has_value(),
              "what a host says to hosts can be read");
        said_.push_back(payload);
        if (said_.size() > 16) said_.erase(said_.begin());
        deliver(self, std::move(payload));
    }

    // Nobody can speak in our name: what bears it we have said.
    ProcessorId another() {
        const ProcessorId id = in_.one_of(everybody);
        return id == self ? everybody.front() : id;
    }

    // The others say what we said, for that is what they would say in our place; or nearly that.
    void order_theirs() {
        if (said_.empty()) return;
        const ProcessorId from = another();
        std::string payload(said_[in_.number(0, said_.size() - 1)].view());
        if (in_.chance(64) && !payload.empty())
            payload[in_.number(0, payload.size() - 1)] ^= char(in_.byte());
        deliver(from, in_.chance(64) ? bent(payload) : Bytes::copy_of(payload));
    }

    // A message between hosts, another value in one of its fields.
    Bytes bent(const std::string& payload) {
        const Bytes whole = Bytes::copy_of(payload);
        const auto envelope = unwrap(whole);
        if (!envelope || envelope->service != ServiceId::host) return whole;
        auto message = decode_host_message(envelope->content);
        if (!message) return whole;
        std::visit([this](auto& content) { bend(content); }, message->content);
        if (in_.chance(16)) message->ring.seq = in_.byte();
        Envelope again = *envelope;
        again.content = encode(*message);
        return wrap(again);
    }

    std::uint64_t any_number() { return in_.coin() ? in_.number(0, 6) : in_.any<std::uint64_t>(); }

    void bend(StateReport& report) {
        report.full = in_.coin();
        if (in_.coin()) report.green = {any_number(), any_number(), any_number()};
        if (in_.coin()) report.total = {any_number(), any_number(), any_number()};
        if (in_.coin()) report.history.last_primary = {any_number(), {1, 2}};
        if (in_.chance(64)) report.history.attempts.push_back({any_number(), {2, 3}});
        if (in_.chance(64)) report.summaries[ServiceId::databases] = in_.some_bytes(40);
        if (in_.chance(64)) report.view.push_back(in_.one_of(everybody));
        if (in_.chance(64)) report.left.push_back({in_.byte(), 1});
        if (in_.chance(64)) report.cluster.nodes = {1, 2};
    }

    void bend(ClusterSaid& said) {
        said.cluster.nodes = in_.coin() ? std::vector<NodeId>{1, 2} : std::vector<NodeId>{};
        said.cluster.digest = any_number();
    }

    void bend(Create& create) { create.index = any_number(); }

    void bend(Chunk& chunk) {
        if (in_.coin()) chunk.base = any_number();
        if (in_.coin()) chunk.targets = {self};
        if (in_.coin()) chunk.number = static_cast<std::uint32_t>(any_number());
        if (in_.coin()) chunk.count = static_cast<std::uint32_t>(any_number());
        if (in_.coin()) chunk.data = in_.some_bytes(60);
    }

    void bend(Digests& digests) {
        if (in_.coin()) digests.index = any_number();
        for (auto& [service, digest] : digests.digests)
            if (in_.coin()) digest = any_number();
    }

    void bend(auto&) {}

    // -- the world above and below

    void store() {
        if (const auto history = host_.history_to_store()) {
            ++given_;
            check(hint_of(*history).size() <= hint_size_max, "a hint is small");
            check(decode_history(encode(*history).span()) == history, "a history can be stored");
        }
        if (given_ == 0 || in_.coin()) return;
        --given_;
        host_.history_stored(now_);
    }

    void client() {
        if (host_.congested()) return;
        Outbox& out = host_.outbox(now_);
        const std::string name(1, static_cast<char>('a' + in_.byte() % 3));
        switch (in_.number(0, 9)) {
        case 0:
            (void)locks_.claim(name, out);
            break;
        case 1:
            return locks_.release(in_.number(0, 5), out);
        case 2:
            return records_.want({1, name}, out);
        case 3:
            return records_.read({1, name}, 7, out);
        case 4:
            return databases_.attach(in_.number(1, 2), name,
                                     static_cast<DatabaseKind>(in_.byte() % 3), 1, out);
        case 5:
            return databases_.commit(in_.number(1, 2), {{name, in_.some_bytes(40)}}, 2, out);
        case 6:
            (void)messages_.ask(static_cast<NodeId>(in_.number(1, 4)), 3, in_.some_bytes(20), out);
            break;
        case 7:
            return messages_.send({}, in_.byte(), in_.some_bytes(20), out);
        case 8:
            return in_.chance(32) ? host_.resign(now_) : drain(out);
        default:
            return drain(out);
        }
    }

    void drain(Outbox& out) {
        for (const RecordEffect& effect : records_.take_effects())
            if (const auto* take = std::get_if<TakeOver>(&effect))
                records_.turn_over(take->record, out);
        for (const DatabaseEffect& effect : databases_.take_effects())
            if (const auto* apply = std::get_if<Apply>(&effect))
                databases_.durable(apply->id, apply->version, out);
        (void)locks_.take_effects();
        (void)messages_.take_effects();
    }

    void look() {
        const HostStatus status = host_.status();
        check(!describe(status.phase).empty() && !status.quorum.empty(), "the state can be told");
        while (const auto alarm = host_.take_alarm())
            check(!alarm->empty(), "an alarm says something");
        (void)host_.resigned();
        (void)host_.deadline();
    }

    Input& in_;
    Locks locks_;
    Records records_;
    Databases databases_;
    Messages messages_;
    std::array<StateMachine*, 4> services_;
    Host host_;
    Instant now_{};
    RingId ring_;
    std::vector<ProcessorId> members_;
    totem::Position position_;
    std::uint64_t counter_ = 0;
    std::uint64_t given_ = 0; // histories that are on their way to the disk
    std::vector<Bytes> said_;
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    Harness(in).run();
    return 0;
}
