// A voting history as bytes, for stable storage and for the 64 bytes of a commit token's hint: a
// version, then primaries, each an index, its nodes as a bitmap and the cluster's as another, and
// an index. By hand because a Protobuf list of 64 nodes would not fit the hint; which goes without
// the clusters, as the histories of version 2 did.
#include "statedb/quorum.h"

#include <algorithm>
#include <limits>

namespace statedb {

namespace {

enum Version : std::uint8_t { without_clusters = 2, with_clusters = 3 };

constexpr std::size_t bitmap_bytes_max = 8; // nodes 1..64
constexpr std::uint8_t listed_nodes = 0xff; // instead of a bitmap's size: a list, for other numbers
constexpr std::size_t nodes_max = members_max;

class Writer {
public:
    explicit Writer(Version version) : version_(version) { byte(version); }

    void byte(std::uint8_t value) { bytes_.push_back(value); }

    void number(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7)
            byte(static_cast<std::uint8_t>(value | 0x80));
        byte(static_cast<std::uint8_t>(value));
    }

    void primary(const Primary& primary) {
        number(primary.index);
        nodes(primary.nodes);
        if (version_ == with_clusters) nodes(primary.cluster);
    }

    [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return bytes_; }

private:
    void nodes(const std::vector<NodeId>& nodes) {
        const bool fits = nodes.empty() || (nodes.front() >= 1 && nodes.back() <= 64);
        if (!fits) {
            byte(listed_nodes);
            number(nodes.size());
            for (const NodeId node : nodes)
                number(node);
            return;
        }
        std::uint8_t bitmap[bitmap_bytes_max] = {};
        std::size_t used = 0;
        for (const NodeId node : nodes) {
            bitmap[(node - 1) / 8] |= static_cast<std::uint8_t>(1U << ((node - 1) % 8));
            used = std::max<std::size_t>(used, (node - 1) / 8 + 1);
        }
        byte(static_cast<std::uint8_t>(used));
        bytes_.insert(bytes_.end(), bitmap, bitmap + used);
    }

    Version version_;
    std::vector<std::uint8_t> bytes_;
};

// Reads what a disk or a peer gave us. Any mistake empties the input and is remembered.
class Reader {
public:
    explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes), version_(byte()) {
        if (version_ != without_clusters && version_ != with_clusters) fail();
    }

    std::uint8_t byte() {
        if (rest_.empty()) return fail();
        const std::uint8_t value = rest_.front();
        rest_ = rest_.subspan(1);
        return value;
    }

    std::uint64_t number() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 63; shift += 7) {
            const std::uint8_t part = byte();
            value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
            if (part < 0x80) return value;
        }
        return fail();
    }

    Primary primary() {
        Primary primary;
        primary.index = number();
        primary.nodes = nodes();
        if (version_ == with_clusters) primary.cluster = nodes();
        if (primary.nodes.empty() != (primary.index == 0)) fail();
        return primary;
    }

    [[nodiscard]] bool complete() const { return good_ && rest_.empty(); }

private:
    std::vector<NodeId> nodes() {
        std::vector<NodeId> nodes;
        const std::uint8_t size = byte();
        if (size == listed_nodes) {
            const std::uint64_t count = number();
            if (count > nodes_max) fail();
            for (std::uint64_t i = 0; good_ && i < count; ++i)
                nodes.push_back(node());
            // Sorted and different, or later searches would not find them.
            if (std::ranges::adjacent_find(nodes, std::greater_equal<>{}) != nodes.end()) fail();
            return nodes;
        }
        if (size > bitmap_bytes_max) fail();
        for (NodeId first = 1; good_ && first <= size * 8U; first += 8) {
            const std::uint8_t bits = byte();
            for (NodeId bit = 0; bit < 8; ++bit)
                if ((bits >> bit & 1) != 0) nodes.push_back(first + bit);
        }
        return nodes;
    }

    NodeId node() {
        const std::uint64_t value = number();
        if (value > std::numeric_limits<NodeId>::max()) fail();
        return static_cast<NodeId>(value);
    }

    std::uint8_t fail() {
        good_ = false;
        rest_ = {};
        return 0;
    }

    std::span<const std::uint8_t> rest_;
    bool good_ = true;
    std::uint8_t version_;
};

Bytes encode_as(Version version, const History& history) {
    Writer out(version);
    out.primary(history.last_primary);
    out.number(history.attempts.size());
    for (const Primary& attempt : history.attempts)
        out.primary(attempt);
    out.number(history.given_up);
    return Bytes::copy_of(out.bytes());
}

} // namespace

Bytes encode(const History& history) { return encode_as(with_clusters, history); }

std::optional<History> decode_history(std::span<const std::uint8_t> bytes) {
    Reader in(bytes);
    History history;
    history.last_primary = in.primary();
    const std::uint64_t attempts = in.number();
    if (attempts > bytes.size()) return std::nullopt;
    for (std::uint64_t i = 0; i < attempts; ++i)
        history.attempts.push_back(in.primary());
    history.given_up = in.number();
    if (!in.complete()) return std::nullopt;
    return history;
}

Bytes hint_of(const History& history) {
    History told = history;
    Bytes bytes = encode_as(without_clusters, told);
    while (bytes.size() > hint_size_max && !told.attempts.empty()) {
        told.attempts.erase(told.attempts.begin());
        bytes = encode_as(without_clusters, told);
    }
    return bytes.size() <= hint_size_max ? bytes : Bytes{};
}

} // namespace statedb
