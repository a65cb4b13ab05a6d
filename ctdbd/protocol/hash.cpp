#include "ctdbd/protocol/hash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>

namespace ctdbd::protocol {
namespace {

// The three words of lookup3's state.
struct State {
    std::uint32_t a, b, c;

    // Adds twelve bytes.
    void absorb(const std::uint8_t* block) {
        std::array<std::uint32_t, 3> words{};
        std::memcpy(words.data(), block, sizeof words);
        a += words[0];
        b += words[1];
        c += words[2];
    }

    void mix() {
        a = (a - c) ^ std::rotl(c, 4), c += b;
        b = (b - a) ^ std::rotl(a, 6), a += c;
        c = (c - b) ^ std::rotl(b, 8), b += a;
        a = (a - c) ^ std::rotl(c, 16), c += b;
        b = (b - a) ^ std::rotl(a, 19), a += c;
        c = (c - b) ^ std::rotl(b, 4), b += a;
    }

    void finish() {
        c = (c ^ b) - std::rotl(b, 14);
        a = (a ^ c) - std::rotl(c, 11);
        b = (b ^ a) - std::rotl(a, 25);
        c = (c ^ b) - std::rotl(b, 16);
        a = (a ^ c) - std::rotl(c, 4);
        b = (b ^ a) - std::rotl(a, 14);
        c = (c ^ b) - std::rotl(b, 24);
    }
};

} // namespace

std::uint32_t hash(std::span<const std::uint8_t> key) {
    const auto start = static_cast<std::uint32_t>(0xDEADBEEF + key.size());
    State state{start, start, start};
    if (key.empty()) return state.c;
    // The last 1 to 12 bytes are left for the end, even when they fill a block.
    for (; key.size() > 12; key = key.subspan(12)) {
        state.absorb(key.data());
        state.mix();
    }
    std::array<std::uint8_t, 12> last{};
    std::ranges::copy(key, last.begin());
    state.absorb(last.data());
    state.finish();
    return state.c;
}

std::uint32_t database_id(std::string_view name) {
    const std::string with_nul(name);
    return hash({reinterpret_cast<const std::uint8_t*>(with_nul.c_str()), with_nul.size() + 1});
}

} // namespace ctdbd::protocol
