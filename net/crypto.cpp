#include "net/crypto.h"

#include "base/check.h"
#include "net/wide_aes.h"

#include <sodium.h>

#include <algorithm>

namespace net {

namespace {

// libsodium chooses its implementations here; calling it again costs nothing.
void require_sodium() { base::check(sodium_init() >= 0, "libsodium can be initialised"); }

using Hmac = std::array<std::uint8_t, crypto_auth_hmacsha256_BYTES>;

Hmac hmac(std::span<const std::uint8_t> key,
          std::initializer_list<std::span<const std::uint8_t>> parts) {
    crypto_auth_hmacsha256_state state;
    constexpr std::uint8_t nothing = 0; // libsodium takes no null, not even for no bytes
    crypto_auth_hmacsha256_init(&state, key.empty() ? &nothing : key.data(), key.size());
    for (const auto part : parts)
        if (!part.empty()) crypto_auth_hmacsha256_update(&state, part.data(), part.size());
    Hmac result;
    crypto_auth_hmacsha256_final(&state, result.data());
    sodium_memzero(&state, sizeof state);
    return result;
}

} // namespace

Secret::Secret(std::span<const std::uint8_t, secret_size> bytes) {
    std::ranges::copy(bytes, bytes_.begin());
}

Secret::~Secret() { sodium_memzero(bytes_.data(), bytes_.size()); }

Secret Secret::random() {
    Secret secret;
    fill_random(secret.bytes_);
    return secret;
}

bool operator==(const Secret& a, const Secret& b) {
    return sodium_memcmp(a.bytes_.data(), b.bytes_.data(), secret_size) == 0;
}

Secret hkdf_sha256(std::span<const std::uint8_t> key_material,
                   std::span<const std::uint8_t> salt,
                   std::span<const std::uint8_t> info) {
    static_assert(std::tuple_size_v<Hmac> == secret_size);
    require_sodium();
    Hmac extracted = hmac(salt, {key_material});
    const std::uint8_t first_block = 1;
    Hmac expanded = hmac(extracted, {info, std::span(&first_block, 1)});
    const Secret result{std::span<const std::uint8_t, secret_size>(expanded)};
    sodium_memzero(extracted.data(), extracted.size());
    sodium_memzero(expanded.data(), expanded.size());
    return result;
}

void fill_random(std::span<std::uint8_t> bytes) {
    require_sodium();
    if (!bytes.empty()) randombytes_buf(bytes.data(), bytes.size());
}

std::uint64_t random_number() {
    std::uint64_t number = 0;
    fill_random(std::span(reinterpret_cast<std::uint8_t*>(&number), sizeof number));
    return number;
}

std::string_view describe(Cipher cipher) {
    return cipher == Cipher::aes256_gcm ? "aes256-gcm" : "chacha20-poly1305";
}

std::optional<Cipher> cipher_named(std::string_view name) {
    for (const Cipher cipher : {Cipher::aes256_gcm, Cipher::chacha20_poly1305})
        if (name == describe(cipher)) return cipher;
    return {};
}

bool available(Cipher cipher) {
    require_sodium();
    return cipher == Cipher::chacha20_poly1305 || crypto_aead_aes256gcm_is_available() == 1;
}

struct Aead::State {
    Cipher cipher;
    Secret key;                  // ChaCha20 works from the key itself
    std::optional<WideAes> wide; // AES with the widest instructions, else:
    crypto_aead_aes256gcm_state aes;

    ~State() { sodium_memzero(&aes, sizeof aes); }
};

Aead::Aead(Cipher cipher, const Secret& key, Width width) : state_(new State{cipher, key, {}, {}}) {
    base::check(available(cipher), "a cipher is used only where it is available");
    if (cipher != Cipher::aes256_gcm) return;
    if (width == Width::widest && WideAes::available())
        state_->wide.emplace(key.bytes());
    else
        crypto_aead_aes256gcm_beforenm(&state_->aes, key.bytes().data());
}

Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

void Aead::seal(std::span<std::uint8_t> body,
                std::span<std::uint8_t, 16> tag,
                std::span<const std::uint8_t> associated,
                const Nonce& nonce) const {
    static_assert(crypto_aead_aes256gcm_ABYTES == 16);
    static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == 16);
    if (state_->wide) return state_->wide->seal(body, tag, associated, nonce);
    std::uint8_t nothing = 0; // libsodium takes no null, not even for no bytes
    std::uint8_t* const bytes = body.empty() ? &nothing : body.data();
    if (state_->cipher == Cipher::aes256_gcm)
        crypto_aead_aes256gcm_encrypt_detached_afternm(
            bytes, tag.data(), nullptr, bytes, body.size(), associated.data(), associated.size(),
            nullptr, nonce.data(), &state_->aes);
    else
        crypto_aead_chacha20poly1305_ietf_encrypt_detached(
            bytes, tag.data(), nullptr, bytes, body.size(), associated.data(), associated.size(),
            nullptr, nonce.data(), state_->key.bytes().data());
}

bool Aead::open(std::span<std::uint8_t> body,
                std::span<const std::uint8_t, 16> tag,
                std::span<const std::uint8_t> associated,
                const Nonce& nonce) const {
    if (state_->wide) return state_->wide->open(body, tag, associated, nonce);
    std::uint8_t nothing = 0;
    std::uint8_t* const bytes = body.empty() ? &nothing : body.data();
    if (state_->cipher == Cipher::aes256_gcm)
        return crypto_aead_aes256gcm_decrypt_detached_afternm(
                   bytes, nullptr, bytes, body.size(), tag.data(), associated.data(),
                   associated.size(), nonce.data(), &state_->aes) == 0;
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               bytes, nullptr, bytes, body.size(), tag.data(), associated.data(), associated.size(),
               nonce.data(), state_->key.bytes().data()) == 0;
}

} // namespace net
