#include "tests/membership/conversation.h"

#include "tests/membership/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <sstream>

namespace membership::testing {

namespace {

// -- how a packet reads, with the names of the conversation

class Narrator {
public:
    explicit Narrator(const World& world) : world_(world) {}

    [[nodiscard]] std::string names(const auto& processors) const {
        std::string text;
        for (const ProcessorId id : processors)
            text += (text.empty() ? "" : " ") + world_.name_of(id);
        return text;
    }

    [[nodiscard]] std::string say(const Packet& packet) const {
        return std::visit(Match{[&](const DataPacket& data) { return say_data(data); },
                                [&](const Token& token) { return say_token(token); },
                                [&](const Join& join) { return say_join(join); },
                                [&](const CommitToken& commit) { return say_commit(commit); },
                                [&](const Probe&) { return std::string("probe"); },
                                [&](const Hurry&) { return std::string("hurry"); },
                                [&](const Leave&) { return std::string("leave"); },
                                [&](const Hold&) { return std::string("hold"); }},
                          packet);
    }

private:
    [[nodiscard]] std::string say_data(const DataPacket& data) const {
        const char* again = data.retransmission ? " again" : "";
        if (data.wrapped) {
            const auto old = unwrap(data);
            return fmt::format("#{} wraps #{} of {}{}", data.seq, old->seq,
                               world_.name_of(old->origin), again);
        }
        std::string text;
        for (ChunkReader chunks(data); !chunks.at_end();)
            text += fmt::format(" \"{}\"", chunks.next()->bytes.view());
        return fmt::format("#{}{}{}", data.seq, text, again);
    }

    [[nodiscard]] std::string say_token(const Token& token) const {
        std::string text = fmt::format("token seq={} aru={}", token.seq, token.aru);
        if (token.aru_id != nobody)
            text += fmt::format(" lowered by {}", world_.name_of(token.aru_id));
        std::string holes;
        for (const SeqRange& range : token.rtr)
            for (Seq seq = range.first; seq <= range.last; seq = next(seq))
                holes += fmt::format("{}{}", holes.empty() ? "" : " ", seq);
        if (!holes.empty()) text += fmt::format(" rtr=[{}]", holes);
        if (token.recovery_unreported + token.recovery_backlog > 0)
            text += fmt::format(" unreported={} backlog={}", token.recovery_unreported,
                                token.recovery_backlog);
        return text;
    }

    [[nodiscard]] std::string say_join(const Join& join) const {
        std::vector<ProcessorId> all;
        std::vector<ProcessorId> failed;
        for (const JoinView& view : join.processors) {
            all.push_back(view.id);
            if (view.failed) failed.push_back(view.id);
        }
        return failed.empty() ? fmt::format("join [{}]", names(all))
                              : fmt::format("join [{}] failed [{}]", names(all), names(failed));
    }

    [[nodiscard]] std::string say_commit(const CommitToken& commit) const {
        const auto filled = std::count_if(commit.entries.begin(), commit.entries.end(),
                                          [](const CommitEntry& entry) { return entry.filled; });
        return fmt::format("commit [{}] hop {}, {} filled", names(commit.members), commit.token_seq,
                           filled);
    }

    const World& world_;
};

struct Loss {
    std::size_t kind = 0; // index into Packet; npos: any
    std::string from, to; // empty: anybody
    int left = 1;         // negative: all
};

std::size_t kind_of(const std::string& word) {
    if (word == "data") return 0;
    if (word == "token" || word == "tokens") return 1;
    if (word == "join" || word == "joins") return 2;
    if (word == "commit" || word == "commits") return 3;
    return std::string::npos;
}

// -- the play

class Play {
public:
    Play() { settings_.accelerated = 0; }

    std::string perform(const std::string& text) {
        std::istringstream in(text);
        for (std::string line; std::getline(in, line);) {
            if (line.starts_with("  ")) continue; // the old answer
            answer_ += line + "\n";
            if (line.empty() || line.starts_with("#")) continue;
            if (!obey(line)) say("?", "I do not understand this line");
        }
        return answer_;
    }

private:
    [[nodiscard]] World& world() {
        if (!world_) {
            world_ = std::make_unique<World>(8, settings_);
            narrator_ = std::make_unique<Narrator>(*world_);
            world_->observe = [this](const Node& node, const Action& action) {
                tell(node, action);
            };
            world_->loses = [this](const Node& from, const Node& to, const Packet& packet) {
                return loses(from, to, packet);
            };
        }
        return *world_;
    }

