#include "statedb/host_codec.h"

#include "base/match.h"
#include "statedb/codec.h"
#include "statedb/host.pb.h"

#include <algorithm>
#include <functional>

namespace statedb {

namespace {

constexpr std::uint8_t ordered_flag = 0x80; // in the envelope's first byte
constexpr std::size_t number_size = 8;

using statedb::get;
using statedb::put;

std::span<const std::uint8_t> span_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void put(const Bytes& from, std::string& to) { to.assign(from.view()); }

void put(const Position& from, wire::Position& to) {
    to.set_epoch(from.epoch);
    to.set_index(from.index);
    to.set_chain(from.chain);
}

Position get(const wire::Position& from) { return {from.epoch(), from.index(), from.chain()}; }

template <class List>
std::vector<ProcessorId> get_processors(const List& list) {
    std::vector<ProcessorId> processors;
    for (const wire::Processor& processor : list)
        processors.push_back(get(processor));
    return processors;
}

bool is_service(std::uint32_t number) { return number < ordered_flag; }

void put(const ClusterList& from, wire::ClusterList& to) {
    for (const NodeId node : from.nodes)
        to.add_nodes(node);
    to.set_digest(from.digest);
}

// Sorted and different, or later searches would not find them.
bool get(const wire::ClusterList& from, ClusterList& to) {
    to.nodes.assign(from.nodes().begin(), from.nodes().end());
    to.digest = from.digest();
    return std::ranges::adjacent_find(to.nodes, std::greater_equal<>{}) == to.nodes.end();
}

// -- each content -----------------------------------------------------------------------------

void put(const StateReport& report, wire::HostMessage& out) {
    wire::State& state = *out.mutable_state();
    state.set_full(report.full);
    put(report.green, *state.mutable_green());
    put(report.total, *state.mutable_total());
    put(encode(report.history), *state.mutable_history());
    for (const auto& [service, content] : report.summaries) {
        auto& summary = *state.add_summaries();
        summary.set_service(static_cast<std::uint32_t>(service));
        put(content, *summary.mutable_content());
    }
    for (const ProcessorId& member : report.view)
        put(member, *state.add_view());
    for (const ProcessorId& gone : report.left)
        put(gone, *state.add_left());
    state.set_has_witness(report.has_witness);
    put(report.cluster, *state.mutable_cluster());
}

bool get(const wire::State& state, HostMessage& message) {
    StateReport report;
    report.full = state.full();
    report.green = get(state.green());
    report.total = get(state.total());
    const auto history = decode_history(span_of(state.history()));
    if (!history) return false;
    report.history = *history;
    for (const auto& summary : state.summaries()) {
        if (!is_service(summary.service())) return false;
        report.summaries[static_cast<ServiceId>(summary.service())] =
            Bytes::copy_of(span_of(summary.content()));
    }
    report.view = get_processors(state.view());
    report.left = get_processors(state.left());
    report.has_witness = state.has_witness();
    if (!get(state.cluster(), report.cluster)) return false;
    message.content = std::move(report);
    return true;
}

void put(const Create& create, wire::HostMessage& out) {
    out.mutable_create()->set_index(create.index);
}

void put(const StateHeld&, wire::HostMessage& out) { out.mutable_ready(); }

void put(const Goodbye&, wire::HostMessage& out) { out.mutable_goodbye(); }

void put(const Chunk& from, wire::HostMessage& out) {
    wire::Chunk& chunk = *out.mutable_chunk();
    chunk.set_base(from.base);
    for (const ProcessorId& target : from.targets)
        put(target, *chunk.add_targets());
    chunk.set_number(from.number);
    chunk.set_count(from.count);
    put(from.data, *chunk.mutable_data());
}

bool get(const wire::Chunk& chunk, HostMessage& message) {
    message.content = Chunk{.base = chunk.base(),
                            .targets = get_processors(chunk.targets()),
                            .number = chunk.number(),
                            .count = chunk.count(),
                            .data = Bytes::copy_of(span_of(chunk.data()))};
    return chunk.number() < chunk.count();
}

void put(const ClusterSaid& said, wire::HostMessage& out) {
    put(said.cluster, *out.mutable_cluster());
}

bool get(const wire::ClusterList& from, HostMessage& message) {
    ClusterSaid said;
    const bool good = get(from, said.cluster);
    message.content = std::move(said);
    return good;
}

void put(const Digests& from, wire::HostMessage& out) {
    wire::Digests& digests = *out.mutable_digests();
    digests.set_index(from.index);
    for (const auto& [service, value] : from.digests) {
        auto& digest = *digests.add_digests();
        digest.set_service(static_cast<std::uint32_t>(service));
        digest.set_value(value);
    }
}

bool get(const wire::Digests& from, HostMessage& message) {
    Digests digests{.index = from.index(), .digests = {}};
    for (const auto& digest : from.digests()) {
        if (!is_service(digest.service())) return false;
        digests.digests[static_cast<ServiceId>(digest.service())] = digest.value();
    }
    message.content = std::move(digests);
    return true;
}

void put(const Testimony& testimony, wire::HostMessage& out) {
    put(encode(testimony.witness), *out.mutable_testimony()->mutable_history());
}

bool get(const wire::Testimony& testimony, HostMessage& message) {
    auto history = decode_history(span_of(testimony.history()));
    if (!history) return false;
    message.content = Testimony{std::move(*history)};
    return true;
}

} // namespace

Bytes encode(const HostMessage& message) {
    wire::HostMessage out;
    out.mutable_ring()->set_seq(message.ring.seq);
    put(message.ring.representative, *out.mutable_ring()->mutable_representative());
    std::visit([&](const auto& content) { put(content, out); }, message.content);
    return bytes_of(out);
}

std::optional<HostMessage> decode_host_message(const Bytes& bytes) {
    wire::HostMessage in;
    if (!parsed(in, bytes)) return std::nullopt;
    HostMessage message;
    message.ring = {in.ring().seq(), get(in.ring().representative())};
    bool good = true;
    switch (in.kind_case()) {
    case wire::HostMessage::kState:
        good = get(in.state(), message);
        break;
    case wire::HostMessage::kCreate:
        message.content = Create{in.create().index()};
        break;
    case wire::HostMessage::kReady:
        message.content = StateHeld{};
        break;
    case wire::HostMessage::kGoodbye:
        message.content = Goodbye{};
        break;
    case wire::HostMessage::kChunk:
        good = get(in.chunk(), message);
        break;
    case wire::HostMessage::kDigests:
        good = get(in.digests(), message);
        break;
    case wire::HostMessage::kTestimony:
        good = get(in.testimony(), message);
        break;
    case wire::HostMessage::kCluster:
        good = get(in.cluster(), message);
        break;
    case wire::HostMessage::KIND_NOT_SET:
        good = false;
        break;
    }
    if (!good) return std::nullopt;
    return message;
}

Bytes encode(const Snapshot& snapshot) {
    wire::Snapshot out;
    put(snapshot.position, *out.mutable_position());
    for (const auto& [node, last] : snapshot.applied) {
        auto& applied = *out.add_applied();
        put(ProcessorId{node, last.incarnation}, *applied.mutable_processor());
        applied.set_number(last.number);
    }
    for (const auto& [service, content] : snapshot.services) {
        auto& state = *out.add_services();
        state.set_service(static_cast<std::uint32_t>(service));
        put(content, *state.mutable_state());
    }
    return bytes_of(out);
}

std::optional<Snapshot> decode_snapshot(const Bytes& bytes) {
    wire::Snapshot in;
    if (!parsed(in, bytes)) return std::nullopt;
    Snapshot snapshot;
    snapshot.position = get(in.position());
    for (const auto& applied : in.applied())
        snapshot.applied[applied.processor().node()] = {applied.processor().incarnation(),
                                                        applied.number()};
    for (const auto& service : in.services()) {
        if (!is_service(service.service())) return std::nullopt;
        snapshot.services[static_cast<ServiceId>(service.service())] =
            Bytes::copy_of(span_of(service.state()));
    }
    return snapshot;
}

Bytes wrap(const Envelope& envelope) {
    const std::size_t header = envelope.ordered ? 1 + number_size : 1;
    WritableBytes out(header + envelope.content.size());
    out.data()[0] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(envelope.service) |
                                              (envelope.ordered ? ordered_flag : 0));
    if (envelope.ordered)
        for (std::size_t i = 0; i < number_size; ++i)
            out.data()[1 + i] = static_cast<std::uint8_t>(envelope.number >> (8 * i));
    if (!envelope.content.empty())
        std::memcpy(out.data() + header, envelope.content.data(), envelope.content.size());
    return out.freeze(header + envelope.content.size());
}

std::optional<Envelope> unwrap(const Bytes& message) {
    if (message.empty()) return std::nullopt;
    Envelope envelope;
    const std::uint8_t first = message.data()[0];
    envelope.service = static_cast<ServiceId>(first & ~ordered_flag);
    envelope.ordered = (first & ordered_flag) != 0;
    const std::size_t header = envelope.ordered ? 1 + number_size : 1;
    const bool host_command = envelope.ordered && envelope.service == ServiceId::host;
    if (message.size() < header || host_command) return std::nullopt;
    if (envelope.ordered)
        for (std::size_t i = 0; i < number_size; ++i)
            envelope.number |= std::uint64_t{message.data()[1 + i]} << (8 * i);
    envelope.content = message.slice(header, message.size() - header);
    return envelope;
}

} // namespace statedb
