#include "sim/checker/white_box.h"

#include <fmt/format.h>

#include <algorithm>

namespace sim {

namespace {

using membership::Phase;
using membership::Processor;

class Digest {
public:
    void mix(std::uint64_t value) { value_ = (value_ ^ value) * 0x100000001b3; }

    void mix(std::span<const std::uint8_t> bytes) {
        while (bytes.size() >= 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data(), 8);
            mix(word ^ (word >> 29));
            bytes = bytes.subspan(8);
        }
        for (const std::uint8_t byte : bytes)
            mix(byte);
    }

    [[nodiscard]] std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_ = 0xcbf29ce484222325;
};

// Which packets of its installed ring a processor holds: what lies behind the gap-free prefix, too.
std::uint64_t digest_of_held(const Processor& processor) {
    const Processor::View view = processor.view();
    Digest digest;
    digest.mix(view.my_aru.value);
    for (Seq seq = next(view.my_aru); seq <= view.high_seq; seq = next(seq))
        if (processor.holds(seq)) digest.mix(seq.value);
    return digest.value();
}

} // namespace

std::size_t WhiteBox::PlaceHash::operator()(const std::pair<RingId, std::uint64_t>& place) const {
    Digest digest;
    digest.mix(place.first.seq);
    digest.mix(place.first.representative.node);
    digest.mix(place.second);
    return digest.value();
}

WhiteBox::WhiteBox(const Population& population,
                   const Settings& settings,
                   std::size_t nodes,
                   bool mistakes)
    : population_(population), packets_max_(0),
      // One message always fits an empty queue, however large it is.
      queue_bytes_max_(std::max(settings.queue_bytes_max, message_size_max)),
      memory_used_(std::uint64_t{settings.outstanding_windows - 1} * settings.window),
      mistakes_(mistakes) {
    for (std::size_t members = 1; members <= nodes; ++members) {
        const std::size_t one_ring = settings.held_max_for(members);
        packets_max_ = std::max(packets_max_, 2 * one_ring); // the installed and the candidate
    }
}

void WhiteBox::stepping(const Processor& processor, const membership::Event& event) {
    const auto* arrived = std::get_if<membership::PacketArrived>(&event);
    if (arrived == nullptr || arrived->type != PacketType::token ||
        processor.phase() != Phase::recovery)
        return;
    watched_[processor.self()].recovered = digest_of_held(processor);
}

void WhiteBox::stepped(const Processor& processor, const membership::Actions& actions) {
    look(processor);
    judge_turn(processor, actions);
    if (processor.phase() == Phase::operational || processor.deadline()) return;
    const bool stopped = std::ranges::any_of(actions, [](const membership::Action& action) {
        return std::holds_alternative<membership::Left>(action) ||
               std::holds_alternative<membership::Broken>(action);
    });
    if (!stopped)
        throw Violation{"W6",
                        fmt::format("processor {} waits for ever", describe(processor.self()))};
}

// P27. Between two visits more may be submitted, so one without a packet says little; a handful of
// them in a row is more than flow control may do to anybody.
void WhiteBox::judge_turn(const Processor& processor, const membership::Actions& actions) {
    constexpr std::uint32_t starved_visits_max = 5;
    const membership::Unicast* passed = nullptr;
    bool sent = false;
    for (const membership::Action& action : actions) {
        if (const auto* unicast = std::get_if<membership::Unicast>(&action))
            if (std::holds_alternative<Token>(unicast->packet)) passed = unicast;
        if (const auto* multicast = std::get_if<membership::Multicast>(&action))
            if (const auto* data = std::get_if<DataPacket>(&multicast->packet))
                sent = sent || !data->retransmission;
    }
    if (passed == nullptr) return;
    Watched& watched = watched_[processor.self()];
    const auto& token = std::get<Token>(passed->packet);
    const auto visit = std::pair(token.ring, token.token_seq);
    if (std::exchange(watched.visit, visit) == visit) return; // sent again: it may be lost
    const bool room = token.seq.value < token.aru.value + memory_used_;
    const bool starved = processor.phase() == Phase::operational && room && !sent &&
                         processor.view().queue_bytes > 0;
    watched.starved_visits = starved ? watched.starved_visits + 1 : 0;
    if (watched.starved_visits > starved_visits_max)
        throw Violation{"P27",
                        fmt::format("processor {} has something to send and passed the token {} "
                                    "times without",
                                    describe(processor.self()), watched.starved_visits)};
}

void WhiteBox::look(const Processor& processor) {
    Watched& watched = watched_[processor.self()];
    const View view = processor.view();
    judge_alone(processor, view, watched);
    if (view.safe_upto > watched.safe_upto || view.installed != watched.installed)
        judge_safe_horizon(processor, view);
    watched.installed = view.installed;
    watched.safe_upto = view.safe_upto;
    watched.high_ring_seq = view.high_ring_seq;
}

