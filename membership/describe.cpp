// One spelling for every event and action: logs, golden traces and failure reports use it alike.
#include "membership/processor.h"
#include "totem/wire.h"

#include <fmt/format.h>

#include <array>

namespace membership {

namespace {

std::string describe_arrived(const PacketArrived& arrived) {
    const auto packet = decode(arrived.type, arrived.body);
    return fmt::format("{} -> us {}", arrived.from,
                       packet ? totem::describe(*packet) : packet.error().message());
}

std::string milliseconds(Duration duration) { return fmt::format("{} ms", duration / 1ms); }

} // namespace

std::string describe(Phase phase) {
    static constexpr auto names =
        std::to_array<std::string_view>({"operational", "gather", "commit", "recovery"});
    return std::string(names[static_cast<std::size_t>(phase)]);
}

std::string describe(const Event& event) {
    return std::visit(Match{[](const PacketArrived& arrived) { return describe_arrived(arrived); },
                            [](const DeadlinePassed&) { return std::string("deadline"); },
                            [](const Consumed& consumed) {
                                return fmt::format("consumed {} messages", consumed.messages);
                            },
                            [](const RecordStored&) { return std::string("record stored"); },
                            [](const Resumed& resumed) {
                                return fmt::format("resumed after {}", milliseconds(resumed.gap));
                            },
                            [](const HintChanged& changed) {
                                return fmt::format("hint of {} bytes", changed.hint.size());
                            },
                            [](const LeaveRequested&) { return std::string("leave requested"); },
                            [](const PeerUnreachable& peer) {
                                return fmt::format("node {} unreachable", peer.node);
                            }},
                      event);
}

std::string describe(const Action& action) {
    return std::visit(
        Match{[](const Multicast& sent) { return "=> all " + totem::describe(sent.packet); },
              [](const Unicast& sent) {
                  return fmt::format("-> {} {}", sent.to, totem::describe(sent.packet));
              },
              [](const Deliver& delivery) { return "deliver " + describe(delivery.message); },
              [](const DeliverConfiguration& change) { return describe(change.configuration); },
              [](const Originated& sent) {
                  return fmt::format("originate {} {} {} {}.{}", sent.counter,
                                     totem::describe(sent.service), sent.ring, sent.position.seq,
                                     sent.position.index);
              },
              [](const Interrupted&) { return std::string("interrupted"); },
              [](const RoomAvailable&) { return std::string("room available"); },
              [](const StoreRecord& store) {
                  return fmt::format("store incarnation {} lease {}", store.record.incarnation,
                                     store.record.ring_seq_lease);
              },
              [](const PreferToken& prefer) {
                  return std::string(prefer.token_first ? "prefer token" : "prefer data");
              },
              [](const Left&) { return std::string("left"); },
              [](const Broken& broken) { return "broken: " + broken.why; }},
        action);
}

} // namespace membership
