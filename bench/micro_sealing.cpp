// What it costs to seal and to open one datagram, under either cipher and in the clear.
#include "net/seal.h"

#include <benchmark/benchmark.h>

#include <vector>

namespace {

using namespace net;

constexpr ProcessorId sender{1, 1}, receiver{2, 1};

enum Protection : std::int64_t { in_the_clear, aes, chacha };

SealContext context_of(ProcessorId self, std::int64_t protection) {
    SealContext context{"bench", self, {}};
    if (protection != in_the_clear)
        context.keys.push_back({1,
                                protection == aes ? Cipher::aes256_gcm : Cipher::chacha20_poly1305,
                                Secret(std::array<std::uint8_t, secret_size>{42})});
    return context;
}

bool unavailable(benchmark::State& state) {
    if (state.range(0) != aes || available(Cipher::aes256_gcm)) return false;
    state.SkipWithError("this processor has no AES instructions");
    return true;
}

void seal(benchmark::State& state) {
    if (unavailable(state)) return;
    Sealer sealer(context_of(sender, state.range(0)));
    const auto body = static_cast<std::size_t>(state.range(1));
    std::vector<std::uint8_t> datagram(body + sealer.overhead());
    for (auto _ : state)
        benchmark::DoNotOptimize(sealer.seal(PacketType::data, datagram, body));
    state.SetBytesProcessed(state.iterations() * state.range(1));
}

// Each datagram is opened once, so a batch of them is sealed while the clock stands.
void open(benchmark::State& state) {
    if (unavailable(state)) return;
    constexpr std::size_t batch = 256;
    Sealer sealer(context_of(sender, state.range(0)));
    Opener opener(context_of(receiver, state.range(0)), {sender.node, receiver.node});
    const auto body = static_cast<std::size_t>(state.range(1));
    std::vector<std::vector<std::uint8_t>> datagrams(batch);
    std::size_t next = batch;
    for (auto _ : state) {
        if (next == batch) {
            state.PauseTiming();
            for (auto& datagram : datagrams) {
                datagram.resize(body + sealer.overhead());
                sealer.seal(PacketType::data, datagram, body);
            }
            next = 0;
            state.ResumeTiming();
        }
        const auto result = opener.open(datagrams[next++], sender.node, BootNonce{}, Instant{});
        if (!std::holds_alternative<Opened>(result)) state.SkipWithError("not opened");
    }
    state.SetBytesProcessed(state.iterations() * state.range(1));
}

BENCHMARK(seal)->ArgsProduct({{in_the_clear, aes, chacha}, {100, 1400, 8900}});
BENCHMARK(open)->ArgsProduct({{in_the_clear, aes, chacha}, {100, 1400, 8900}});

} // namespace

BENCHMARK_MAIN();
