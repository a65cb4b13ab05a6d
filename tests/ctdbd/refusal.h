// What a parser of configuration says of a text that it must not accept.
#pragma once

#include "ctdbd/model/config_error.h"

#include <string>
#include <string_view>

namespace ctdbd::config::test {

std::string refusal(auto parse, std::string_view text) {
    try {
        parse(text);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "accepted";
}

struct Case {
    std::string_view text, sentence;
};

} // namespace ctdbd::config::test
