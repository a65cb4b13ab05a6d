// The receive window against the obvious thing: a map of what was stored.
#include "totem/window.h"

#include <doctest/doctest.h>

#include <map>

#include "allocations.h"
#include "arbitrary.h"

using namespace totem;

namespace {

DataPacket packet_at(std::uint64_t seq, const char* content = "x") {
    return {.ring = {.seq = 4, .representative = {1, 1}},
            .seq = Seq{seq},
            .origin = {1, 1},
            .chunk_count = 1,
            .chunks = Bytes::copy_of(content)};
}

// The same questions, answered slowly.
struct Model {
    std::size_t reach;
    std::map<std::uint64_t, DataPacket> held;
    std::uint64_t discarded = 0;
    std::uint64_t high = 0;

    [[nodiscard]] std::uint64_t aru() const {
        std::uint64_t seq = discarded;
        while (held.contains(seq + 1))
            ++seq;
        return seq;
    }

    Window::Stored store(const DataPacket& packet) {
        const std::uint64_t seq = packet.seq.value;
        if (seq <= discarded) return Window::Stored::duplicate;
        if (seq > discarded + reach) return Window::Stored::out_of_reach;
        const auto [place, fresh] = held.emplace(seq, packet);
        high = std::max(high, seq);
        if (fresh) return Window::Stored::fresh;
        return place->second.chunks == packet.chunks ? Window::Stored::duplicate
                                                     : Window::Stored::conflicting;
    }

    void discard_up_to(std::uint64_t upto) {
        discarded = std::max(discarded, upto);
        held.erase(held.begin(), held.upper_bound(upto));
    }

    // Runs of numbers in (aru, upto] that are held, or that are not.
    [[nodiscard]] SeqRanges runs(std::uint64_t upto, bool are_held) const {
        SeqRanges runs;
        for (std::uint64_t seq = aru() + 1; seq <= upto; ++seq) {
            if (held.contains(seq) != are_held) continue;
            if (!runs.empty() && runs.back().last.value + 1 == seq)
                runs.back().last = Seq{seq};
            else
                runs.push_back({Seq{seq}, Seq{seq}});
        }
        return runs;
    }
};

SeqRanges lowest(SeqRanges runs, std::size_t count) {
    if (runs.size() > count) runs.resize(count);
    return runs;
}

void require_same(const Window& window, const Model& model) {
    RC_ASSERT(window.aru().value == model.aru());
    RC_ASSERT(window.high_seq().value == model.high);
    RC_ASSERT(window.discarded().value == model.discarded);
    RC_ASSERT(window.held() == model.held.size());
    for (std::uint64_t seq = 0; seq <= model.high + 3; ++seq) {
        const DataPacket* found = window.find(Seq{seq});
        RC_ASSERT((found != nullptr) == model.held.contains(seq));
        if (found != nullptr) RC_ASSERT(*found == model.held.at(seq));
    }
    const auto ranges_max = static_cast<std::size_t>(*rc::gen::inRange(0, 6));
    const auto upto = *rc::gen::inRange<std::uint64_t>(0, model.high + 10);
    RC_ASSERT(window.missing(Seq{upto}, ranges_max) == lowest(model.runs(upto, false), ranges_max));
    bool truncated = false;
    const SeqRanges received = model.runs(model.high, true);
    RC_ASSERT(window.received_above_aru(ranges_max, truncated) == lowest(received, ranges_max));
    RC_ASSERT(truncated == (received.size() > ranges_max));
}

} // namespace

TEST_CASE("window: answers like a map, whatever order the network chose") {
    CHECK(rc::check([] {
        Model model{.reach = *rc::gen::inRange<std::size_t>(1, 300)};
        Window window(model.reach);
        const auto steps = *rc::gen::inRange(1, 200);
        for (int step = 0; step < steps; ++step) {
            if (*rc::gen::inRange(0, 8) == 0) {
                const auto upto = *rc::gen::inRange<std::uint64_t>(0, model.aru() + 1);
                window.discard_up_to(Seq{upto});
                model.discard_up_to(upto);
            } else {
                // Mostly near the prefix, so that holes close; now and then far away.
                const auto spread = *rc::gen::inRange(0, 4) == 0 ? model.reach + 3 : 6;
                const auto seq = model.aru() + *rc::gen::inRange<std::uint64_t>(0, spread);
                const DataPacket packet = packet_at(seq, *rc::gen::inRange(0, 10) == 0 ? "y" : "x");
                RC_ASSERT(window.store(packet) == model.store(packet));
            }
        }
        require_same(window, model);
    }));
}

TEST_CASE("window: a packet's memory goes home when the packet is forgotten") {
    BlockPool pool(64);
    Window window(1024);
    WritableBytes block = pool.allocate();
    const std::uint8_t* address = block.data();
    DataPacket packet = packet_at(1);
    packet.chunks = block.freeze(10);
    CHECK(window.store(std::move(packet)) == Window::Stored::fresh);
    window.discard_up_to(Seq{1});
    CHECK(pool.allocate().data() == address);
}

TEST_CASE("window: in steady state it takes nothing from the heap") {
    Window window(512);
    std::uint64_t seq = 0;
    const Bytes content = Bytes::copy_of("x");
    const auto rotate = [&] {
        for (int i = 0; i < 300; ++i) {
            DataPacket packet = packet_at(++seq, "");
            packet.chunks = content;
            (void)window.store(std::move(packet));
        }
        window.discard_up_to(window.aru());
    };
    rotate();
    const std::size_t before = allocations_so_far();
    for (int i = 0; i < 100; ++i)
        rotate();
    CHECK(allocations_so_far() == before);
    CHECK(window.aru() == Seq{300 * 101});
    CHECK(window.held() == 0);
}
