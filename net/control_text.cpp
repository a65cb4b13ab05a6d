#include "net/control_text.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <vector>

namespace net {

namespace {

namespace json = boost::json;

std::string word(const json::value& value) {
    return value.is_string() ? json::value_to<std::string>(value) : json::serialize(value);
}

std::string words(const json::object& object) {
    std::vector<std::string> pairs;
    for (const auto& [key, value] : object)
        pairs.push_back(fmt::format("{} {}", std::string_view(key), word(value)));
    return fmt::format("{}", fmt::join(pairs, ", "));
}

void describe(const json::object& object, const std::string& indent, std::string& text);

void describe(const json::array& list, const std::string& indent, std::string& text) {
    if (std::ranges::any_of(list, [](const json::value& each) { return each.is_object(); })) {
        for (const json::value& each : list)
            text += fmt::format("\n{}  {}", indent,
                                each.is_object() ? words(each.get_object()) : word(each));
        return;
    }
    std::vector<std::string> each;
    std::ranges::transform(list, std::back_inserter(each), word);
    text += fmt::format(" {}", each.empty() ? "none" : fmt::format("{}", fmt::join(each, ", ")));
}

void describe(const json::object& object, const std::string& indent, std::string& text) {
    for (const auto& [key, value] : object) {
        text += fmt::format("{}{}:", indent, std::string_view(key));
        if (const json::object* inner = value.if_object()) {
            text += '\n';
            describe(*inner, indent + "  ", text);
            continue;
        }
        if (const json::array* list = value.if_array())
            describe(*list, indent, text);
        else
            text += ' ' + word(value);
        text += '\n';
    }
}

} // namespace

std::string describe_locks(const json::object& answer) try {
    std::map<std::string, std::string> by_name;
    for (const json::value& lock : answer.at("locks").as_array()) {
        const auto name = json::value_to<std::string>(lock.at("name"));
        int place = 0;
        for (const json::value& claim : lock.at("queue").as_array()) {
            ++place;
            by_name[name] += fmt::format("{} {} node {} {}\n", name, place, word(claim.at("node")),
                                         place == 1 ? "holds" : "waits");
        }
    }
    std::string text;
    for (const auto& [name, lines] : by_name)
        text += lines;
    return text;

} catch (const std::exception&) {

    throw std::runtime_error("the answer is not a list of locks");
}

std::string describe_status(const json::object& answer) {
    std::string text;
    describe(answer, "", text);
    return text;
}

} // namespace net
