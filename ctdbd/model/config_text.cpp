#include "ctdbd/model/config_text.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <utility>

namespace ctdbd::config {
namespace {

constexpr std::string_view blanks = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Runs of blanks become one, those at the ends none.
std::string squeezed(std::string_view text) {
    std::string result;
    for (const char c : trimmed(text)) {
        const bool blank = blanks.find(c) != blanks.npos;
        if (!blank || result.back() != ' ') result += blank ? ' ' : c;
    }
    return result;
}

bool is_comment(std::string_view line) {
    const std::string_view text = trimmed(line);
    return text.empty() || text[0] == '#' || text[0] == ';';
}

// Takes the first line off `text`; without its newline.
std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return line;
}

bool continues(std::string_view line) { return trimmed(line).ends_with('\\'); }

class Parser {
public:
    Parser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

    ConfigText parse() {
        while (!text_.empty()) {
            ++line_;
            const std::string_view first = take_line(text_);
            if (is_comment(first)) continue;
            const unsigned began = line_;
            read(squeezed(with_continuations(first)), began);
        }
        return std::move(result_);
    }

private:
    std::string with_continuations(std::string_view line) {
        std::string whole;
        while (continues(line)) {
            const std::string_view text = line.substr(0, line.find_last_of('\\'));
            whole += text;
            if (text_.empty()) return whole;
            ++line_;
            line = take_line(text_);
        }
        return whole.append(line);
    }

    void read(const std::string& line, unsigned began) {
        if (line.starts_with('[')) return read_section(line, began);
        const std::size_t equals = line.find('=');
        const std::string name = squeezed(std::string_view(line).substr(0, equals));
        if (equals == line.npos || name.empty()) {
            result_.warnings.push_back({{file_, began, {}},
                                        fmt::format("\"{}\" is ignored: an option is written as "
                                                    "\"name = value\"",
                                                    line)});
            return;
        }
        result_.assignments.push_back(
            {section_, name, squeezed(std::string_view(line).substr(equals + 1)), began});
    }

    void read_section(const std::string& line, unsigned began) {
        const std::size_t end = line.find(']');
        if (end == line.npos)
            throw ConfigError({file_, began, line},
                              fmt::format("Section {} has no closing bracket", line),
                              fmt::format("write {}]", line));
        section_ = line.substr(1, end - 1);
        result_.sections.emplace_back(section_, began);
    }

    std::string_view text_;
    const std::string& file_;
    unsigned line_ = 0;
    std::string section_;
    ConfigText result_;
};

} // namespace

ConfigText parse_text(std::string_view text, const std::string& file) {
    return Parser(text, file).parse();
}

std::optional<std::string> read_file(const std::filesystem::path& path) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) return std::nullopt;
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file.is_open() && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
    if (std::filesystem::is_directory(status) || !file.is_open() || file.bad() || text.bad())
        throw ConfigError({.file = path.string()}, fmt::format("Cannot read {}", path.string()),
                          "it must be a file that the daemon may read");
    return std::move(text).str();
}

} // namespace ctdbd::config
