// The translation of packets to Protobuf and back: totem/wire.proto as code, and nothing else. What
// is legal in a packet is judged on plain values (totem/plausible.h); here only what cannot be
// translated at all is refused. The data packet is not Protobuf: totem/wire_data.cpp.
#include "totem/wire.h"

#include "totem/layout.h"
#include "totem/plausible.h"
#include "totem/wire.pb.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace totem {

namespace {

using Numbers = google::protobuf::RepeatedField<std::uint64_t>;

void to_wire(const RingId& ring, wire::RingId& out) {
    out.set_seq(ring.seq);
    out.set_representative(to_number(ring.representative));
}

RingId from_wire(const wire::RingId& in) {
    return {.seq = in.seq(), .representative = processor_of(in.representative())};
}

void to_wire(const std::vector<ProcessorId>& ids, Numbers& out) {
    out.Reserve(static_cast<int>(ids.size()));
    for (const ProcessorId& id : ids)
        out.Add(to_number(id));
}

std::vector<ProcessorId> processors_from_wire(const Numbers& in) {
    std::vector<ProcessorId> ids(static_cast<std::size_t>(in.size()));
    std::transform(in.begin(), in.end(), ids.begin(), processor_of);
    return ids;
}

// Bitmaps end with their last set bit's byte.
void set_bit(std::string& bitmap, std::size_t index) {
    if (bitmap.size() <= index / 8) bitmap.resize(index / 8 + 1);
    bitmap[index / 8] = static_cast<char>(bitmap[index / 8] | 1 << index % 8);
}

bool bit(std::string_view bitmap, std::size_t index) {
    return index / 8 < bitmap.size() && (bitmap[index / 8] >> index % 8 & 1) != 0;
}

bool is_bitmap_over(std::string_view bitmap, std::size_t count) {
    for (std::size_t index = count; index < 8 * bitmap.size(); ++index)
        if (bit(bitmap, index)) return false;
    return true;
}

void add_runs(Seq base, const SeqRanges& runs, Numbers& out) {
    out.Reserve(out.size() + 2 * static_cast<int>(runs.size()));
    for (const SeqRange& run : runs) {
        out.Add(distance(base, run.first) - 1);
        out.Add(distance(run.first, run.last));
        base = run.last;
    }
}

// The runs that `count` pairs from `pair` on describe. A pair that wraps around yields a run that
// is out of order, and is refused for it.
SeqRanges read_runs(Seq base, const Numbers& in, std::size_t pair, std::size_t count) {
    SeqRanges runs;
    runs.reserve(count);
    for (; count > 0; --count, ++pair) {
        const Seq first{base.value + 1 + in[static_cast<int>(2 * pair)]};
        base = Seq{first.value + in[static_cast<int>(2 * pair + 1)]};
        runs.push_back({first, base});
    }
    return runs;
}

void to_wire(const Token& token, wire::Token& out) {
    to_wire(token.ring, *out.mutable_ring());
    out.set_token_seq(token.token_seq.value);
    out.set_seq(token.seq.value);
    out.set_aru(token.aru.value);
    out.set_aru_id(to_number(token.aru_id));
    out.set_aru_held(token.aru_held);
    out.set_fcc(token.fcc);
    out.set_backlog(token.backlog);
    out.set_idle_hops(token.idle_hops);
    out.set_recovery_unreported(token.recovery_unreported);
    out.set_recovery_backlog(token.recovery_backlog);
    add_runs(token.aru, token.rtr, *out.mutable_rtr());
}

Decoded<Token> from_wire(const wire::Token& in) {
    if (in.rtr_size() % 2 != 0) return WireError::bad_field;
    if (in.recovery_unreported() > members_max) return WireError::bad_field;
    const auto runs = static_cast<std::size_t>(in.rtr_size()) / 2;
    if (runs > rtr_ranges_max) return WireError::too_many;
    return Token{.ring = from_wire(in.ring()),
                 .token_seq = TokenSeq{in.token_seq()},
                 .seq = Seq{in.seq()},
                 .aru = Seq{in.aru()},
                 .aru_id = processor_of(in.aru_id()),
                 .aru_held = in.aru_held(),
                 .fcc = in.fcc(),
                 .backlog = in.backlog(),
                 .idle_hops = in.idle_hops(),
                 .recovery_unreported = static_cast<std::uint16_t>(in.recovery_unreported()),
                 .recovery_backlog = in.recovery_backlog(),
                 .rtr = read_runs(Seq{in.aru()}, in.rtr(), 0, runs)};
}

void to_wire(const Join& join, wire::Join& out) {
    out.set_join_seq(join.join_seq);
    out.set_ring_seq(join.ring_seq);
    to_wire(join.installed, *out.mutable_installed());
    out.set_reason(static_cast<std::uint32_t>(join.reason));
    out.set_version(join.version);
    for (std::size_t index = 0; index < join.processors.size(); ++index) {
        const JoinView& view = join.processors[index];
        out.add_processors(to_number(view.id));
        if (view.failed) set_bit(*out.mutable_failed(), index);
        if (view.heard) set_bit(*out.mutable_heard(), index);
        if (view.challenge == 0) continue;
        set_bit(*out.mutable_challenged(), index);
        out.add_challenges(view.challenge);
    }
    for (const Echo& echo : join.echoes) {
        out.add_echoed(to_number(echo.to));
        out.add_echoes(echo.challenge);
    }
    const auto says = [](const auto& one) { return one.latest != 0; };
    if (std::none_of(join.processors.begin(), join.processors.end(), says) &&
        std::none_of(join.echoes.begin(), join.echoes.end(), says))
        return;
    for (const JoinView& view : join.processors)
        out.add_latest(view.latest);
    for (const Echo& echo : join.echoes)
        out.add_latest(echo.latest);
}

Decoded<Join> from_wire(const wire::Join& in) {
    const auto count = static_cast<std::size_t>(in.processors_size());
    if (count > members_max) return WireError::too_many;
    if (in.echoed_size() != in.echoes_size()) return WireError::bad_field;
    if (in.latest_size() != 0 && in.latest_size() != in.processors_size() + in.echoed_size())
        return WireError::bad_field;
    const auto latest = [&](int index) { return in.latest_size() == 0 ? 0 : in.latest(index); };
    for (const std::string* bitmap : {&in.failed(), &in.heard(), &in.challenged()})
        if (!is_bitmap_over(*bitmap, count)) return WireError::bad_field;
    if (in.reason() > static_cast<std::uint32_t>(JoinReason::answer)) return WireError::bad_field;
    Join join{.join_seq = in.join_seq(),
              .ring_seq = in.ring_seq(),
              .installed = from_wire(in.installed()),
              .reason = static_cast<JoinReason>(in.reason()),
              .version = in.version(),
              .processors = std::vector<JoinView>(count)};
    int challenges = 0;
    for (std::size_t index = 0; index < count; ++index) {
        JoinView& view = join.processors[index];
        view.id = processor_of(in.processors(static_cast<int>(index)));
        view.failed = bit(in.failed(), index);
        view.heard = bit(in.heard(), index);
        view.latest = latest(static_cast<int>(index));
        if (!bit(in.challenged(), index)) continue;
        if (challenges == in.challenges_size()) return WireError::bad_field;
        view.challenge = in.challenges(challenges++);
        if (view.challenge == 0) return WireError::bad_field;
    }
    if (challenges != in.challenges_size()) return WireError::bad_field;
    for (int index = 0; index < in.echoed_size(); ++index)
        join.echoes.push_back({.to = processor_of(in.echoed(index)),
                               .challenge = in.echoes(index),
                               .latest = latest(in.processors_size() + index)});
    return join;
}

// --- the commit token: entries by column ---

template <class Values, class Value>
std::size_t place_of(Values& values, const Value& value) { // appends what is not there yet
    const auto found = std::find(values.begin(), values.end(), value);
    const auto place = static_cast<std::size_t>(found - values.begin());
    if (found == values.end()) values.push_back(value);
    return place;
}

template <class... Columns>
void leave_out_zeros(Columns*... columns) {
    const auto leave_out = [](auto& column) {
        if (std::all_of(column.begin(), column.end(), [](auto value) { return value == 0; }))
            column.Clear();
    };
    (leave_out(*columns), ...);
}

template <class... Columns>
bool have_rows(int rows, const Columns&... columns) {
    return ((columns.empty() || columns.size() == rows) && ...);
}

template <class Column>
typename Column::value_type value_at(const Column& column, int row) {
    return column.empty() ? 0 : column[row];
}

std::size_t bytes_for(int bits) { return (static_cast<std::size_t>(bits) + 7) / 8; }

void obligation_to_wire(const CommitEntry& entry,
                        const std::vector<ProcessorId>& obliged,
                        std::string& out) {
    std::string bitmap(bytes_for(static_cast<int>(obliged.size())), '\0');
    for (const ProcessorId& id : entry.obligation)
        set_bit(bitmap, static_cast<std::size_t>(std::find(obliged.begin(), obliged.end(), id) -
                                                 obliged.begin()));
    out += bitmap;
}

void entries_to_wire(const CommitToken& commit, wire::CommitToken& out) {
    std::vector<std::vector<ProcessorId>> obliged(commit.old_rings.size());
    for (const CommitEntry& entry : commit.entries) {
        if (!entry.filled) continue;
        check(entry.old_ring_index < obliged.size(), "a filled entry names its old ring");
        for (const ProcessorId& id : entry.obligation)
            place_of(obliged[entry.old_ring_index], id);
    }
    for (std::size_t ring = 0; ring < obliged.size(); ++ring)
        to_wire(obliged[ring], *out.mutable_old_rings(static_cast<int>(ring))->mutable_obliged());

    std::vector<std::string_view> hints;
    std::vector<std::uint64_t> aru_before(commit.old_rings.size());
    for (std::size_t member = 0; member < commit.entries.size(); ++member) {
        const CommitEntry& entry = commit.entries[member];
        if (!entry.filled) continue;
        set_bit(*out.mutable_filled(), member);
        if (entry.ranges_truncated) set_bit(*out.mutable_ranges_truncated(), member);
        const std::uint64_t aru = entry.aru.value;
        const std::uint64_t before = std::exchange(aru_before[entry.old_ring_index], aru);
        out.add_old_ring(entry.old_ring_index);
        out.add_aru(static_cast<std::int64_t>(aru - before));
        out.add_high_seq(entry.high_seq.value - aru);
        out.add_delivered(aru - entry.delivered.value);
        out.add_safe_upto(aru - entry.safe_upto.value);
        out.add_version(entry.version - 1);
        out.add_hint(static_cast<std::uint32_t>(place_of(hints, entry.hint.view())));
        out.add_range_count(static_cast<std::uint32_t>(entry.received.size()));
        add_runs(entry.aru, entry.received, *out.mutable_ranges());
        obligation_to_wire(entry, obliged[entry.old_ring_index], *out.mutable_obligations());
    }
    for (const std::string_view hint : hints)
        out.add_hints(hint.data(), hint.size());
    leave_out_zeros(out.mutable_old_ring(), out.mutable_aru(), out.mutable_high_seq(),
                    out.mutable_delivered(), out.mutable_safe_upto(), out.mutable_version(),
                    out.mutable_hint(), out.mutable_range_count());
}

void to_wire(const CommitToken& commit, wire::CommitToken& out) {
    to_wire(commit.ring, *out.mutable_ring());
    out.set_token_seq(commit.token_seq.value);
    to_wire(commit.members, *out.mutable_members());
    for (const RingId& ring : commit.old_rings)
        to_wire(ring, *out.add_old_rings()->mutable_ring());
    entries_to_wire(commit, out);
}

// Reads the columns row by row; one object for one commit token.
class EntryReader {
public:
    explicit EntryReader(const wire::CommitToken& in) : in_(in) {
        for (const std::string& hint : in.hints())
            hints_.push_back(Bytes::copy_of(hint));
        for (const wire::CommitToken::OldRing& ring : in.old_rings())
            obliged_.push_back(processors_from_wire(ring.obliged()));
        aru_before_.resize(obliged_.size());
    }

