#include "sim/checker/checker.h"

#include "sim/trace_reader.h"

#include <fmt/format.h>

#include <fstream>
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

Judgement judge_trace_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(fmt::format("cannot read {}", path));
    Checker checker;
    Judgement judgement;
    try {
        for (std::string line; std::getline(file, line);) {
            ++judgement.events;
            const std::optional<trace::Event> event = trace::parse_json(line);
            if (!event)
                throw std::runtime_error(
                    fmt::format("{}:{}: not a line of a trace", path, judgement.events));
            checker.observe(*event);
        }
        checker.conclude();
    } catch (const Violation& violation) {
        judgement.violation = violation;
        judgement.last_lines = checker.last_lines();
    }
    return judgement;
}

} // namespace sim
