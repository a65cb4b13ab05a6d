// What one packet costs between codec and application: stored, found and forgotten; and what it
// costs to pack one from small messages.
#include "totem/send_queue.h"
#include "totem/window.h"

#include <benchmark/benchmark.h>

#include <string>

namespace {

using namespace totem;

constexpr std::size_t reach = 4096;
constexpr std::uint64_t rotation = 320; // packets, a full window

struct Stream {
    DataPacket packet{.ring = {.seq = 8, .representative = {1, 1}},
                      .origin = {2, 1},
                      .chunk_count = 1,
                      .chunks = Bytes::copy_of(std::string(1300, 'x'))};

    DataPacket at(std::uint64_t seq) const {
        DataPacket copy = packet;
        copy.seq = Seq{seq};
        return copy;
    }
};

// A packet's whole stay: stored in order, found for delivery, forgotten a rotation later.
void window_in_order(benchmark::State& state) {
    const Stream stream;
    Window window(reach);
    std::uint64_t seq = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(window.store(stream.at(++seq)));
        benchmark::DoNotOptimize(window.find(Seq{seq}));
        if (seq % rotation == 0) window.discard_up_to(Seq{seq - rotation / 2});
    }
}

// A rotation in which every tenth packet comes last; the holes are asked for once. Per packet.
void window_with_holes(benchmark::State& state) {
    const Stream stream;
    Window window(reach);
    std::uint64_t base = 0;
    for (auto _ : state) {
        for (std::uint64_t i = 1; i <= rotation; ++i)
            if (i % 10 != 0) benchmark::DoNotOptimize(window.store(stream.at(base + i)));
        benchmark::DoNotOptimize(window.missing(Seq{base + rotation}, rtr_ranges_max));
        for (std::uint64_t i = 10; i <= rotation; i += 10)
            benchmark::DoNotOptimize(window.store(stream.at(base + i)));
        base += rotation;
        window.discard_up_to(Seq{base});
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rotation));
}

// Messages queued and packed into packets of 1326 bytes (1500-byte frames). Per message.
void pack(benchmark::State& state) {
    BlockPool pool(2048);
    SendQueue queue(std::size_t{16} << 20, pool);
    const Bytes message =
        Bytes::copy_of(std::string(static_cast<std::size_t>(state.range(0)), 'm'));
    constexpr int burst = 1000;
    for (auto _ : state) {
        for (int i = 0; i < burst; ++i)
            benchmark::DoNotOptimize(queue.push(message, Service::agreed));
        while (!queue.empty())
            benchmark::DoNotOptimize(queue.pack(1326));
    }
    state.SetItemsProcessed(state.iterations() * burst);
}

BENCHMARK(window_in_order);
BENCHMARK(window_with_holes);
BENCHMARK(pack)->Arg(64)->Arg(1300)->Arg(8192);

} // namespace

BENCHMARK_MAIN();
