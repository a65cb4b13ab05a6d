// The smallest state machine that shows everything: a list of texts, each written by one command.
// Whoever writes a text goes on until it is in the list, and then knows it as done.
#pragma once

#include "statedb/digest.h"
#include "tests/statedb/ring_model.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace statedb::test {

// What all ledgers of a test say, whatever becomes of them: the judge of "one order for ever".
struct Chronicle {
    // The text at an index, since the fresh epoch that the list began with.
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> written;
    std::set<std::string> done; // somebody was told so
    std::uint64_t fresh_epoch = 0;
    std::vector<std::string> broken; // promises
};

class Ledger final : public StateMachine {
public:
    Ledger(ProcessorId self, Chronicle& chronicle) : self_(self), chronicle_(chronicle) {}

    void write(std::string text, Outbox& out, Service guarantee = Service::safe) {
        wanted_[text] = guarantee;
        out.submit(id(), Bytes::copy_of(text), guarantee);
    }

    [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }

    [[nodiscard]] const std::map<std::string, Service>& wanted() const { return wanted_; }

    [[nodiscard]] const View& view() const { return view_; }

    void corrupt(std::string text) { texts_.push_back(std::move(text)); }

    int refusals = 0, absorptions = 0, loads = 0, beginnings = 0, interruptions = 0;
    bool is_settled = true;
    std::vector<View> views;

    // -- StateMachine
    [[nodiscard]] ServiceId id() const override { return ServiceId::databases; }

    void apply(const Command& command, Outbox&) override {
        std::string text(command.payload.view());
        const auto [place, fresh] =
            chronicle_.written.emplace(std::pair(epoch_, command.index), text);
        if (!fresh && place->second != text && strict)
            chronicle_.broken.push_back(
                fmt::format("{} at {} where another had {}", text, command.index, place->second));
        if (std::ranges::find(texts_, text) != texts_.end())
            chronicle_.broken.push_back(text + " is applied twice");
        texts_.push_back(text);
        if (command.sender == self_) finish(text);
    }

    void configured(const View& view, Outbox&) override {
        view_ = view;
        views.push_back(view);
        if (view.primary && view.fresh) epoch_ = view.epoch;
    }

    [[nodiscard]] Bytes save(const Summary&) const override {
        std::string all = std::to_string(epoch_) + "\n";
        for (const std::string& text : texts_)
            all += text + "\n";
        return Bytes::copy_of(all);
    }

    [[nodiscard]] bool load(const Bytes& state, Outbox&) override {
        ++loads;
        if (state.empty() || state.view().back() != '\n') return false;
        std::vector<std::string> lines;
        std::string_view rest = state.view();
        for (std::size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1))
            lines.emplace_back(rest.substr(0, end));
        epoch_ = std::stoull(lines.front());
        texts_.assign(lines.begin() + 1, lines.end());
        return true;
    }

    void begin_epoch(std::span<const Summary> summaries, Outbox&) override {
        ++beginnings;
        last_summaries.assign(summaries.begin(), summaries.end());
        texts_.clear();
    }

    [[nodiscard]] Bytes summary() const override { return Bytes::copy_of(describe(self_)); }

    [[nodiscard]] bool settled() const override { return is_settled; }

    [[nodiscard]] std::uint64_t digest() const override {
        Digest digest;
        for (const std::string& text : texts_)
            digest.add(std::string_view(text));
        return digest.value();
    }

    void refused(const Bytes& payload, Outbox& out) override {
        ++refusals;
        const std::string text(payload.view());
        if (const auto wish = wanted_.find(text); wish != wanted_.end())
            out.submit(id(), payload, wish->second);
    }

    void absorbed(const Bytes& payload, Outbox&) override {
        ++absorptions;
        finish(std::string(payload.view()));
    }

    void interrupted(Outbox&) override { ++interruptions; }

    std::vector<Summary> last_summaries;
    bool strict = true; // commands are safe: what one applied nobody may contradict

private:
    void finish(const std::string& text) {
        if (wanted_.erase(text) == 0) chronicle_.broken.push_back(text + " is done twice");
        if (std::ranges::find(texts_, text) == texts_.end())
            chronicle_.broken.push_back(text + " is called done, but is not there");
        chronicle_.done.insert(text);
    }

    ProcessorId self_;
    Chronicle& chronicle_;
    std::vector<std::string> texts_;
    std::uint64_t epoch_ = 0; // of the fresh view that the list began with
    View view_;
    std::map<std::string, Service> wanted_;
};

struct LedgerApplication final : Application {
    LedgerApplication(ProcessorId self, Chronicle& chronicle) : ledger(self, chronicle) {}

    std::vector<StateMachine*> services() override { return {&ledger}; }

    Ledger ledger;
};

} // namespace statedb::test
