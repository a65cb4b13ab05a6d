// What clients write into records: a decimal counter and, for the judges alone, the number of the
// write, which is unique in a run. Counters repeat when an update is lost with its only copy; the
// number tells which of two equal ones somebody has read.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace sim::records {

using Stamp = std::uint64_t; // of a write; 0: nobody wrote that

struct Datum {
    std::string text; // empty: the record is deleted, or fresh
    Stamp stamp = 0;
};

// "17@402"; a record that nobody ever wrote is empty.
[[nodiscard]] inline std::string written(const Datum& datum) {
    return datum.stamp == 0 ? std::string{} : datum.text + "@" + std::to_string(datum.stamp);
}

[[nodiscard]] inline Datum read_datum(std::string_view data) {
    const std::size_t sign = data.find('@');
    if (sign == data.npos) return {};
    Datum datum{.text = std::string(data.substr(0, sign)), .stamp = 0};
    std::from_chars(data.data() + sign + 1, data.data() + data.size(), datum.stamp);
    return datum;
}

[[nodiscard]] inline std::uint64_t counter_of(std::string_view text) {
    std::uint64_t counter = 0;
    std::from_chars(text.data(), text.data() + text.size(), counter);
    return counter;
}

} // namespace sim::records
