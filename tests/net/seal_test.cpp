// Sealed datagrams: what is opened, what is refused, and that nothing is heard twice.
#include "net/seal.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

using namespace net;

namespace {

constexpr ProcessorId alice{1, 10};
constexpr ProcessorId bob{2, 20};
const std::vector<Key> no_key;
const std::vector<NodeId> both = {1, 2};

std::vector<Key> key(std::uint8_t id = 1, std::uint8_t fill = 42) {
    std::array<std::uint8_t, secret_size> bytes;
    bytes.fill(fill);
    const Cipher cipher = available(Cipher::aes256_gcm) && id % 2 == 1 ? Cipher::aes256_gcm
                                                                       : Cipher::chacha20_poly1305;
    return {Key{id, cipher, Secret(bytes)}};
}

SealContext context(ProcessorId self, std::vector<Key> keys, std::string cluster = "c") {
    return {std::move(cluster), self, std::move(keys)};
}

using Datagram = std::vector<std::uint8_t>;

Datagram
sealed(Sealer& sealer, std::string_view body = "deposit 5", PacketType type = PacketType::data) {
    Datagram datagram(sealer.overhead() + body.size());
    std::ranges::copy(body, datagram.begin() + envelope_size);
    CHECK(sealer.seal(type, datagram, body.size()) == datagram.size());
    return datagram;
}

// Bob, who listens.
struct Ear {
    explicit Ear(std::vector<Key> keys = key(), std::string cluster = "c")
        : opener(context(bob, std::move(keys), std::move(cluster)), both) {}

    std::optional<Refusal> hear(Datagram datagram, NodeId addressed_as = alice.node) {
        const auto result = opener.open(datagram, addressed_as, own_nonce, now);
        if (const auto* refusal = std::get_if<Refusal>(&result)) return *refusal;
        const auto& opened = std::get<Opened>(result);
        last_body.assign(opened.body.begin(), opened.body.end());
        last_sender = opened.sender;
        return {};
    }

    BootNonce own_nonce{0xbb};
    Instant now{};
    Opener opener;
    std::string last_body;
    ProcessorId last_sender;
};

} // namespace

TEST_CASE("what was sealed is opened, under each cipher and in the insecure mode") {
    for (const auto& keys : {key(1), key(2), no_key}) {
        Sealer sealer(context(alice, keys));
        Ear ear(keys);
        CHECK(ear.hear(sealed(sealer, "deposit 5")) == std::nullopt);
        CHECK(ear.last_body == "deposit 5");
        CHECK(ear.last_sender == alice);
        CHECK(ear.hear(sealed(sealer, "")) == std::nullopt);
        CHECK(ear.last_body.empty());
    }
}

TEST_CASE("a sealed body cannot be read on the wire") {
    Sealer sealer(context(alice, key()));
    const Datagram datagram = sealed(sealer, "deposit 5");
    const std::string_view secret = "deposit";
    CHECK(std::ranges::search(datagram, secret).empty());
}

TEST_CASE("a change of any byte is noticed") {
    for (const auto& keys : {key(), no_key}) {
        Sealer sealer(context(alice, keys));
        const Datagram genuine = sealed(sealer);
        for (std::size_t i = 0; i < genuine.size(); ++i)
            for (const std::uint8_t bit : {0x01, 0x80}) {
                Ear ear(keys);
                Datagram changed = genuine;
                changed[i] ^= bit;
                CAPTURE(i);
                CHECK(ear.hear(changed) != std::nullopt);
                CHECK(ear.hear(genuine) == std::nullopt); // and it did no harm
            }
    }
}

TEST_CASE("a datagram of any other length is refused") {
    Sealer sealer(context(alice, key()));
    const Datagram genuine = sealed(sealer);
    Ear ear;
    for (std::size_t size = 0; size < genuine.size(); ++size)
        CHECK(ear.hear(Datagram(genuine.begin(), genuine.begin() + static_cast<long>(size))) !=
              std::nullopt);
    Datagram longer = genuine;
    longer.push_back(0);
    CHECK(ear.hear(longer) == Refusal::not_authentic);
}

