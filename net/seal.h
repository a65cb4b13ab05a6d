// Sealing what goes onto the wire and opening what comes from it (totem.md 7.2, 7.3): who may be
// heard at all, and that nobody is heard twice with the same packet.
//
// Everything that arrives is hostile until open() says otherwise. The order of its questions is by
// cost: what a stranger can send without a key costs us a few comparisons, and a key derivation at
// most so many times a second. Which of the authentic strangers may change a ring is the
// membership's business (7.4).
//
// Departures from 7.2, both to a stronger rule:
// - No LRU of derived keys. Only nodes of the nodes file are heard, and a node has one living
//   stream: so there is one entry a node, made only by an authentic packet, and no flood of
//   invented boot nonces can push anybody out.
// - Boot nonces are ordered: 96 random bits, then a count of re-keyings in this life. So a stored
//   packet of a former stream cannot pass for a re-keying.
#pragma once

#include "net/key_file.h"
#include "totem/envelope.h"

#include <array>
#include <bitset>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace net {

using namespace totem;

// Why a datagram was not opened.
enum class Refusal : std::uint8_t {
    malformed,       // no envelope of ours
    truncated,       // larger than our MTU allows
    own_echo,        // multicast gave us our own packet back
    foreign_cluster, // another cluster's, by its tag
    unknown_node,    // its sender is not in the nodes file
    wrong_address,   // insecure mode: does not come from its sender's address
    wrong_mode,      // sealed, and we have no key; or in the clear, and we have one
    unknown_key,     // a key id that our key file does not have
    old_life,        // an earlier incarnation of a node that restarted
    old_stream,      // a boot nonce that was replaced, or that contends with the one we know
    replayed,        // heard before, or too old to tell
    crowded,         // too many unknown streams a second
    not_authentic,   // the tag is wrong: another key, or changed on the way
    clone,           // authentic, with our own name, and not from us: somebody runs a copy of us
    kinds,           // how many there are
};

[[nodiscard]] std::string_view describe(Refusal refusal);

using RefusalCounts = std::array<std::uint64_t, static_cast<std::size_t>(Refusal::kinds)>;

// What all nodes of a cluster share, and who of them we are.
struct SealContext {
    std::string cluster;
    ProcessorId self;
    std::vector<Key> keys; // empty: the insecure mode, CRC32C only
    // What packets other than the ring's are for: with keys, one opens only where it was meant for.
    std::string purpose{};
};

[[nodiscard]] std::uint32_t cluster_tag(std::string_view cluster);

// The sequence of packets that are sealed under one boot nonce.
inline constexpr std::uint64_t packets_per_stream_max = std::uint64_t{1} << 40; // 7.2

class Sealer {
public:
    explicit Sealer(const SealContext& context,
                    std::uint64_t packets_per_stream = packets_per_stream_max);

    // How much longer a datagram is than its body.
    [[nodiscard]] std::size_t overhead() const {
        return envelope_size + (key_ ? tag_size : insecure_tag_size);
    }

    // `datagram` holds, behind envelope_size free bytes, `body_size` bytes in the clear, and room
    // for the tag behind them. Everything is done in place; returns the datagram's size.
    std::size_t seal(PacketType type, std::span<std::uint8_t> datagram, std::size_t body_size);

    [[nodiscard]] const BootNonce& boot_nonce() const { return envelope_.boot_nonce; }

private:
    void open_stream(std::uint32_t rekeyings);

    std::string cluster_, purpose_;
    std::optional<Key> key_;
    std::optional<Aead> aead_;
    Envelope envelope_; // of the last packet; counter 0 before the first
    std::uint64_t packets_per_stream_;
    std::uint32_t rekeyings_ = 0;
};

// Which of the last 4096 counters of one stream were heard.
class ReplayWindow {
public:
    static constexpr std::uint64_t reach = 4096;

    [[nodiscard]] bool is_new(std::uint64_t counter) const;
    void mark(std::uint64_t counter); // only for an is_new() one, and only once it is authentic

private:
    std::uint64_t highest_ = 0;
    std::bitset<reach> heard_; // of (highest_ - reach, highest_], at counter mod reach
};

struct Opened {
    ProcessorId sender;
    PacketType type = PacketType::data;
    std::span<const std::uint8_t> body; // within the datagram
};

class Opener {
public:
    // `nodes`: who is heard, ourselves included.
    Opener(const SealContext& context, const std::vector<NodeId>& nodes);

    // From now on. What was heard of somebody before is not heard again, should he come back.
    void hear_only(const std::vector<NodeId>& nodes);

    // Opens in place. `addressed_as`: the node whose address the datagram came from, if any; only
    // the insecure mode trusts it. `own_nonce`: what our Sealer uses now.
    [[nodiscard]] std::variant<Opened, Refusal> open(std::span<std::uint8_t> datagram,
                                                     std::optional<NodeId> addressed_as,
                                                     const BootNonce& own_nonce,
                                                     Instant now);

    // A refusal that was found outside, to have all counts in one place.
    void count(Refusal refusal) { ++refusals_[static_cast<std::size_t>(refusal)]; }

    [[nodiscard]] const RefusalCounts& refusals() const { return refusals_; }

private:
    // The living stream of a node.
    struct Stream {
        std::uint32_t incarnation = 0;
        BootNonce boot_nonce{};
        ReplayWindow window;
        std::vector<std::pair<std::uint8_t, Aead>> keys; // derived, by key id
    };

    struct Datagram {
        Envelope envelope;
        std::span<std::uint8_t> associated, body, tag;
    };

    [[nodiscard]] std::variant<Datagram, Refusal> dissect(std::span<std::uint8_t> bytes) const;
    [[nodiscard]] std::optional<Refusal> refused_by_sender(const Envelope& envelope,
                                                           std::optional<NodeId> addressed_as,
                                                           const BootNonce& own_nonce) const;
    [[nodiscard]] std::optional<Refusal> refused_by_stream(const Envelope& envelope) const;
    [[nodiscard]] std::optional<Refusal> authenticate(const Datagram& datagram, Instant now);
    [[nodiscard]] const Aead* known_key(const Envelope& envelope) const;
    Stream& living_stream(const Envelope& authentic); // a newer one takes the former one's place
    [[nodiscard]] bool may_derive(Instant now);

    SealContext context_;
    std::uint32_t tag_;
    std::set<NodeId> nodes_;
    std::map<NodeId, Stream> streams_; // of these and of former ones
    RefusalCounts refusals_{};
    Instant derivation_due_{}; // when an unhurried series of derivations would be at its end
};

} // namespace net
