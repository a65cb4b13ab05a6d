// CRC-32C twice: with the instruction that x86 has for it, and with tables for everybody else.
//
// The instruction takes three cycles, and another can begin in each: so three stretches of the
// bytes are summed side by side, and joined by what a stretch of zeros does to a remainder.
#include "totem/envelope.h"

#include <boost/endian/conversion.hpp>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace totem {

namespace {

// Eight bytes a step ("slicing by 8"): tables[k][b] is the remainder of byte b followed by k zeros.
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
    constexpr std::uint32_t castagnoli = 0x82f63b78; // reflected
    CrcTables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit)
            remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? castagnoli : 0);
        tables[0][byte] = remainder;
    }
    for (std::size_t zeros = 1; zeros < tables.size(); ++zeros)
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    return tables;
}

constexpr CrcTables crc_tables = make_crc_tables();

#if defined(__x86_64__)

// What `zeros` zero bytes do to a remainder, by its four bytes.
using ShiftTables = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr ShiftTables make_shift_tables(std::size_t zeros) {
    ShiftTables tables{};
    for (std::size_t place = 0; place < tables.size(); ++place) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            std::uint32_t crc = 1U << (8 * place + bit);
            for (std::size_t i = 0; i < zeros; ++i)
                crc = (crc >> 8) ^ crc_tables[0][crc & 0xff];
            tables[place][std::size_t{1} << bit] = crc;
        }
        for (std::size_t byte = 1; byte < 256;
             ++byte) // linear: the sum of its lowest bit and the rest
            tables[place][byte] =
                tables[place][byte & (byte - 1)] ^ tables[place][byte & (~byte + 1)];
    }
    return tables;
}

template <std::size_t stretch>
constexpr ShiftTables shift_tables = make_shift_tables(stretch);

template <std::size_t stretch>
std::uint32_t shifted(std::uint64_t crc) {
    const ShiftTables& tables = shift_tables<stretch>;
    return tables[0][crc & 0xff] ^ tables[1][(crc >> 8) & 0xff] ^ tables[2][(crc >> 16) & 0xff] ^
           tables[3][(crc >> 24) & 0xff];
}

template <std::size_t stretch>
__attribute__((target("sse4.2"))) std::uint64_t
sum_in_threes(std::uint64_t crc, std::span<const std::uint8_t>& bytes) {
    for (; bytes.size() >= 3 * stretch; bytes = bytes.subspan(3 * stretch)) {
        std::uint64_t second = 0;
        std::uint64_t third = 0;
        for (const std::uint8_t* at = bytes.data(); at < bytes.data() + stretch; at += 8) {
            crc = _mm_crc32_u64(crc, boost::endian::load_little_u64(at));
            second = _mm_crc32_u64(second, boost::endian::load_little_u64(at + stretch));
            third = _mm_crc32_u64(third, boost::endian::load_little_u64(at + 2 * stretch));
        }
        crc = shifted<stretch>(shifted<stretch>(crc) ^ second) ^ third;
    }
    return crc;
}

__attribute__((target("sse4.2"))) std::uint32_t
crc32c_by_instruction(std::span<const std::uint8_t> bytes) {
    std::uint64_t crc = ~std::uint32_t{0};
    crc = sum_in_threes<448>(crc, bytes); // one turn for a packet of the usual size
    crc = sum_in_threes<64>(crc, bytes);
    for (; bytes.size() >= 8; bytes = bytes.subspan(8))
        crc = _mm_crc32_u64(crc, boost::endian::load_little_u64(bytes.data()));
    auto rest = static_cast<std::uint32_t>(crc);
    for (const std::uint8_t byte : bytes)
        rest = _mm_crc32_u8(rest, byte);
    return ~rest;
}

#endif

} // namespace

std::uint32_t crc32c_by_tables(std::span<const std::uint8_t> bytes) {
    std::uint32_t crc = ~std::uint32_t{0};
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
        const std::uint64_t eight = boost::endian::load_little_u64(bytes.data()) ^ crc;
        crc = 0;
        for (std::size_t i = 0; i < 8; ++i)
            crc ^= crc_tables[7 - i][(eight >> (8 * i)) & 0xff];
    }
    for (const std::uint8_t byte : bytes)
        crc = (crc >> 8) ^ crc_tables[0][(crc ^ byte) & 0xff];
    return ~crc;
}

std::uint32_t crc32c(std::span<const std::uint8_t> bytes) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc32c_by_instruction(bytes);
#endif
    return crc32c_by_tables(bytes);
}

} // namespace totem