TEST_CASE("random bytes are refused") {
    CHECK(rc::check([](Datagram bytes, bool plausible) {
        if (plausible && bytes.size() > 3) {
            bytes[0] = 0x31, bytes[1] = 0x54, bytes[2] = 1, bytes[3] &= 1;
        }
        Ear ear;
        RC_ASSERT(ear.hear(bytes).has_value());
    }));
}

TEST_CASE("strangers are refused, each for its reason") {
    Ear ear;
    Sealer other_key(context(alice, key(1, 43)));
    CHECK(ear.hear(sealed(other_key)) == Refusal::not_authentic);
    Sealer other_id(context(alice, key(3)));
    CHECK(ear.hear(sealed(other_id)) == Refusal::unknown_key);
    Sealer other_cluster(context(alice, key(), "d"));
    CHECK(ear.hear(sealed(other_cluster)) == Refusal::foreign_cluster);
    Sealer not_listed(context({9, 1}, key()));
    CHECK(ear.hear(sealed(not_listed)) == Refusal::unknown_node);
    Sealer in_the_clear(context(alice, no_key));
    CHECK(ear.hear(sealed(in_the_clear)) == Refusal::wrong_mode);
    CHECK(ear.hear(Datagram(100, 0)) == Refusal::malformed);

    Ear without_key(no_key);
    Sealer with_key(context(alice, key()));
    CHECK(without_key.hear(sealed(with_key)) == Refusal::wrong_mode);

    CHECK(ear.opener.refusals()[static_cast<std::size_t>(Refusal::not_authentic)] == 1);
    CHECK(ear.opener.refusals()[static_cast<std::size_t>(Refusal::malformed)] == 1);
}

TEST_CASE("the insecure mode hears a node from its own address only; a key needs no address") {
    Sealer open_sealer(context(alice, no_key));
    Ear insecure(no_key);
    const Datagram datagram = sealed(open_sealer);
    CHECK(insecure.hear(datagram, bob.node) == Refusal::wrong_address);
    CHECK(insecure.hear(datagram, alice.node) == std::nullopt);

    Sealer sealer(context(alice, key()));
    Ear ear;
    CHECK(ear.hear(sealed(sealer), bob.node) == std::nullopt);
}

TEST_CASE("no datagram is heard twice, within the window in any order") {
    CHECK(rc::check([](const std::vector<std::uint8_t>& order) {
        Sealer sealer(context(alice, key()));
        std::vector<Datagram> datagrams;
        for (int i = 0; i < 256; ++i)
            datagrams.push_back(sealed(sealer));
        Ear ear;
        std::set<std::uint8_t> heard;
        for (const std::uint8_t index : order) {
            const bool fresh = heard.insert(index).second;
            RC_ASSERT((ear.hear(datagrams[index]) == std::nullopt) == fresh);
        }
    }));
}

TEST_CASE("the replay window is the set of what was heard, cut off behind") {
    CHECK(rc::check([](const std::vector<std::uint16_t>& steps) {
        ReplayWindow window;
        std::set<std::uint64_t> heard;
        std::uint64_t highest = 0;
        std::uint64_t base = 0;
        for (const std::uint16_t step : steps) {
            base += step % 7 == 0 ? step : step % 16;
            const std::uint64_t counter = base > step % 5000U ? base - step % 5000U : 0;
            const bool expected = counter > 0 && !heard.contains(counter) &&
                                  (counter > highest || highest - counter < ReplayWindow::reach);
            RC_ASSERT(window.is_new(counter) == expected);
            if (!expected) continue;
            window.mark(counter);
            heard.insert(counter);
            highest = std::max(highest, counter);
        }
    }));
}

TEST_CASE("a forged high counter does not move the window") {
    Sealer sealer(context(alice, key()));
    Ear ear;
    Datagram forged = sealed(sealer);
    CHECK(ear.hear(forged) == std::nullopt);
    const Datagram next = sealed(sealer);
    forged[41] = 0x10; // the counter's highest byte
    CHECK(ear.hear(forged) == Refusal::not_authentic);
    CHECK(ear.hear(next) == std::nullopt);
}

