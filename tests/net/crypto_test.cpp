// The ciphers and the key derivation, against published vectors.
#include "net/crypto.h"
#include "net/wide_aes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace net;

namespace {

std::vector<std::uint8_t> from_hex(std::string_view hex) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes.push_back(
            static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    return bytes;
}

} // namespace

TEST_CASE("HKDF-SHA256 is RFC 5869's") {
    struct Vector {
        const char* key;
        const char* salt;
        const char* info;
        const char* first_32_bytes;
    };

    const Vector vectors[] = {
        // A.1, A.2, A.3; the first block of output is what we use.
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
         "f0f1f2f3f4f5f6f7f8f9",
         "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b"
         "2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
         "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b"
         "8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
         "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadb"
         "dcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
         "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"},
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
         "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"},
    };
    for (const Vector& vector : vectors) {
        const Secret secret =
            hkdf_sha256(from_hex(vector.key), from_hex(vector.salt), from_hex(vector.info));
        CHECK(std::ranges::equal(secret.bytes(), from_hex(vector.first_32_bytes)));
    }
}

TEST_CASE("both ciphers open what they sealed, and nothing else") {
    for (const Cipher cipher : {Cipher::aes256_gcm, Cipher::chacha20_poly1305}) {
        if (!available(cipher)) continue;
        CAPTURE(describe(cipher));
        const Secret key = Secret::random();
        const std::vector<std::uint8_t> associated{1, 2, 3};
        std::vector<std::uint8_t> body(100, 7);
        std::array<std::uint8_t, 16> tag{};
        const Aead::Nonce nonce{9};
        Aead(cipher, key).seal(body, tag, associated, nonce);
        CHECK(body != std::vector<std::uint8_t>(100, 7));

        auto copy = body;
        CHECK_FALSE(Aead(cipher, Secret::random()).open(copy, tag, associated, nonce));
        copy = body;
        CHECK_FALSE(Aead(cipher, key).open(copy, tag, associated, Aead::Nonce{8}));
        copy = body;
        CHECK(Aead(cipher, key).open(copy, tag, associated, nonce));
        CHECK(copy == std::vector<std::uint8_t>(100, 7));
    }
}

// What one machine seals wide the next may have to open without: bodies of every length around the
// widths of both.
TEST_CASE("AES in its wide form is the same cipher, bit by bit") {
    if (!available(Cipher::aes256_gcm) || !WideAes::available()) {
        MESSAGE("no wide AES here: nothing to compare");
        return;
    }
    const Secret key = Secret::random();
    const Aead wide(Cipher::aes256_gcm, key), narrow(Cipher::aes256_gcm, key, Width::portable);
    for (std::size_t size = 0; size <= 1500; size += size < 300 ? 1 : 37) {
        CAPTURE(size);
        std::vector<std::uint8_t> associated(42), clear(size), by_wide, by_narrow;
        fill_random(associated);
        fill_random(clear);
        Aead::Nonce nonce{};
        fill_random(nonce);
        std::array<std::uint8_t, 16> wide_tag{}, narrow_tag{};
        by_wide = by_narrow = clear;
        wide.seal(by_wide, wide_tag, associated, nonce);
        narrow.seal(by_narrow, narrow_tag, associated, nonce);
        REQUIRE(by_wide == by_narrow);
        REQUIRE(wide_tag == narrow_tag);
        REQUIRE(wide.open(by_narrow, narrow_tag, associated, nonce));
        REQUIRE(by_narrow == clear);
        wide_tag[size % 16] ^= 1;
        REQUIRE_FALSE(wide.open(by_wide, wide_tag, associated, nonce));
    }
}

TEST_CASE("random secrets differ") { CHECK_FALSE(Secret::random() == Secret::random()); }