    [[nodiscard]] bool has_whole_columns(int rows) const {
        return have_rows(rows, in_.old_ring(), in_.aru(), in_.high_seq(), in_.delivered(),
                         in_.safe_upto(), in_.version(), in_.hint(), in_.range_count()) &&
               in_.ranges_size() % 2 == 0;
    }

    Decoded<CommitEntry> next() {
        const int row = row_++;
        const std::uint32_t old_ring = value_at(in_.old_ring(), row);
        const std::uint32_t hint = value_at(in_.hint(), row);
        const std::uint32_t version = value_at(in_.version(), row);
        if (old_ring >= obliged_.size() || hint >= hints_.size()) return WireError::bad_field;
        if (version == std::numeric_limits<std::uint32_t>::max()) return WireError::bad_field;
        const std::uint64_t aru =
            aru_before_[old_ring] + static_cast<std::uint64_t>(value_at(in_.aru(), row));
        aru_before_[old_ring] = aru;
        auto received = take_ranges(Seq{aru}, value_at(in_.range_count(), row));
        auto obligation = take_obligation(obliged_[old_ring]);
        if (!received || !obligation) return WireError::bad_field;
        // A difference that wraps around ends beyond every limit or in the wrong order, and is
        // refused for it.
        return CommitEntry{.filled = true,
                           .old_ring_index = static_cast<std::uint8_t>(old_ring),
                           .aru = Seq{aru},
                           .high_seq = Seq{aru + value_at(in_.high_seq(), row)},
                           .delivered = Seq{aru - value_at(in_.delivered(), row)},
                           .safe_upto = Seq{aru - value_at(in_.safe_upto(), row)},
                           .obligation = std::move(*obligation),
                           .received = std::move(*received),
                           .version = version + 1,
                           .hint = hints_[hint]};
    }

