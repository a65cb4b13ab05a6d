#include "sim/trace.h"

#include <fmt/format.h>

#include <iterator>

namespace sim::trace {

namespace {

using fmt::format_to;

auto into(std::string& out) { return std::back_inserter(out); }

void append_string(std::string_view text, std::string& out) {
    out += '"';
    for (const char letter : text) {
        const auto byte = static_cast<unsigned char>(letter);
        if (letter == '"' || letter == '\\') {
            out += '\\';
            out += letter;
        } else if (byte < 0x20) {
            format_to(into(out), "\\u{:04x}", byte);
        } else {
            out += letter;
        }
    }
    out += '"';
}

void append_key(std::string_view key, std::string_view text, std::string& out) {
    format_to(into(out), ",\"{}\":", key);
    append_string(text, out);
}

void append_ring(std::string_view key, const RingName& ring, std::string& out) {
    format_to(into(out), ",\"{}\":\"{}.{}\"", key, ring.seq, ring.representative);
}

void append_members(const Members& members, std::string& out) {
    format_to(into(out), ",\"members\":[{}]", fmt::join(members, ","));
}

void append_name(const MessageName& name, Service guarantee, std::string& out) {
    format_to(into(out), ",\"message\":\"{}.{}.{}\",\"guarantee\":\"{}\"", name.sender.node,
              name.sender.life, name.count, guarantee == Service::safe ? "safe" : "agreed");
}

template <class Placed>
void append_placed(const Placed& placed, std::string& out) {
    append_name(placed.message, placed.guarantee, out);
    append_ring("ring", placed.ring, out);
    format_to(into(out), ",\"position\":[{},{}]", placed.position.seq.value, placed.position.index);
}

void append_writes(const std::map<std::string, std::string>& writes, std::string& out) {
    out += ",\"writes\":{";
    for (bool first = true; const auto& [key, value] : writes) {
        if (!std::exchange(first, false)) out += ',';
        append_string(key, out);
        out += ':';
        append_string(value, out);
    }
    out += '}';
}

// An event's name and its own keys.
struct Keys {
    std::string& out;

    void name(std::string_view event) const { format_to(into(out), "\"{}\"", event); }

    void operator()(const Start&) const { name("start"); }

    void operator()(const Crash&) const { name("crash"); }

    void operator()(const End&) const { name("end"); }

    void operator()(const Heal& heal) const {
        name("heal");
        append_members(heal.members, out);
        format_to(into(out), ",\"bound\":{}", heal.bound.count());
    }

    void operator()(const Regular& regular) const {
        name("regular");
        append_ring("ring", regular.ring, out);
        append_members(regular.members, out);
        format_to(into(out), ",\"primary\":{}", regular.primary);
    }

    void operator()(const Transitional& transitional) const {
        name("transitional");
        append_ring("ring", transitional.ring, out);
        append_ring("from", transitional.from, out);
        append_members(transitional.members, out);
    }

    void operator()(const Submit& submit) const {
        name("submit");
        append_name(submit.message, submit.guarantee, out);
        format_to(into(out), ",\"size\":{}", submit.size);
    }

    void operator()(const Originate& originate) const {
        name("originate");
        append_placed(originate, out);
    }

    void operator()(const Deliver& deliver) const {
        name("deliver");
        append_placed(deliver, out);
    }

    template <class Record>
    void record(std::string_view event, const Record& it) const {
        name(event);
        append_key("db", it.db, out);
        append_key("key", it.key, out);
        append_key("client", it.client, out);
    }

    void operator()(const Lock& lock) const { record("lock", lock); }

    void operator()(const Unlock& unlock) const { record("unlock", unlock); }

    void operator()(const Value& value) const {
        record("value", value);
        append_key("read", value.read, out);
    }

    void operator()(const Store& store) const {
        record("store", store);
        append_key("wrote", store.wrote, out);
    }

    void operator()(const Commit& commit) const {
        name("commit");
        append_key("db", commit.db, out);
        append_key("client", commit.client, out);
        format_to(into(out), ",\"sequence\":{}", commit.sequence);
        append_writes(commit.writes, out);
    }

    void operator()(const Applied& applied) const {
        name("applied");
        append_key("db", applied.db, out);
        format_to(into(out), ",\"sequence\":{}", applied.sequence);
        append_key("digest", applied.digest, out);
    }
};

} // namespace

void append_json(const Event& event, std::string& out) {
    // Node 0 does not exist: it stands for the simulator itself, which traces write as -1.
    format_to(into(out),
              "{{\"t\":{},\"node\":{},\"life\":{},\"event\":", event.at.time_since_epoch().count(),
              event.who.node == 0 ? std::int64_t{-1} : std::int64_t{event.who.node},
              event.who.life);
    std::visit(Keys{out}, event.body);
    out += "}\n";
}

std::string describe(const Life& who) { return fmt::format("{}.{}", who.node, who.life); }

std::string describe(const RingName& ring) {
    return fmt::format("{}.{}", ring.seq, ring.representative);
}

std::string describe(const MessageName& name) {
    return fmt::format("{}.{}", describe(name.sender), name.count);
}

std::string describe(const Members& members) {
    return fmt::format("{{{}}}", fmt::join(members, ","));
}

std::string describe(const Position& position) {
    return fmt::format("{}:{}", position.seq.value, position.index);
}

std::string describe(const Event& event) {
    std::string line;
    append_json(event, line);
    line.pop_back();
    return line;
}

} // namespace sim::trace
