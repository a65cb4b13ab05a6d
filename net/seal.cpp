#include "net/seal.h"

#include <algorithm>
#include <cstring>

namespace net {

namespace {

constexpr Duration derivation_interval = 1ms; // 1000 unknown streams a second (7.2) ...
constexpr Duration derivation_burst = 64ms;   // ... and a full cluster at once

constexpr std::size_t nonce_random_size = 12;

template <class Integer>
void store_little_endian(Integer value, std::uint8_t* out) {
    for (std::size_t i = 0; i < sizeof value; ++i)
        out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint32_t rekeyings_of(const BootNonce& nonce) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i)
        value |= std::uint32_t{nonce[nonce_random_size + i]} << (8 * i);
    return value;
}

// 7.2: Ks = HKDF(K, salt = boot_nonce, info = "totem1" | cluster | pid | key_id); and the purpose
// behind it, where it is not the ring's.
Aead stream_key(const Key& key,
                const std::string& cluster,
                const std::string& purpose,
                const Envelope& envelope) {
    std::vector<std::uint8_t> info{'t', 'o', 't', 'e', 'm', '1'};
    info.insert(info.end(), cluster.begin(), cluster.end());
    std::array<std::uint8_t, 9> name{};
    store_little_endian(envelope.sender.node, name.data());
    store_little_endian(envelope.sender.incarnation, name.data() + 4);
    name[8] = key.id;
    info.insert(info.end(), name.begin(), name.end());
    info.insert(info.end(), purpose.begin(), purpose.end());
    return {key.cipher, hkdf_sha256(key.secret.bytes(), envelope.boot_nonce, info)};
}

Aead::Nonce packet_nonce(const Envelope& envelope) {
    Aead::Nonce nonce;
    store_little_endian(static_cast<std::uint32_t>(envelope.type), nonce.data());
    store_little_endian(envelope.counter, nonce.data() + 4);
    return nonce;
}

void write_checksum(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> tag) {
    store_little_endian(crc32c(bytes), tag.data());
}

} // namespace

std::string_view describe(Refusal refusal) {
    constexpr std::string_view names[] = {"malformed",       "truncated",    "own echo",
                                          "foreign cluster", "unknown node", "wrong address",
                                          "wrong mode",      "unknown key",  "old life",
                                          "old stream",      "replayed",     "crowded",
                                          "not authentic",   "clone"};
    static_assert(std::size(names) == static_cast<std::size_t>(Refusal::kinds));
    return names[static_cast<std::size_t>(refusal)];
}

std::uint32_t cluster_tag(std::string_view cluster) {
    return crc32c({reinterpret_cast<const std::uint8_t*>(cluster.data()), cluster.size()});
}

// -- Sealer

Sealer::Sealer(const SealContext& context, std::uint64_t packets_per_stream)
    : cluster_(context.cluster), purpose_(context.purpose),
      packets_per_stream_(packets_per_stream) {
    if (!context.keys.empty()) key_ = context.keys.front();
    envelope_.encrypted = key_.has_value();
    envelope_.key_id = key_ ? key_->id : 0;
    envelope_.cluster_tag = cluster_tag(cluster_);
    envelope_.sender = context.self;
    open_stream(0);
}

void Sealer::open_stream(std::uint32_t rekeyings) {
    rekeyings_ = rekeyings;
    fill_random(std::span(envelope_.boot_nonce).first<nonce_random_size>());
    store_little_endian(rekeyings, envelope_.boot_nonce.data() + nonce_random_size);
    envelope_.counter = 0;
    if (key_) aead_ = stream_key(*key_, cluster_, purpose_, envelope_);
}

std::size_t Sealer::seal(PacketType type, std::span<std::uint8_t> datagram, std::size_t body_size) {
    const std::size_t size = body_size + overhead();
    check(size <= datagram.size(), "a datagram has room for envelope and tag");
    if (envelope_.counter == packets_per_stream_) open_stream(rekeyings_ + 1);
    envelope_.type = type;
    ++envelope_.counter;
    encode_envelope(envelope_, datagram.first<envelope_size>());
    const auto body = datagram.subspan(envelope_size, body_size);
    const auto tag = datagram.subspan(envelope_size + body_size);
    if (aead_)
        aead_->seal(body, tag.first<tag_size>(), datagram.first(envelope_size),
                    packet_nonce(envelope_));
    else
        write_checksum(datagram.first(envelope_size + body_size), tag);
    return size;
}

// -- ReplayWindow

bool ReplayWindow::is_new(std::uint64_t counter) const {
    if (counter == 0) return false;
    if (counter > highest_) return true;
    return highest_ - counter < reach && !heard_[counter % reach];
}

void ReplayWindow::mark(std::uint64_t counter) {
    if (counter > highest_) {
        if (counter - highest_ >= reach)
            heard_.reset();
        else
            for (std::uint64_t skipped = highest_ + 1; skipped < counter; ++skipped)
                heard_.reset(skipped % reach);
        highest_ = counter;
    }
    heard_.set(counter % reach);
}

// -- Opener

Opener::Opener(const SealContext& context, const std::vector<NodeId>& nodes)
    : context_(context), tag_(cluster_tag(context.cluster)) {
    hear_only(nodes);
}

void Opener::hear_only(const std::vector<NodeId>& nodes) {
    nodes_ = {nodes.begin(), nodes.end()};
    for (const NodeId node : nodes)
        streams_[node];
}