    [[nodiscard]] bool consumed_all() const {
        return 2 * pair_ == static_cast<std::size_t>(in_.ranges_size()) &&
               obligations_ == in_.obligations().size();
    }

private:
    std::optional<SeqRanges> take_ranges(Seq aru, std::size_t count) {
        const std::size_t left = static_cast<std::size_t>(in_.ranges_size()) / 2 - pair_;
        if (count > left) return std::nullopt;
        return read_runs(aru, in_.ranges(), std::exchange(pair_, pair_ + count), count);
    }

    std::optional<std::vector<ProcessorId>>
    take_obligation(const std::vector<ProcessorId>& obliged) {
        const std::size_t size = bytes_for(static_cast<int>(obliged.size()));
        const std::string& all = in_.obligations();
        if (all.size() - obligations_ < size) return std::nullopt;
        const std::string_view bitmap(all.data() + obligations_, size);
        if (!is_bitmap_over(bitmap, obliged.size())) return std::nullopt;
        obligations_ += size;
        std::vector<ProcessorId> obligation;
        for (std::size_t index = 0; index < obliged.size(); ++index)
            if (bit(bitmap, index)) obligation.push_back(obliged[index]);
        std::sort(obligation.begin(), obligation.end());
        return obligation;
    }

    const wire::CommitToken& in_;
    std::vector<Bytes> hints_;
    std::vector<std::vector<ProcessorId>> obliged_;
    std::vector<std::uint64_t> aru_before_;
    int row_ = 0;
    std::size_t pair_ = 0;        // of in_.ranges
    std::size_t obligations_ = 0; // bytes of in_.obligations
};

std::optional<WireError> too_large(const wire::CommitToken& in) {
    if (in.members_size() > static_cast<int>(members_max) ||
        in.old_rings_size() > in.members_size() || in.hints_size() > in.members_size())
        return WireError::too_many;
    for (const wire::CommitToken::OldRing& ring : in.old_rings())
        if (ring.obliged_size() > static_cast<int>(members_max)) return WireError::too_many;
    return std::nullopt;
}

Decoded<CommitToken> from_wire(const wire::CommitToken& in) {
    if (const auto wrong = too_large(in)) return *wrong;
    CommitToken commit{.ring = from_wire(in.ring()),
                       .token_seq = TokenSeq{in.token_seq()},
                       .members = processors_from_wire(in.members())};
    for (const wire::CommitToken::OldRing& ring : in.old_rings())
        commit.old_rings.push_back(from_wire(ring.ring()));
    commit.entries.resize(commit.members.size());

    const std::size_t count = commit.members.size();
    if (!is_bitmap_over(in.filled(), count) || !is_bitmap_over(in.ranges_truncated(), count))
        return WireError::bad_field;
    int rows = 0;
    for (std::size_t member = 0; member < count; ++member)
        if (bit(in.filled(), member)) ++rows;
    EntryReader reader(in);
    if (!reader.has_whole_columns(rows)) return WireError::bad_field;
    for (std::size_t member = 0; member < count; ++member) {
        if (!bit(in.filled(), member)) continue;
        auto entry = reader.next();
        if (!entry) return entry.error();
        entry->ranges_truncated = bit(in.ranges_truncated(), member);
        commit.entries[member] = std::move(*entry);
    }
    if (!reader.consumed_all()) return WireError::trailing_bytes;
    return commit;
}

// --- the small ones ---

void to_wire(const Probe& probe, wire::Probe& out) {
    to_wire(probe.ring, *out.mutable_ring());
    to_wire(probe.members, *out.mutable_members());
    out.set_aru(probe.aru.value);
}

Decoded<Probe> from_wire(const wire::Probe& in) {
    return Probe{.ring = from_wire(in.ring()),
                 .members = processors_from_wire(in.members()),
                 .aru = Seq{in.aru()}};
}

void to_wire(const Hurry& hurry, wire::Hurry& out) {
    to_wire(hurry.ring, *out.mutable_ring());
    out.set_token_seq_seen(hurry.token_seq_seen.value);
}

Decoded<Hurry> from_wire(const wire::Hurry& in) {
    return Hurry{.ring = from_wire(in.ring()), .token_seq_seen = TokenSeq{in.token_seq_seen()}};
}

void to_wire(const Leave& leave, wire::Leave& out) {
    to_wire(leave.ring, *out.mutable_ring());
    out.set_leaver(to_number(leave.leaver));
    out.set_leave_seq(leave.leave_seq);
}

Decoded<Leave> from_wire(const wire::Leave& in) {
    return Leave{.ring = from_wire(in.ring()),
                 .leaver = processor_of(in.leaver()),
                 .leave_seq = in.leave_seq()};
}

void to_wire(const Hold& hold, wire::Hold& out) {
    to_wire(hold.ring, *out.mutable_ring());
    out.set_token_seq(hold.token_seq.value);
    out.set_hold_us(hold.hold_us);
}

Decoded<Hold> from_wire(const wire::Hold& in) {
    return Hold{.ring = from_wire(in.ring()),
                .token_seq = TokenSeq{in.token_seq()},
                .hold_us = in.hold_us()};
}

// --- all of them ---

template <class Plain>
struct WireType;

// clang-format off
template <> struct WireType<Token> { using type = wire::Token; };
template <> struct WireType<Join> { using type = wire::Join; };
template <> struct WireType<CommitToken> { using type = wire::CommitToken; };
template <> struct WireType<Probe> { using type = wire::Probe; };
template <> struct WireType<Hurry> { using type = wire::Hurry; };
template <> struct WireType<Leave> { using type = wire::Leave; };
template <> struct WireType<Hold> { using type = wire::Hold; };

// clang-format on

// A Protobuf message of the type that `Plain` is translated to. It lives on the stack as long as it
// is of usual size: the token passes here once a hop.
template <class Plain>
class Scratch {
public:
    using Message = typename WireType<Plain>::type;

    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): the arena writes before it reads
    Scratch() : arena_(memory_.data(), memory_.size()) {}

