// The grammar of ctdb.conf and totem.conf: sections, names, values, and on which line they stood.
//
// As the stock daemon reads it (ctdb-behaviour.md 7.2, measured): comments fill a line and begin
// with # or ; runs of blanks are one blank; a backslash at the line's end continues it, except in a
// comment; what follows the closing bracket of a section is ignored, as is a line without "=".
// Names are case-sensitive. Unlike there, a section without its bracket is an error, for the stock
// daemon then silently loses the rest of the file.
#pragma once

#include "ctdbd/model/config_error.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctdbd::config {

struct Assignment {
    std::string section; // empty: before the first section
    std::string name;
    std::string value; // without blanks around it; may be empty
    unsigned line = 0; // where it begins

    friend bool operator==(const Assignment&, const Assignment&) = default;
};

struct ConfigText {
    std::vector<Assignment> assignments; // in order; a later one replaces an earlier one
    std::vector<Warning> warnings;       // lines that say nothing
    std::vector<std::pair<std::string, unsigned>> sections; // every header with its line
};

[[nodiscard]] ConfigText parse_text(std::string_view text, const std::string& file);

// The whole file; none if it does not exist. Throws ConfigError if it exists but cannot be read.
[[nodiscard]] std::optional<std::string> read_file(const std::filesystem::path& path);

} // namespace ctdbd::config
