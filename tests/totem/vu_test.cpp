// The variable-length number: one spelling for each value, and no other is read.
#include "totem/vu.h"

#include <doctest/doctest.h>

#include <array>

#include "arbitrary.h"

using namespace totem;

namespace {

using Spelling = std::vector<std::uint8_t>;

struct Row {
    std::uint64_t value;
    Spelling spelling;
};

const std::vector<Row> spelled = {
    {0, {0x00}},
    {1, {0x01}},
    {127, {0x7f}},
    {128, {0x80, 0x01}},
    {300, {0xac, 0x02}},
    {16383, {0xff, 0x7f}},
    {16384, {0x80, 0x80, 0x01}},
    {counter_limit, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}},
    {~std::uint64_t{0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}},
};

const std::vector<Spelling> refused = {
    {},                                                              // nothing there
    {0x80},                                                          // cut off
    {0xff, 0xff},                                                    // cut off
    {0x80, 0x00},                                                    // 0, in two bytes
    {0xff, 0x00},                                                    // 127, in two bytes
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02},    // 2^64
    {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81},    // goes on after ten
    {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, // eleven bytes
};

} // namespace

TEST_CASE("vu: each value has its spelling") {
    for (const Row& row : spelled) {
        CAPTURE(row.value);
        std::array<std::uint8_t, vu_size_max> buffer{};
        const std::uint8_t* end = write_vu(buffer.data(), row.value);
        CHECK(Spelling(buffer.data(), buffer.data() + (end - buffer.data())) == row.spelling);
        CHECK(vu_size(row.value) == row.spelling.size());
        std::size_t offset = 0;
        CHECK(read_vu(row.spelling, offset) == row.value);
        CHECK(offset == row.spelling.size());
    }
}

TEST_CASE("vu: what is cut off, too large or too long is refused") {
    for (const Spelling& spelling : refused) {
        CAPTURE(spelling.size());
        std::size_t offset = 0;
        CHECK_FALSE(read_vu(spelling, offset).has_value());
        CHECK(offset <= spelling.size());
    }
}

TEST_CASE("vu: bytes that can be read are the ones that would be written") {
    CHECK(rc::check([](const Spelling& bytes) {
        std::size_t offset = 0;
        const auto value = read_vu(bytes, offset);
        if (!value) return;
        std::array<std::uint8_t, vu_size_max> buffer{};
        RC_ASSERT(write_vu(buffer.data(), *value) == buffer.data() + offset);
        RC_ASSERT(std::equal(buffer.data(), buffer.data() + offset, bytes.begin()));
    }));
}