    Message& operator*() { return *message_; }

    Message* operator->() { return message_; }

private:
    alignas(std::max_align_t) std::array<char, 4096> memory_;
    google::protobuf::Arena arena_;
    Message* message_ = google::protobuf::Arena::CreateMessage<Message>(&arena_);
};

template <class Plain>
Decoded<std::size_t> write(const Plain& packet, std::span<std::uint8_t> out) {
    Scratch<Plain> message;
    to_wire(packet, *message);
    const std::size_t size = message->ByteSizeLong();
    if (size > out.size()) return WireError::does_not_fit;
    message->SerializeWithCachedSizesToArray(out.data());
    return size;
}

Decoded<std::size_t> write(const DataPacket& packet, std::span<std::uint8_t> out) {
    const std::size_t size = data_header_size + packet.chunks.size();
    if (size > out.size()) return WireError::does_not_fit;
    encode_data_header(packet, out.first<data_header_size>());
    if (!packet.chunks.empty())
        std::memcpy(&out[data_header_size], packet.chunks.data(), packet.chunks.size());
    return size;
}

template <class Plain>
Decoded<Packet> read(const Bytes& body) {
    Scratch<Plain> message;
    if (body.size() > std::numeric_limits<int>::max() ||
        !message->ParseFromArray(body.data(), static_cast<int>(body.size())))
        return WireError::not_parsable;
    auto packet = from_wire(*message);
    if (!packet) return packet.error();
    if (const auto wrong = implausible(*packet)) return *wrong;
    return Packet{std::move(*packet)};
}

} // namespace

