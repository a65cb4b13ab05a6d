// The cryptographic words that sealing needs, on top of libsodium: secret keys, HKDF, two AEAD
// ciphers, of which AES has a wider form where processor and build allow (net/wide_aes.h). Which
// key is used for what, and what a nonce is, is net/seal.h's business.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace net {

inline constexpr std::size_t secret_size = 32;
inline constexpr std::size_t nonce_size = 12;

// 256 secret bits; wiped when they go.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::span<const std::uint8_t, secret_size> bytes);
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = default;
    ~Secret();

    [[nodiscard]] static Secret random();

    [[nodiscard]] std::span<const std::uint8_t, secret_size> bytes() const { return bytes_; }

    [[nodiscard]] std::span<std::uint8_t, secret_size> writable() { return bytes_; }

    friend bool operator==(const Secret& a, const Secret& b); // in constant time

private:
    std::array<std::uint8_t, secret_size> bytes_{};
};

// RFC 5869 with SHA-256, one block of output. (libsodium 1.0.18 has HMAC but no HKDF.)
[[nodiscard]] Secret hkdf_sha256(std::span<const std::uint8_t> key_material,
                                 std::span<const std::uint8_t> salt,
                                 std::span<const std::uint8_t> info);

void fill_random(std::span<std::uint8_t> bytes);
[[nodiscard]] std::uint64_t random_number();

enum class Cipher : std::uint8_t { aes256_gcm, chacha20_poly1305 };

[[nodiscard]] std::string_view describe(Cipher cipher); // as in key files: "aes256-gcm"
[[nodiscard]] std::optional<Cipher> cipher_named(std::string_view name);
// AES needs the processor's instructions; libsodium has no other constant-time form of it.
[[nodiscard]] bool available(Cipher cipher);

// Two ways to the same bytes; `portable` is for machines without the other, and to compare them.
enum class Width : std::uint8_t { portable, widest };

// One key, ready for use: AES has its key schedule computed once.
class Aead {
public:
    // The cipher must be available().
    Aead(Cipher cipher, const Secret& key, Width width = Width::widest);
    ~Aead();
    Aead(Aead&&) noexcept;
    Aead& operator=(Aead&&) noexcept;

    using Nonce = std::array<std::uint8_t, nonce_size>;

    // Encrypts `body` where it stands and writes the tag behind it.
    void seal(std::span<std::uint8_t> body,
              std::span<std::uint8_t, 16> tag,
              std::span<const std::uint8_t> associated,
              const Nonce& nonce) const;

    // Decrypts `body` where it stands. False: not authentic; the body is then of no use.
    [[nodiscard]] bool open(std::span<std::uint8_t> body,
                            std::span<const std::uint8_t, 16> tag,
                            std::span<const std::uint8_t> associated,
                            const Nonce& nonce) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace net