TEST_CASE("a restarted node is heard, its earlier life no more") {
    Sealer before(context(alice, key()));
    Sealer after(context({1, 11}, key()));
    Ear ear;
    const Datagram late = sealed(before);
    CHECK(ear.hear(sealed(before)) == std::nullopt);
    CHECK(ear.hear(sealed(after)) == std::nullopt);
    CHECK(ear.last_sender == ProcessorId{1, 11});
    CHECK(ear.hear(late) == Refusal::old_life);
    CHECK(ear.hear(sealed(after)) == std::nullopt);
}

TEST_CASE("a re-keyed stream replaces the former one, which cannot come back") {
    Sealer sealer(context(alice, key()), 2);
    Ear ear;
    const Datagram first = sealed(sealer);
    const Datagram second = sealed(sealer);
    const BootNonce former = sealer.boot_nonce();
    CHECK(ear.hear(first) == std::nullopt);
    const Datagram third = sealed(sealer);
    CHECK(sealer.boot_nonce() != former);
    CHECK(ear.hear(third) == std::nullopt);
    CHECK(ear.hear(second) == Refusal::old_stream);
    CHECK(ear.hear(third) == Refusal::replayed);
}

TEST_CASE("a stored packet of a former stream does not shut out the present one") {
    Sealer sealer(context(alice, key()), 1);
    const Datagram stored = sealed(sealer);
    const Datagram present = sealed(sealer);
    Ear newcomer; // has heard neither
    CHECK(newcomer.hear(stored) == std::nullopt);
    CHECK(newcomer.hear(present) == std::nullopt);
    CHECK(newcomer.hear(stored) == Refusal::old_stream);
}

TEST_CASE("no nonce is ever used twice under one key") {
    Sealer sealer(context(alice, key()), 5);
    std::set<std::pair<BootNonce, std::uint64_t>> used;
    for (int i = 0; i < 23; ++i) {
        const auto envelope = decode_envelope(sealed(sealer));
        REQUIRE(envelope.has_value());
        CHECK(envelope->counter >= 1);
        CHECK(used.emplace(envelope->boot_nonce, envelope->counter).second);
    }
    Sealer restarted(context(alice, key())); // even with the same name, after a lost disk
    CHECK(restarted.boot_nonce() != sealer.boot_nonce());
}

TEST_CASE("our own echo is dropped, a copy of us is told apart") {
    Sealer us(context(bob, key()));
    Sealer clone(context(bob, key()));
    Ear ear;
    ear.own_nonce = us.boot_nonce();
    CHECK(ear.hear(sealed(us)) == Refusal::own_echo);
    CHECK(ear.hear(sealed(clone)) == Refusal::clone);
    Sealer forger(context(bob, key(1, 99)));
    CHECK(ear.hear(sealed(forger)) == Refusal::not_authentic);
    Sealer former_life(context({2, 19}, key()));
    CHECK(ear.hear(sealed(former_life)) == Refusal::old_life);
}

TEST_CASE("a flood of invented streams costs a bounded number of derivations and harms nobody") {
    Sealer sealer(context(alice, key()));
    Ear ear;
    CHECK(ear.hear(sealed(sealer)) == std::nullopt);
    std::size_t tried = 0;
    for (int i = 0; i < 5000; ++i) {
        Sealer invented(context({1, 1000}, key(1, 77))); // another boot nonce each
        tried += ear.hear(sealed(invented)) == Refusal::not_authentic ? 1 : 0;
    }
    CHECK(tried <= 70);
    CHECK(ear.hear(sealed(sealer)) == std::nullopt); // the known stream does not notice
    ear.now += 1s;
    Sealer restarted(context({1, 11}, key()));
    CHECK(ear.hear(sealed(restarted)) == std::nullopt);
}

TEST_CASE("two keys at once: both are opened, the first one seals") {
    auto old_first = key(1);
    old_first.push_back(key(2, 50).front());
    auto new_first = key(2, 50);
    new_first.push_back(key(1).front());
    Sealer still_old(context(alice, old_first));
    Sealer already_new(context({3, 1}, new_first));
    Opener opener(context(bob, old_first), {1, 2, 3});
    for (Sealer* sealer : {&still_old, &already_new}) {
        Datagram datagram = sealed(*sealer);
        CHECK(std::holds_alternative<Opened>(opener.open(datagram, {}, BootNonce{}, Instant{})));
    }
}
