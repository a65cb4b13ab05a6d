#include "ctdbd/model/content_digest.h"

#include <sodium/crypto_generichash.h>

#include <cstddef>

namespace ctdbd {

namespace {

std::uint64_t hash_of(std::string_view key, std::span<const std::uint8_t> value) {
    crypto_generichash_state state;
    std::uint64_t sum = 0;
    const std::uint64_t key_size = key.size();
    crypto_generichash_init(&state, nullptr, 0, sizeof sum);
    const auto absorb = [&](const void* data, std::size_t size) {
        crypto_generichash_update(&state, static_cast<const unsigned char*>(data), size);
    };
    absorb(&key_size, sizeof key_size);
    absorb(key.data(), key.size());
    absorb(value.data(), value.size());
    crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(&sum), sizeof sum);
    return sum;
}

} // namespace

void ContentDigest::add(std::string_view key, std::span<const std::uint8_t> value) {
    sum_ += hash_of(key, value);
}

void ContentDigest::remove(std::string_view key, std::span<const std::uint8_t> value) {
    sum_ -= hash_of(key, value);
}

} // namespace ctdbd
