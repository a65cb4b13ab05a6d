#include "sim/draw/chronicle.h"

namespace sim::draw {

namespace {

// Runs may be long; a picture shows a few thousand packets at most.
constexpr std::size_t hops_max = 3'000'000;

struct NumberOf {
    std::uint64_t operator()(const DataPacket& data) const { return data.seq.value; }

    std::uint64_t operator()(const Token& token) const { return token.token_seq.value; }

    std::uint64_t operator()(const CommitToken& commit) const { return commit.ring.seq; }

    template <class Other>
    std::uint64_t operator()(const Other&) const {
        return 0;
    }
};

} // namespace

Chronicle::Chronicle()
    : story_(
          [this](Instant at, const std::string& text) {
              lines_.push_back({at, text});
          },
          false) {}

Band* Chronicle::open_band(NodeId node) {
    const auto found = open_band_.find(node);
    return found == open_band_.end() ? nullptr : &bands_[found->second];
}

void Chronicle::end_band(NodeId node, Instant at) {
    if (Band* band = open_band(node)) {
        band->to = at;
        if (band->interrupted == Instant{}) band->interrupted = at;
        open_band_.erase(node);
    }
}

void Chronicle::on_event(const trace::Event& event) {
    story_.on_event(event);
    const NodeId node = event.who.node;
    if (std::holds_alternative<trace::Start>(event.body)) {
        nodes_ = std::max(nodes_, node);
        open_life_[node] = lives_.size();
        lives_.push_back({.node = node, .from = event.at, .to = {}});
    } else if (std::holds_alternative<trace::Crash>(event.body)) {
        end_band(node, event.at);
        if (const auto life = open_life_.find(node); life != open_life_.end()) {
            lives_[life->second].to = event.at;
            lives_[life->second].crashed = true;
            open_life_.erase(life);
        }
    } else if (const auto* regular = std::get_if<trace::Regular>(&event.body)) {
        end_band(node, event.at);
        open_band_[node] = bands_.size();
        bands_.push_back({.node = node,
                          .from = event.at,
                          .interrupted = {},
                          .to = {},
                          .ring = regular->ring,
                          .members = regular->members,
                          .primary = regular->primary});
    } else if (const auto* deliver = std::get_if<trace::Deliver>(&event.body)) {
        delivered_.push_back({event.at, node, deliver->guarantee == Service::safe});
    } else if (std::holds_alternative<trace::Heal>(event.body)) {
        healed_ = event.at;
    }
}

void Chronicle::on_note(Instant at, const std::string& line) { story_.on_note(at, line); }

void Chronicle::on_packet(Instant at, NodeId from, NodeId to, const Packet& packet) {
    const auto* data = std::get_if<DataPacket>(&packet);
    sending_ = {.sent = at,
                .arrives = at,
                .from = from,
                .to = to,
                .type = type_of(packet),
                .again = data != nullptr && data->retransmission,
                .multicast = to == 0,
                .number = std::visit(NumberOf{}, packet)};
}

void Chronicle::on_transmitted(Instant,
                               const Datagram&,
                               std::span<const NodeId> to,
                               const std::vector<Network::Scheduled>& arrivals) {
    if (hops_.size() + to.size() > hops_max) return;
    Hop hop = sending_;
    for (const Network::Scheduled& one : arrivals) {
        hop.to = one.arrival.to;
        hop.arrives = one.at;
        hops_.push_back(hop);
    }
    hop.lost = true;
    hop.arrives = hop.sent;
    for (const NodeId receiver : to) {
        const bool arrives = std::ranges::any_of(
            arrivals, [&](const Network::Scheduled& one) { return one.arrival.to == receiver; });
        hop.to = receiver;
        if (!arrives) hops_.push_back(hop);
    }
}

void Chronicle::on_fault(Instant at, const Fault& fault) {
    marks_.push_back({at, fault.lasting > Duration{} ? at + fault.lasting : Instant::max(), fault});
}

void Chronicle::on_interrupted(Instant at, NodeId node) {
    Band* band = open_band(node);
    if (band != nullptr && band->interrupted == Instant{}) band->interrupted = at;
}

void Chronicle::close(Instant end) {
    end_ = end;
    for (const auto& [node, life] : open_life_)
        lives_[life].to = end;
    open_life_.clear();
    while (!open_band_.empty())
        end_band(open_band_.begin()->first, end);
    for (Mark& mark : marks_) {
        // A fault without an end of its own ends with the heal; a crash is a moment.
        const Instant last = healed_ && *healed_ > mark.at ? *healed_ : end;
        mark.until = std::min(mark.until, last);
        const std::string& kind = mark.fault.kind;
        if (kind == "start" || kind == "clock" || kind == "loss" || kind == "leave")
            mark.until = mark.at;
    }
}

} // namespace sim::draw
