// Packing, fragmentation and the way back.
#include "totem/send_queue.h"

#include <doctest/doctest.h>

#include "arbitrary.h"

using namespace totem;

namespace {

DataPacket packet_of(const SendQueue::Packed& packed, std::uint64_t seq) {
    return {.ring = {.seq = 4, .representative = {1, 1}},
            .seq = Seq{seq},
            .origin = {2, 1},
            .service = packed.service,
            .chunk_count = packed.chunk_count,
            .chunks = packed.chunks};
}

} // namespace

TEST_CASE("chunks: packed and assembled, messages are what they were") {
    CHECK(rc::check([] {
        const auto payload_max = *rc::gen::inRange<std::size_t>(fragment_min, 2000);
        BlockPool pool(1024);
        SendQueue queue(1 << 24, pool);
        std::vector<std::pair<Bytes, Service>> sent;
        for (auto left = *rc::gen::inRange(0, 40); left > 0; --left) {
            const Service service = *rc::gen::inRange(0, 6) == 0 ? Service::safe : Service::agreed;
            sent.emplace_back(arbitrary::bytes(arbitrary::coin() ? 100 : 5000), service);
            RC_ASSERT(queue.push(sent.back().first, service) == sent.size());
        }
        Assembly assembly;
        std::vector<Delivery> delivered;
        std::vector<SendQueue::Packed::Completed> completed;
        std::uint64_t packets = 0;
        const std::size_t needed = queue.packets_needed(payload_max);
        while (!queue.empty()) {
            const auto packed = queue.pack(payload_max);
            RC_ASSERT(packed.chunks.size() <= payload_max);
            const DataPacket packet = packet_of(packed, ++packets);
            RC_ASSERT(well_formed(packet));
            completed.insert(completed.end(), packed.completed.begin(), packed.completed.end());
            assembly.take(packet, delivered);
        }
        RC_ASSERT(needed <= packets);
        RC_ASSERT(packets <= 3 * needed);
        RC_ASSERT(assembly.misfits() == 0u);
        RC_ASSERT(queue.bytes() == 0u);
        RC_ASSERT(delivered.size() == sent.size());
        RC_ASSERT(completed.size() == sent.size());
        for (std::size_t i = 0; i < sent.size(); ++i) {
            RC_ASSERT(delivered[i].payload == sent[i].first);
            RC_ASSERT(delivered[i].service == sent[i].second);
            RC_ASSERT(delivered[i].counter == i + 1);
            RC_ASSERT(completed[i].counter == i + 1);
            RC_ASSERT(completed[i].index == delivered[i].position.index);
            RC_ASSERT(completed[i].size == sent[i].first.size());
        }
    }));
}
