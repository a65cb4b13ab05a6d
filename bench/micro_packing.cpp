// What it costs to queue messages and to pack them into packets, per message.
#include "totem/send_queue.h"

#include <benchmark/benchmark.h>

namespace {

using namespace totem;

constexpr std::size_t payload_max = 1372;

void queue_and_pack(benchmark::State& state) {
    BlockPool pool(1500);
    SendQueue queue(std::size_t{64} << 20, pool);
    const auto size = static_cast<std::size_t>(state.range(0));
    const Bytes message = WritableBytes(size).freeze(size);
    constexpr std::int64_t batch = 256;
    for (auto _ : state) {
        for (std::int64_t i = 0; i < batch; ++i)
            benchmark::DoNotOptimize(queue.push(message, Service::agreed));
        while (!queue.empty())
            benchmark::DoNotOptimize(queue.pack(payload_max));
    }
    state.SetItemsProcessed(state.iterations() * batch);
    state.SetBytesProcessed(state.iterations() * batch * state.range(0));
}

BENCHMARK(queue_and_pack)->Arg(16)->Arg(64)->Arg(200)->Arg(1350)->Arg(65536);

} // namespace

BENCHMARK_MAIN();
