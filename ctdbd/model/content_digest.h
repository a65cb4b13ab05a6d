// Tells contents of databases apart without keeping them: adds up over records, in any order, so
// that a change of one record changes it without looking at the others.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ctdbd {

class ContentDigest {
public:
    ContentDigest() = default;

    explicit ContentDigest(std::uint64_t value) : sum_(value) {}

    void add(std::string_view key, std::span<const std::uint8_t> value);
    void remove(std::string_view key, std::span<const std::uint8_t> value);

    [[nodiscard]] std::uint64_t value() const { return sum_; }

    friend bool operator==(const ContentDigest&, const ContentDigest&) = default;

private:
    std::uint64_t sum_ = 0;
};

} // namespace ctdbd