std::variant<Opened, Refusal> Opener::open(std::span<std::uint8_t> bytes,
                                           std::optional<NodeId> addressed_as,
                                           const BootNonce& own_nonce,
                                           Instant now) {
    const auto refuse = [&](Refusal refusal) {
        count(refusal);
        return refusal;
    };
    const auto dissected = dissect(bytes);
    if (const auto* refusal = std::get_if<Refusal>(&dissected)) return refuse(*refusal);
    const auto& datagram = std::get<Datagram>(dissected);
    const Envelope& envelope = datagram.envelope;
    if (const auto refusal = refused_by_sender(envelope, addressed_as, own_nonce))
        return refuse(*refusal);
    if (const auto refusal = refused_by_stream(envelope)) return refuse(*refusal);
    if (const auto refusal = authenticate(datagram, now)) return refuse(*refusal);
    if (envelope.sender == context_.self)
        return refuse(context_.keys.empty() ? Refusal::not_authentic : Refusal::clone);
    living_stream(envelope).window.mark(envelope.counter);
    return Opened{envelope.sender, envelope.type, datagram.body};
}

std::variant<Opener::Datagram, Refusal> Opener::dissect(std::span<std::uint8_t> bytes) const {
    const auto envelope = decode_envelope(bytes);
    if (!envelope) return Refusal::malformed;
    const std::size_t tag = envelope->encrypted ? tag_size : insecure_tag_size;
    if (bytes.size() < envelope_size + tag) return Refusal::malformed;
    return Datagram{*envelope, bytes.first(envelope_size),
                    bytes.subspan(envelope_size, bytes.size() - envelope_size - tag),
                    bytes.last(tag)};
}

std::optional<Refusal> Opener::refused_by_sender(const Envelope& envelope,
                                                 std::optional<NodeId> addressed_as,
                                                 const BootNonce& own_nonce) const {
    if (envelope.cluster_tag != tag_) return Refusal::foreign_cluster;
    if (envelope.sender == context_.self &&
        (envelope.boot_nonce == own_nonce ||
         rekeyings_of(envelope.boot_nonce) < rekeyings_of(own_nonce)))
        return Refusal::own_echo;
    if (!nodes_.contains(envelope.sender.node)) return Refusal::unknown_node;
    const bool sealed = !context_.keys.empty();
    if (envelope.encrypted != sealed) return Refusal::wrong_mode;
    if (!sealed && addressed_as != envelope.sender.node) return Refusal::wrong_address;
    if (sealed &&
        std::ranges::find(context_.keys, envelope.key_id, &Key::id) == context_.keys.end())
        return Refusal::unknown_key;
    // Our own former lives; a later one is the membership's to judge (totem.md 5.4, row 17).
    if (envelope.sender.node == context_.self.node &&
        envelope.sender.incarnation < context_.self.incarnation)
        return Refusal::old_life;
    return {};
}

std::optional<Refusal> Opener::refused_by_stream(const Envelope& envelope) const {
    const Stream& stream = streams_.at(envelope.sender.node);
    if (envelope.sender.incarnation < stream.incarnation) return Refusal::old_life;
    if (envelope.sender.incarnation > stream.incarnation) return {};
    if (envelope.boot_nonce == stream.boot_nonce)
        return stream.window.is_new(envelope.counter) ? std::nullopt
                                                      : std::optional(Refusal::replayed);
    return rekeyings_of(envelope.boot_nonce) > rekeyings_of(stream.boot_nonce)
               ? std::nullopt
               : std::optional(Refusal::old_stream);
}

const Aead* Opener::known_key(const Envelope& envelope) const {
    const Stream& stream = streams_.at(envelope.sender.node);
    if (envelope.sender.incarnation != stream.incarnation ||
        envelope.boot_nonce != stream.boot_nonce)
        return nullptr;
    for (const auto& [id, aead] : stream.keys)
        if (id == envelope.key_id) return &aead;
    return nullptr;
}

std::optional<Refusal> Opener::authenticate(const Datagram& datagram, Instant now) {
    const Envelope& envelope = datagram.envelope;
    if (!envelope.encrypted) {
        std::array<std::uint8_t, insecure_tag_size> expected{};
        write_checksum(
            {datagram.associated.data(), datagram.associated.size() + datagram.body.size()},
            expected);
        if (!std::ranges::equal(expected, datagram.tag)) return Refusal::not_authentic;
        return {};
    }
    const auto opens = [&](const Aead& aead) {
        return aead.open(datagram.body, datagram.tag.first<tag_size>(), datagram.associated,
                         packet_nonce(envelope));
    };
    if (const Aead* aead = known_key(envelope))
        return opens(*aead) ? std::nullopt : std::optional(Refusal::not_authentic);
    if (!may_derive(now)) return Refusal::crowded;
    const auto key = std::ranges::find(context_.keys, envelope.key_id, &Key::id);
    Aead derived = stream_key(*key, context_.cluster, context_.purpose, envelope);
    if (!opens(derived)) return Refusal::not_authentic;
    if (envelope.sender == context_.self) return {}; // a clone's key is not worth keeping
    living_stream(envelope).keys.emplace_back(envelope.key_id, std::move(derived));
    return {};
}

Opener::Stream& Opener::living_stream(const Envelope& authentic) {
    Stream& stream = streams_.at(authentic.sender.node);
    if (stream.incarnation != authentic.sender.incarnation ||
        stream.boot_nonce != authentic.boot_nonce)
        stream = Stream{authentic.sender.incarnation, authentic.boot_nonce, {}, {}};
    return stream;
}

bool Opener::may_derive(Instant now) {
    derivation_due_ = std::max(derivation_due_, now);
    if (derivation_due_ - now > derivation_burst) return false;
    derivation_due_ += derivation_interval;
    return true;
}

} // namespace net
