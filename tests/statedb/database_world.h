// Disks of a few nodes as the database service sees them: each content with its version, written
// when the test lets it be. A crash loses what was not written.
#pragma once

#include "statedb/databases.h"

#include <string>

#include "order_in_hand.h"

namespace statedb::test {

inline const std::string sequence_number{"__db_sequence_number__", 23};

// A value as clients build it: 24 bytes of header, then the data.
inline Bytes value(std::uint64_t rsn, std::string_view data) {
    std::string bytes(24, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        bytes[i] = static_cast<char>(rsn >> (8 * i));
    return Bytes::copy_of(bytes + std::string{data});
}

inline Bytes number(std::uint64_t rsn, std::uint64_t sequence) {
    std::string data(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        data[i] = static_cast<char>(sequence >> (8 * i));
    return value(rsn, data);
}

inline std::string data_at(const Content& content, const std::string& key) {
    const auto at = content.find(key);
    return at == content.end() ? "-" : std::string{at->second.view().substr(24)};
}

class DatabaseWorld {
public:
    struct File {
        std::string name;
        DatabaseKind kind = DatabaseKind::is_volatile;
        Version version;
        Content content;
    };

    struct Machine {
        std::map<DatabaseId, File> disk; // what is durable
        std::deque<DatabaseEffect> effects;
        std::vector<std::uint64_t> attached, detached, committed;
        std::map<std::uint64_t, std::string> refused; // ticket -> why
        bool disk_works = true;
    };

    // A life of a node; it finds what the former life's disk has, volatile files excepted.
    void add(ProcessorId who, std::map<DatabaseId, File> disk = {}, bool direct = false) {
        order.add(who, who, direct);
        std::erase_if(disk,
                      [](const auto& f) { return f.second.kind != DatabaseKind::is_persistent; });
        for (const auto& [id, file] : disk)
            databases(who).loaded(id, file.name, file.kind, file.version, file.content);
        machines[who].disk = std::move(disk);
    }

    Databases& databases(ProcessorId who) { return order[who].machine; }

    void attach(ProcessorId who,
                DatabaseId id,
                const std::string& name,
                DatabaseKind kind,
                std::uint64_t ticket) {
        databases(who).attach(id, name, kind, ticket, order[who]);
    }

    // What a client does: one record and the sequence number, both one higher than it reads.
    void commit(ProcessorId who,
                DatabaseId id,
                const std::string& key,
                const std::string& data,
                std::uint64_t ticket) {
        const Content& now = machines[who].disk[id].content;
        const auto rsn = [&](const std::string& of) {
            const auto at = now.find(of);
            return at == now.end() ? 0 : static_cast<std::uint64_t>(at->second.data()[0]);
        };
        const std::string read = data_at(now, sequence_number);
        const std::uint64_t sequence = read == "-" ? 0 : static_cast<std::uint8_t>(read[0]);
        databases(who).commit(id,
                              {{key, value(rsn(key) + 1, data)},
                               {sequence_number, number(rsn(sequence_number) + 1, sequence + 1)}},
                              ticket, order[who]);
    }

    bool carry_out(ProcessorId who) {
        for (DatabaseEffect& effect : databases(who).take_effects())
            machines[who].effects.push_back(std::move(effect));
        Machine& machine = machines[who];
        if (machine.effects.empty() || !machine.disk_works) return false;
        const DatabaseEffect effect = machine.effects.front();
        machine.effects.pop_front();
        std::visit([&](const auto& known) { perform(who, machine, known); }, effect);
        return true;
    }

    void settle() {
        for (bool busy = true; busy;) {
            busy = order.order_one_round();
            for (const ProcessorId who : order.members)
                while (carry_out(who))
                    busy = true;
        }
    }

    // What `who` has said past the order since it was last asked, and to whom.
    std::vector<DirectMessage> said(ProcessorId who) { return databases(who).take_messages(); }

    void arrive(ProcessorId from, const DirectMessage& message) {
        databases(message.to).arrived(from, message.content);
    }

    void pass(Duration time) {
        order.now += time;
        for (const auto& [who, machine] : machines)
            databases(who).tick(order[who]);
    }

    Order<Databases> order;
    std::map<ProcessorId, Machine> machines;

private:
    void perform(ProcessorId, Machine& machine, const Open& open) {
        File& file = machine.disk[open.id];
        file.name = open.name;
        file.kind = open.kind;
    }

    void perform(ProcessorId, Machine& machine, const Close& close) {
        machine.disk.erase(close.id);
    }

    void perform(ProcessorId who, Machine& machine, const Apply& apply) {
        for (const Write& write : apply.writes)
            machine.disk[apply.id].content[write.key] = write.value;
        done(who, machine, apply.id, apply.version);
    }

    void perform(ProcessorId who, Machine& machine, const Replace& replace) {
        machine.disk[replace.id].content = replace.content;
        done(who, machine, replace.id, replace.version);
    }

    void perform(ProcessorId who, Machine& machine, const Confirm& confirm) {
        done(who, machine, confirm.id, confirm.version);
    }

    void done(ProcessorId who, Machine& machine, DatabaseId id, Version version) {
        machine.disk[id].version = version;
        databases(who).durable(id, version, order[who]);
    }

    void perform(ProcessorId, Machine& machine, const Attached& a) {
        machine.attached.push_back(a.ticket);
    }

    void perform(ProcessorId, Machine& machine, const AttachRefused& a) {
        machine.refused[a.ticket] = a.why;
    }

    void perform(ProcessorId, Machine& machine, const Detached& d) {
        machine.detached.push_back(d.ticket);
    }

    void perform(ProcessorId, Machine& machine, const DetachRefused& d) {
        machine.refused[d.ticket] = d.why;
    }

    void perform(ProcessorId, Machine& machine, const Committed& c) {
        machine.committed.push_back(c.ticket);
    }

    void perform(ProcessorId, Machine& machine, const CommitRefused& c) {
        machine.refused[c.ticket] = c.why;
    }
};

} // namespace statedb::test