Decoded<std::size_t> encode(const Packet& packet, std::span<std::uint8_t> out) {
    return std::visit(
        [out](const auto& plain) -> Decoded<std::size_t> {
            if (const auto wrong = implausible(plain)) return *wrong;
            return write(plain, out);
        },
        packet);
}

std::size_t encoded_size(const Packet& packet) {
    return std::visit(
        [](const auto& plain) -> std::size_t {
            if constexpr (std::is_same_v<decltype(plain), const DataPacket&>) {
                return data_header_size + plain.chunks.size();
            } else {
                Scratch<std::decay_t<decltype(plain)>> message;
                to_wire(plain, *message);
                return message->ByteSizeLong();
            }
        },
        packet);
}

Decoded<Packet> decode(PacketType type, const Bytes& body) {
    switch (type) {
    case PacketType::data: {
        auto packet = decode_data(body);
        if (!packet) return packet.error();
        return Packet{std::move(*packet)};
    }
    case PacketType::token:
        return read<Token>(body);
    case PacketType::join:
        return read<Join>(body);
    case PacketType::commit:
        return read<CommitToken>(body);
    case PacketType::probe:
        return read<Probe>(body);
    case PacketType::hurry:
        return read<Hurry>(body);
    case PacketType::leave:
        return read<Leave>(body);
    case PacketType::hold:
        return read<Hold>(body);
    case PacketType::direct: // nothing of the ring's
        break;
    }
    return WireError::unknown_type;
}

} // namespace totem
