#include "tests/sim/trace_text.h"

#include <sstream>
#include <stdexcept>

namespace sim::test {

namespace {

// Reads one line, word by word.
class Line {
public:
    explicit Line(const std::string& line) : words_(line) {}

    std::string word() {
        std::string next;
        if (!(words_ >> next)) throw std::runtime_error("a line of the test's trace is too short");
        return next;
    }

    void expect(const std::string& wanted) {
        if (word() != wanted) throw std::runtime_error("expected \"" + wanted + "\"");
    }

    std::vector<std::uint64_t> numbers(char separator) {
        std::vector<std::uint64_t> result;
        std::istringstream parts(word());
        for (std::string part; std::getline(parts, part, separator);)
            result.push_back(std::stoull(part));
        return result;
    }

    RingName ring() {
        const auto parts = numbers('.');
        return {parts.at(0), static_cast<NodeId>(parts.at(1))};
    }

    trace::Members members() {
        trace::Members result;
        for (const std::uint64_t number : numbers(','))
            result.push_back(static_cast<NodeId>(number));
        return result;
    }

    MessageName message() {
        const auto parts = numbers('.');
        return {{static_cast<NodeId>(parts.at(0)), static_cast<std::uint32_t>(parts.at(1))},
                parts.at(2)};
    }

    Service service() { return word() == "safe" ? Service::safe : Service::agreed; }

    Position position() {
        const auto parts = numbers(':');
        return {Seq{parts.at(0)}, static_cast<std::uint8_t>(parts.at(1))};
    }

    template <class Placing>
    Placing placing() {
        Placing placing;
        placing.message = message();
        placing.guarantee = service();
        expect("at");
        placing.ring = ring();
        placing.position = position();
        return placing;
    }

private:
    std::istringstream words_;
};

Life life(const std::string& who) {
    const std::size_t dot = who.find('.');
    const auto node = static_cast<NodeId>(std::stoul(who));
    if (dot == std::string::npos) return {node, 0};
    return {node, static_cast<std::uint32_t>(std::stoul(who.substr(dot + 1)))};
}

// The bodies of a process's line; two for "says".
std::vector<trace::Body> bodies(const std::string& verb, Line& line) {
    if (verb == "start") return {trace::Start{}};
    if (verb == "crash") return {trace::Crash{}};
    if (verb == "hears") return {line.placing<trace::Deliver>()};
    if (verb == "places") return {line.placing<trace::Originate>()};
    if (verb == "says") {
        const auto placed = line.placing<trace::Originate>();
        return {trace::Submit{placed.message, placed.guarantee, 10}, placed};
    }
    if (verb == "submits") {
        const MessageName message = line.message();
        return {trace::Submit{message, line.service(), 10}};
    }
    if (verb == "regular") {
        const RingName ring = line.ring();
        line.expect("of");
        return {trace::Regular{ring, line.members(), true}};
    }
    if (verb == "transitional") {
        const RingName from = line.ring();
        line.expect("->");
        const RingName ring = line.ring();
        line.expect("of");
        return {trace::Transitional{ring, from, line.members()}};
    }
    throw std::runtime_error("\"" + verb + "\" is no event of a test's trace");
}

} // namespace

std::vector<trace::Event> parse(const std::string& text) {
    std::vector<trace::Event> events;
    std::istringstream lines(text);
    Instant now{};
    for (std::string raw; std::getline(lines, raw);) {
        raw = raw.substr(0, raw.find('#'));
        if (raw.find_first_not_of(' ') == std::string::npos) continue;
        Line line(raw);
        now += Duration{1};
        const std::string who = line.word();
        if (who == "wait") {
            now += Duration{std::stoll(line.word())};
        } else if (who == "end") {
            events.push_back({now, {}, trace::End{}});
        } else if (who == "heal") {
            events.push_back({now, {}, trace::Heal{line.members(), Duration{1000}}});
        } else {
            for (trace::Body& body : bodies(line.word(), line))
                events.push_back({now, life(who), std::move(body)});
        }
    }
    return events;
}

std::string violated(const std::string& text) {
    Checker checker;
    try {
        for (const trace::Event& event : parse(text))
            checker.observe(event);
        checker.conclude();
    } catch (const Violation& violation) {
        return violation.property;
    }
    return {};
}

} // namespace sim::test
