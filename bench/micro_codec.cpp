// What one packet costs in the codec: data packets, with one message and with many small ones, and
// the token.
#include "totem/chunks.h"
#include "totem/envelope.h"
#include "totem/wire.h"

#include <benchmark/benchmark.h>

#include <array>

namespace {

using namespace totem;

constexpr std::size_t body_max = 1414;

// `count` whole messages of `size` bytes.
DataPacket data_packet(std::size_t count, std::size_t size) {
    std::vector<std::uint8_t> chunks;
    for (std::size_t i = 0; i < count; ++i) {
        const ChunkHead head{.first = true, .last = true, .counter = 1000 + i, .size = size};
        const std::size_t at = chunks.size();
        chunks.resize(at + encoded_size(head) + size);
        write(chunks.data() + at, head);
    }
    return {.ring = {.seq = 8, .representative = {1, 1}},
            .seq = Seq{1},
            .origin = {2, 1},
            .chunk_count = static_cast<std::uint8_t>(count),
            .chunks = Bytes::copy_of(chunks)};
}

DataPacket data_packet_of(const benchmark::State& state) {
    return data_packet(static_cast<std::size_t>(state.range(0)),
                       static_cast<std::size_t>(state.range(1)));
}

Bytes encoded(const Packet& packet) {
    WritableBytes buffer(body_max);
    const std::size_t size = encode(packet, {buffer.data(), buffer.capacity()}).value();
    return buffer.freeze(size);
}

Token token(std::size_t requests) {
    Token token{.ring = {.seq = 8, .representative = {1, 1}},
                .token_seq = TokenSeq{123'456'789},
                .seq = Seq{987'654'321},
                .aru = Seq{987'650'000},
                .aru_id = {3, 1},
                .fcc = 300,
                .backlog = 1000};
    for (std::uint64_t i = 0; i < requests; ++i)
        token.rtr.push_back({Seq{token.aru.value + 1 + 5 * i}, Seq{token.aru.value + 2 + 5 * i}});
    return token;
}

void data_header_encode(benchmark::State& state) {
    const DataPacket packet = data_packet(1, 1300);
    std::array<std::uint8_t, data_header_size> header{};
    for (auto _ : state) {
        encode_data_header(packet, header);
        benchmark::DoNotOptimize(header);
    }
}

void data_decode(benchmark::State& state) {
    const Bytes body = encoded(data_packet_of(state));
    for (auto _ : state)
        benchmark::DoNotOptimize(decode_data(body));
}

void data_assemble(benchmark::State& state) {
    const DataPacket packet = data_packet_of(state);
    Assembly assembly;
    std::vector<Delivery> out;
    for (auto _ : state) {
        assembly.take(packet, out);
        benchmark::DoNotOptimize(out.data());
        out.clear();
    }
}

void token_encode(benchmark::State& state) {
    const Packet packet = token(static_cast<std::size_t>(state.range(0)));
    std::array<std::uint8_t, body_max> out{};
    for (auto _ : state)
        benchmark::DoNotOptimize(encode(packet, out).value());
}

void token_decode(benchmark::State& state) {
    const Bytes body = encoded(token(static_cast<std::size_t>(state.range(0))));
    for (auto _ : state)
        benchmark::DoNotOptimize(decode(PacketType::token, body));
}

void envelope_round_trip(benchmark::State& state) {
    Envelope envelope{.sender = {1, 1}, .counter = 1};
    std::array<std::uint8_t, envelope_size> bytes{};
    for (auto _ : state) {
        ++envelope.counter;
        encode_envelope(envelope, bytes);
        benchmark::DoNotOptimize(decode_envelope(bytes));
    }
}

void checksum(benchmark::State& state) {
    const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(state.range(0)), 7);
    for (auto _ : state)
        benchmark::DoNotOptimize(crc32c(bytes));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

BENCHMARK(data_header_encode);
BENCHMARK(data_decode)->Args({1, 1300})->Args({19, 64})->Args({64, 16});
BENCHMARK(data_assemble)->Args({1, 1300})->Args({19, 64})->Args({64, 16});
BENCHMARK(token_encode)->Arg(0)->Arg(10)->Arg(256);
BENCHMARK(token_decode)->Arg(0)->Arg(10)->Arg(256);
BENCHMARK(envelope_round_trip);
BENCHMARK(checksum)->Arg(100)->Arg(1400);

} // namespace

BENCHMARK_MAIN();
