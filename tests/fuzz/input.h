// What a fuzzer gives us, read as values: the bytes decide everything, and when they end,
// everything is zero. Read from the front, so that a changed byte changes what comes behind it and
// nothing before.
//
// LibFuzzer's own FuzzedDataProvider would do as well, but the same targets are built by GCC, too
// (main_replay.cpp).
#pragma once

#include "base/bytes.h"
#include "base/check.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>

// The whole of a fuzz target; returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

using base::Bytes;
using base::check;

class Input {
public:
    explicit Input(std::span<const std::uint8_t> bytes) : left_(bytes) {}

    [[nodiscard]] bool at_end() const { return left_.empty(); }

    [[nodiscard]] std::size_t size() const { return left_.size(); }

    std::uint8_t byte() {
        if (left_.empty()) return 0;
        const std::uint8_t first = left_.front();
        left_ = left_.subspan(1);
        return first;
    }

    bool coin() { return (byte() & 1) != 0; }

    // True about `of_256` times in 256.
    bool chance(unsigned of_256) { return byte() >= 256 - of_256; }

    // In [low, high], from as many bytes as the width needs.
    std::uint64_t number(std::uint64_t low, std::uint64_t high) {
        const std::uint64_t width = high - low;
        std::uint64_t value = 0;
        for (std::uint64_t rest = width; rest != 0; rest >>= 8)
            value = value << 8 | byte();
        return width == ~std::uint64_t{0} ? value : low + value % (width + 1);
    }

    template <class T>
    T any() {
        return static_cast<T>(number(0, static_cast<std::make_unsigned_t<T>>(~T{0})));
    }

    template <class T, std::size_t count>
    const T& one_of(const std::array<T, count>& values) {
        return values[number(0, count - 1)];
    }

    // A copy in memory of exactly its size, so that a sanitizer sees the slightest over-read.
    Bytes bytes(std::size_t size) {
        const std::size_t taken = std::min(size, left_.size());
        Bytes copy = Bytes::copy_of(left_.first(taken));
        left_ = left_.subspan(taken);
        return copy;
    }

    Bytes some_bytes(std::size_t size_max) { return bytes(number(0, size_max)); }

    Bytes rest() { return bytes(left_.size()); }

    std::string text(std::size_t size_max) { return std::string(some_bytes(size_max).view()); }

    std::string rest_as_text() { return std::string(rest().view()); }

private:
    std::span<const std::uint8_t> left_;
};

} // namespace fuzz