    void say(const std::string& who, const std::string& what) {
        answer_ += fmt::format("  {:<10} {}\n", who, what);
    }

    bool obey(const std::string& line);
    bool obey_wait(const std::string& what);
    bool loses(const Node& from, const Node& to, const Packet& packet);
    void tell(const Node& node, const Action& action);
    void tell_packet(const std::string& who, const Packet& packet);
    bool is_chatter(const std::string& who, const Packet& packet);
    void rotate();

    void wait_for(const std::function<bool()>& holds) {
        if (!world().run_until(holds, 5s)) say("?", "waited in vain");
    }

    Settings settings_ = Settings::simulated();
    std::unique_ptr<World> world_;
    std::unique_ptr<Narrator> narrator_;
    std::string answer_;
    std::vector<Loss> losses_;
    bool packets_ = true;
    bool silent_ = false;
    std::size_t passes_ = 0;
    bool rotating_ = false;
    // What each node said of the token last, and of which.
    std::map<std::string, std::pair<std::string, TokenSeq>> last_pass_;
};

bool Play::loses(const Node& from, const Node& to, const Packet& packet) {
    for (Loss& loss : losses_) {
        const bool meant = (loss.kind == std::string::npos || loss.kind == packet.index()) &&
                           (loss.from.empty() || loss.from == from.name) &&
                           (loss.to.empty() || loss.to == to.name);
        if (!meant || loss.left == 0) continue;
        --loss.left;
        return true;
    }
    return false;
}

// Unless it is rotated deliberately, a token that comes by as it did before is not worth a line.
bool Play::is_chatter(const std::string& who, const Packet& packet) {
    const auto* token = std::get_if<Token>(&packet);
    if (token == nullptr)
        return std::holds_alternative<Probe>(packet) || std::holds_alternative<Hold>(packet);
    const std::pair now(narrator_->say(packet), token->token_seq);
    const auto before = std::exchange(last_pass_[who], now);
    return !rotating_ && before.first == now.first && before.second < now.second;
}

void Play::tell_packet(const std::string& who, const Packet& packet) {
    const auto* token = std::get_if<Token>(&packet);
    const bool again = token != nullptr && last_pass_[who].second == token->token_seq;
    if (is_chatter(who, packet) || silent_ || !packets_) return;
    say(who, narrator_->say(packet) + (again ? " again" : ""));
}

void Play::tell(const Node& node, const Action& action) {
    std::visit(
        Match{[&](const Multicast& sent) { tell_packet(node.name + " => all", sent.packet); },
              [&](const Unicast& sent) {
                  const auto who = fmt::format("{} -> {}", node.name, world().name_of(sent.to));
                  if (const auto* token = std::get_if<Token>(&sent.packet))
                      passes_ += last_pass_[who].second == token->token_seq ? 0 : 1; // no copies
                  tell_packet(who, sent.packet);
              },
              [&](const Deliver& delivery) {
                  if (silent_) return;
                  const Delivery& message = delivery.message;
                  say(node.name + " deliver",
                      packets_
                          ? fmt::format("#{} {}", message.position.seq, describe(message.service))
                          : fmt::format("{} \"{}\" of {}", describe(message.service),
                                        message.payload.view(), world().name_of(message.origin)));
              },
              [&](const DeliverConfiguration& change) {
                  if (silent_) return;
                  const Configuration& shown = change.configuration;
                  say(node.name + " is in",
                      fmt::format("{} [{}]",
                                  shown.kind == Configuration::Kind::regular ? "regular"
                                                                             : "transitional",
                                  narrator_->names(shown.members)));
              },
              [&](const Left&) { say(node.name, "left"); },
              [&](const Broken& broken) { say(node.name, "broken: " + broken.why); },
              [](const auto&) {}},
        action);
}

void Play::rotate() {
    std::size_t members = 0;
    for (const char* name : {"A", "B", "C", "D", "E", "F", "G", "H"})
        if (world().node(name).processor != nullptr) ++members;
    const std::size_t until = passes_ + members;
    rotating_ = true;
    wait_for([&] { return passes_ >= until; });
    rotating_ = false;
}

bool Play::obey_wait(const std::string& what) {
    std::smatch word;
    if (std::regex_match(what, word, std::regex(R"((\d+) ms)")))
        world().run_for(std::stol(word[1]) * 1ms);
    else if (std::regex_match(what, word, std::regex(R"(for ring ([A-H ]+))")))
        wait_for([&] { return world().is_ring(word[1]); });
    else if (std::regex_match(what, word, std::regex(R"re(for ([A-H]) to deliver "(.*)")re")))
        wait_for([&] {
            const auto& messages = world().node(word[1]).shown.messages;
            return std::any_of(messages.begin(), messages.end(), [&](const Delivery& message) {
                return message.payload.view() == word[2].str();
            });
        });
    else if (std::regex_match(what, word, std::regex(R"(for ([A-H]) to install)"))) {
        const Node& node = world().node(word[1]);
        const std::size_t shown = node.shown.configurations.size();
        wait_for([&] { return node.shown.configurations.size() > shown; });
    } else
        return false;
    return true;
}

bool Play::obey(const std::string& line) {
    std::smatch word;
    const auto is = [&](const char* pattern) {
        return std::regex_match(line, word, std::regex(pattern));
    };
    if (is("the original protocol"))
        settings_.accelerated = 0;
    else if (is("the accelerated ring"))
        settings_.accelerated = 80;
    else if (is("tell everything") || is("tell stories"))
        packets_ = line == "tell everything";
    else if (is(R"(ring of ([A-H ]+))")) {
        silent_ = true;
        for (const std::string& name : World::split(word[1]))
            world().start(name);
        const std::string members = word[1];
        wait_for([&] { return world().is_ring(members); });
        bool rests = false;
        const auto observe = std::exchange(world().observe, [&](const Node&, const Action& action) {
            const auto* sent = std::get_if<Multicast>(&action);
            rests |= sent != nullptr && std::holds_alternative<Hold>(sent->packet);
        });
        wait_for([&] { return rests; });
        world().observe = observe;
        silent_ = false;
    } else if (is(R"(start ([A-H ]+))")) {
        for (const std::string& name : World::split(word[1]))
            world().start(name);
    } else if (is(R"re(([A-H]) submits (safe )?"(.*)")re"))
        (void)world().submit(word[1], word[3], word[2].matched ? Service::safe : Service::agreed);
    else if (is("lose nothing"))
        losses_.clear();
    else if (is(R"(lose (the next (\d+ )?|all )(\w+)( from ([A-H]))?( to ([A-H]))?)"))
        losses_.push_back({.kind = kind_of(word[3]),
                           .from = word[5],
                           .to = word[7],
                           .left = word[1] == "all " ? -1
                                   : word[2].matched ? std::stoi(word[2])
                                                     : 1});
    else if (is("rotate"))
        rotate();
    else if (is(R"(wait (.*))"))
        return obey_wait(word[1]);
    else if (is(R"(crash ([A-H]))"))
        world().crash(word[1]);
    else if (is(R"(pause ([A-H]))"))
        world().pause(word[1]);
    else if (is(R"(resume ([A-H]))"))
        world().resume(word[1]);
    else if (is(R"(([A-H]) leaves)"))
        world().tell(word[1], LeaveRequested{});
    else if (is(R"(([A-H]) cannot reach ([A-H]))"))
        world().tell(word[1], PeerUnreachable{world().node(word[2]).id.node});
    else if (is(R"(cut ([A-H ]+)\|([A-H ]+)(\|([A-H ]+))?)")) {
        std::vector<std::string> groups{word[1], word[2]};
        if (word[4].matched) groups.push_back(word[4]);
        world().cut(groups);
    } else if (is("heal"))
        world().heal();
    else
        return false;
    return true;
}

} // namespace

std::string play(const std::string& text) { return Play().perform(text); }

} // namespace membership::testing