void WhiteBox::judge_alone(const Processor& processor, const View& view, Watched& watched) {
    const auto require = [&](bool condition, const char* property, const char* what) {
        if (!condition)
            throw Violation{property,
                            fmt::format("processor {} {}", describe(processor.self()), what)};
    };
    require(view.discarded <= view.safe_upto && view.discarded <= view.delivered, "W4",
            "forgets what is not known to be safe and delivered");
    require(view.safe_upto <= view.my_aru, "W4", "calls safe what it lacks itself");
    require(view.delivered <= view.high_seq, "W4", "delivered what it never had");
    require(view.high_ring_seq >= watched.high_ring_seq || mistakes_, "W9",
            "forgets the highest ring number");
    const auto bounded = [&](std::size_t held, std::size_t most, const char* what) {
        if (held > most)
            throw Violation{"P24", fmt::format("processor {} holds {} {}, at most {} are promised",
                                               describe(processor.self()), held, what, most)};
    };
    bounded(view.packets_held, packets_max_, "packets");
    bounded(view.queue_bytes, queue_bytes_max_, "bytes in its queue");
    const auto members = processor.members();
    for (const ProcessorId& one : view.obligation)
        require(std::ranges::find(members, one) != members.end(), "W10",
                "is obliged to a processor that was not in its ring");
}

// W3: what one member calls safe, every live member of that ring has.
void WhiteBox::judge_safe_horizon(const Processor& processor, const View& view) {
    for (const ProcessorId& member : processor.members()) {
        const Processor* other = population_.processor(member.node);
        if (other == nullptr || other == &processor || other->self() != member ||
            other->ring() != view.installed)
            continue;
        if (const Seq aru = other->view().my_aru; aru < view.safe_upto)
            throw Violation{"W3",
                            fmt::format("processor {} calls everything up to {} safe, {} has it "
                                        "only up to {}",
                                        describe(processor.self()), view.safe_upto,
                                        describe(member), aru)};
    }
}

// 5.6: a processor helps to form a ring of exactly those whom it agreed to form one with.
void WhiteBox::judge_agreement(const Processor& processor, const CommitToken& commit) {
    const View view = processor.view();
    if (view.phase == Phase::operational || view.candidate != commit.ring) return;
    if (view.candidates != commit.members)
        throw Violation{"5.6",
                        fmt::format("processor {} takes part in ring {}, to whose members it did "
                                    "not agree",
                                    describe(processor.self()), describe(commit.ring))};
}

// W1: a token has one sender and one content; W5: a place in a ring holds one packet.
void WhiteBox::sending(const Processor& processor, const Packet& packet, const Bytes& body) {
    const auto compare = [&](auto& known, const RingId& ring, std::uint64_t number,
                             std::uint64_t digest, const char* property, const char* what) {
        const auto [found, fresh] =
            known.emplace(std::pair{ring, number}, Sent{digest, processor.self()});
        if (!fresh && found->second.digest != digest)
            throw Violation{property,
                            fmt::format("two different {} {} of ring {}: from {} and from {}", what,
                                        number, describe(ring), describe(found->second.sender),
                                        describe(processor.self()))};
    };
    if (const auto* commit = std::get_if<CommitToken>(&packet))
        return judge_agreement(processor, *commit);
    if (const auto* token = std::get_if<Token>(&packet)) {
        Digest digest;
        digest.mix(body.span());
        digest.mix(processor.self().node);
        compare(tokens_, token->ring, token->token_seq.value, digest.value(), "W1", "tokens");
    } else if (const auto* data = std::get_if<DataPacket>(&packet)) {
        Digest digest;
        digest.mix(data->origin.node);
        digest.mix(data->origin.incarnation);
        digest.mix(static_cast<std::uint64_t>(data->service) * 2 + (data->wrapped ? 1 : 0));
        digest.mix(data->chunk_count);
        digest.mix(data->chunks.span());
        compare(packets_, data->ring, data->seq.value, digest.value(), "W5", "packets");
    }
}

void WhiteBox::delivering(const Processor& processor, const Configuration& configuration) {
    Watched& watched = watched_[processor.self()];
    if (configuration.kind == Configuration::Kind::regular) judge_installed(processor, watched);
    watched.configuration = configuration;
}

// W8: those who come together recovered the same packets of their old ring.
void WhiteBox::judge_installed(const Processor& processor, const Watched& watched) {
    const Configuration& transition = watched.configuration;
    if (transition.kind != Configuration::Kind::transitional || transition.members.size() < 2)
        return;
    const auto [found, fresh] = recovered_.emplace(std::pair{transition.previous, transition.ring},
                                                   Sent{watched.recovered, processor.self()});
    if (!fresh && found->second.digest != watched.recovered)
        throw Violation{"W8",
                        fmt::format("{} and {} enter ring {} with different packets of ring {}",
                                    describe(found->second.sender), describe(processor.self()),
                                    describe(transition.ring), describe(transition.previous))};
}

// P20: at the moment when a safe message is delivered, everybody concerned holds it.
void WhiteBox::delivering(const Processor& processor, const Delivery& message) {
    if (message.service != Service::safe) return;
    for (const ProcessorId& member : watched_[processor.self()].configuration.members) {
        const Processor* other = population_.processor(member.node);
        if (other == nullptr || other == &processor || other->self() != member ||
            other->ring() != message.ring)
            continue; // it went elsewhere: P18 and P19 judge how
        if (!other->holds(message.position.seq))
            throw Violation{"P20", fmt::format("{} delivers {} safe, but {} does not hold it",
                                               describe(processor.self()), describe(message),
                                               describe(member))};
    }
}

} // namespace sim
