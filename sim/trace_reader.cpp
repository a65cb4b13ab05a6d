#include "sim/trace_reader.h"

#include <boost/json/src.hpp>

#include <algorithm>
#include <charconv>

namespace sim::trace {

namespace {

namespace json = boost::json;

// Thrown and caught in here only: this line is not a trace's.
struct Malformed {};

const json::value& key(const json::object& line, std::string_view name) {
    const json::value* value = line.if_contains(name);
    if (value == nullptr) throw Malformed{};
    return *value;
}

std::uint64_t number(const json::value& value) {
    if (value.is_uint64()) return value.get_uint64();
    if (!value.is_int64() || value.get_int64() < 0) throw Malformed{};
    return static_cast<std::uint64_t>(value.get_int64());
}

template <class Number>
Number small_number(const json::value& value) {
    const std::uint64_t wide = number(value);
    if (wide > std::numeric_limits<Number>::max()) throw Malformed{};
    return static_cast<Number>(wide);
}

std::string text(const json::value& value) {
    if (!value.is_string()) throw Malformed{};
    return std::string(value.get_string());
}

// "4.17.2" as exactly `count` numbers.
std::vector<std::uint64_t> dotted(const json::value& value, std::size_t count) {
    const std::string whole = text(value);
    std::vector<std::uint64_t> numbers;
    const char* at = whole.data();
    const char* const end = at + whole.size();
    while (true) {
        std::uint64_t part = 0;
        const auto [stop, error] = std::from_chars(at, end, part);
        if (error != std::errc{}) throw Malformed{};
        numbers.push_back(part);
        if (stop == end) break;
        if (*stop != '.') throw Malformed{};
        at = stop + 1;
    }
    if (numbers.size() != count) throw Malformed{};
    return numbers;
}

RingName ring(const json::object& line, std::string_view name) {
    const auto numbers = dotted(key(line, name), 2);
    return {numbers[0], static_cast<NodeId>(numbers[1])};
}

Members members(const json::object& line) {
    const json::value& value = key(line, "members");
    if (!value.is_array()) throw Malformed{};
    Members result;
    for (const json::value& member : value.get_array())
        result.push_back(small_number<NodeId>(member));
    return result;
}

MessageName message(const json::object& line) {
    const auto numbers = dotted(key(line, "message"), 3);
    return {{static_cast<NodeId>(numbers[0]), static_cast<std::uint32_t>(numbers[1])}, numbers[2]};
}

Service guarantee(const json::object& line) {
    const std::string word = text(key(line, "guarantee"));
    if (word == "safe") return Service::safe;
    if (word == "agreed") return Service::agreed;
    throw Malformed{};
}

Position position(const json::object& line) {
    const json::value& value = key(line, "position");
    if (!value.is_array() || value.get_array().size() != 2) throw Malformed{};
    return {Seq{number(value.get_array()[0])}, small_number<std::uint8_t>(value.get_array()[1])};
}

bool boolean(const json::object& line, std::string_view name) {
    const json::value& value = key(line, name);
    if (!value.is_bool()) throw Malformed{};
    return value.get_bool();
}

std::string word(const json::object& line, std::string_view name) { return text(key(line, name)); }

std::map<std::string, std::string> writes(const json::object& line) {
    const json::value& value = key(line, "writes");
    if (!value.is_object()) throw Malformed{};
    std::map<std::string, std::string> result;
    for (const auto& [name, written] : value.get_object())
        result.emplace(name, text(written));
    return result;
}

Body heal(const json::object& line) {
    const json::value* bound = line.if_contains("bound");
    return Heal{members(line), Duration{bound != nullptr ? small_number<std::int64_t>(*bound) : 0}};
}

Body body(const std::string& event, const json::object& line) {
    if (event == "start") return Start{};
    if (event == "crash") return Crash{};
    if (event == "end") return End{};
    if (event == "heal") return heal(line);
    if (event == "regular")
        return Regular{ring(line, "ring"), members(line), boolean(line, "primary")};
    if (event == "transitional")
        return Transitional{ring(line, "ring"), ring(line, "from"), members(line)};
    if (event == "submit") return Submit{message(line), guarantee(line), number(key(line, "size"))};
    if (event == "originate")
        return Originate{message(line), guarantee(line), ring(line, "ring"), position(line)};
    if (event == "deliver")
        return Deliver{message(line), guarantee(line), ring(line, "ring"), position(line)};
    if (event == "lock") return Lock{word(line, "db"), word(line, "key"), word(line, "client")};
    if (event == "unlock") return Unlock{word(line, "db"), word(line, "key"), word(line, "client")};
    if (event == "value")
        return Value{word(line, "db"), word(line, "key"), word(line, "client"), word(line, "read")};
    if (event == "store")
        return Store{word(line, "db"), word(line, "key"), word(line, "client"),
                     word(line, "wrote")};
    if (event == "commit")
        return Commit{word(line, "db"), word(line, "client"), number(key(line, "sequence")),
                      writes(line)};
    if (event == "applied")
        return Applied{word(line, "db"), number(key(line, "sequence")), word(line, "digest")};
    throw Malformed{};
}

Life who(const json::object& line) {
    const json::value& node = key(line, "node");
    const bool simulator = node.is_int64() && node.get_int64() == -1;
    return {simulator ? NodeId{0} : small_number<NodeId>(node),
            small_number<std::uint32_t>(key(line, "life"))};
}

} // namespace

std::optional<Event> parse_json(std::string_view line) {
    boost::system::error_code error;
    const json::value value = json::parse(line, error);
    if (error || !value.is_object()) return std::nullopt;
    const json::object& keys = value.get_object();
    try {
        return Event{Instant{Duration{small_number<std::int64_t>(key(keys, "t"))}}, who(keys),
                     body(word(keys, "event"), keys)};
    } catch (const Malformed&) {
        return std::nullopt;
    }
}

} // namespace sim::trace
