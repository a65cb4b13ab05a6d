// One option's value on its way into a struct: how it may be read, and how it is refused.
//
// Shared by ctdb.conf and totem.conf, which differ in what they know, not in how they complain.
#pragma once

#include "ctdbd/model/config_error.h"
#include "ctdbd/model/config_text.h"
#include "ctdbd/protocol/numbers.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctdbd::config {

// All of `text` as a number: decimal, octal with 0, or hexadecimal with 0x in front.
[[nodiscard]] std::optional<std::uint32_t> number_in(std::string_view text);

class Value {
public:
    Value(const Assignment& assignment, const std::string& file)
        : assignment_(assignment), file_(file) {}

    [[nodiscard]] const std::string& text() const { return assignment_.value; }

    // true, yes, false, no in any case.
    [[nodiscard]] bool boolean() const;

    // Of a log, by CTDB's names.
    [[nodiscard]] protocol::DebugLevel level() const;

    // number_in() the whole value, within the bounds.
    [[nodiscard]] std::uint32_t number(std::uint32_t min, std::uint32_t max) const;

    [[nodiscard]] Place place() const;

    // "Invalid value for [cluster] -> transport = ib (/etc/ctdb/ctdb.conf line 7: <remedy>)"
    [[noreturn]] void refuse(const std::string& remedy) const;

    // Throws if there is nothing after the "=": the stock daemon takes that for a mistake, too.
    void check_present() const;

private:
    const Assignment& assignment_;
    const std::string& file_;
};

} // namespace ctdbd::config
