#include "sim/checker/checker.h"

#include "sim/trace_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <stdexcept>

namespace sim {

Properties all_properties() {
    Properties properties;
    add_configuration_properties(properties);
    add_message_properties(properties);
    add_agreement_properties(properties);
    add_closing_properties(properties);
    return properties;
}

void Checker::observe(const trace::Event& event) {
    if (recent_.size() == remembered) recent_.pop_front();
    recent_.push_back(event);
    for (const auto& property : properties_)
        property->judge(event, history_);
    history_.absorb(event);
}

void Checker::conclude() {
    for (const auto& property : properties_)
        property->conclude(history_);
}

std::vector<std::string> Checker::last_lines() const {
    std::vector<std::string> lines;
    for (const trace::Event& event : recent_)
        lines.push_back(describe(event));
    return lines;
}

namespace {

using Take = std::function<void(const trace::Event&)>;

// Hands every line of a trace to `take`. A line that a SIGKILL cut off is none.
void read_trace(const std::string& path, const Take& take) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(fmt::format("cannot read {}", path));
    std::uint64_t number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        const std::optional<trace::Event> event = trace::parse_json(line);
        if (event)
            take(*event);
        else if (!file.eof())
            throw std::runtime_error(fmt::format("{}:{}: not a line of a trace", path, number));
    }
}

// Judges the events that `feed` hands over, one by one: a trace may be larger than memory.
Judgement judge(const std::function<void(const Take&)>& feed) {
    Checker checker;
    Judgement judgement;
    try {
        feed([&](const trace::Event& event) {
            ++judgement.events;
            checker.observe(event);
        });
        checker.conclude();
    } catch (const Violation& violation) {
        judgement.violation = violation;
        judgement.last_lines = checker.last_lines();
    }
    return judgement;
}

} // namespace

Judgement judge_trace_file(const std::string& path) {
    return judge([&](const Take& take) { read_trace(path, take); });
}

Judgement judge_live_traces(const std::vector<std::string>& paths) {
    std::vector<trace::Event> events;
    for (const std::string& path : paths) {
        const std::size_t first = events.size();
        read_trace(path, [&](const trace::Event& event) {
            const bool again = std::holds_alternative<trace::Start>(event.body);
            // Who is killed writes nothing of it: its life ended with its last line.
            if (again && events.size() > first &&
                !std::holds_alternative<trace::Crash>(events.back().body))
                events.push_back({events.back().at, events.back().who, trace::Crash{}});
            events.push_back(event);
        });
    }
    std::ranges::stable_sort(events, {}, &trace::Event::at);
    return judge([&](const Take& take) { std::ranges::for_each(events, take); });
}

} // namespace sim
