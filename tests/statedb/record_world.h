// The machines of a few nodes as the record service sees them: TDB files and clients, each as
// simple as can be, and an order in hand between them. Effects are carried out one at a time, when
// the test says so, those of one record in their order.
#pragma once

#include "statedb/records.h"

#include <string>

#include "order_in_hand.h"

namespace statedb::test {

constexpr ProcessorId processor(NodeId node, std::uint32_t life = 1) { return {node, life}; }

struct FileRecord {
    Grant rsn = 0;
    bool ours = false; // header.dmaster == self
    std::string data;
    bool shared = false;   // the mark that there are delegations
    bool readonly = false; // the mark of a read-only copy

    friend bool operator==(const FileRecord&, const FileRecord&) = default;
};

// Nothing, or (where a test wants to tell one emptiness from another) a minus and a number.
inline bool is_empty(const std::string& data) { return data.empty() || data.front() == '-'; }

class RecordWorld {
public:
    using Files = std::map<RecordName, FileRecord>;

    struct Machine {
        Files files;
        std::deque<RecordEffect> effects; // waiting to be carried out
        std::set<RecordName> waiting;     // local clients wait for these
        std::set<RecordName> turns;       // their turn is not over
        bool frozen = true;
        std::vector<ReadAnswer> answers;
        bool delegates = true; // its databases are such
    };

    void add(ProcessorId who, RecordSettings settings = {}) {
        settings.self = who;
        order.add(who, settings);
        machines[who];
    }

    Records& records(ProcessorId who) { return order[who].machine; }

    // A local client finds the record not ours and asks.
    void want(ProcessorId who, const RecordName& record) {
        machines[who].waiting.insert(record);
        records(who).want(record, order[who]);
    }

    // A client that may enter writes.
    bool write(ProcessorId who, const RecordName& record, const std::string& data) {
        if (!usable(who, record)) return false;
        machines[who].files[record].data = data;
        return true;
    }

    // Makes this machine the user of the record, with this content.
    void give(ProcessorId who, const RecordName& record, const std::string& data) {
        want(who, record);
        settle();
        check(write(who, record, data), "who waits for a record gets it");
    }

    [[nodiscard]] bool usable(ProcessorId who, const RecordName& record) const {
        const Machine& machine = machines.at(who);
        const auto at = machine.files.find(record);
        return !machine.frozen && at != machine.files.end() && at->second.ours &&
               !at->second.shared;
    }

    // Clients may read what is here.
    [[nodiscard]] bool readable(ProcessorId who, const RecordName& record) const {
        const Machine& machine = machines.at(who);
        const auto at = machine.files.find(record);
        return !machine.frozen && at != machine.files.end() &&
               (at->second.ours || at->second.readonly);
    }

    void drain(ProcessorId who) {
        for (RecordEffect& effect : records(who).take_effects())
            machines[who].effects.push_back(std::move(effect));
        for (DirectMessage& message : records(who).take_messages())
            under_way.push_back({who, message.to, std::move(message.content)});
    }

    // A message past the order, as it was sent. It goes on being under way only if it is kept.
    struct Carried {
        ProcessorId from, to;
        Bytes content;
    };

    void arrive(const Carried& message) {
        if (!machines.contains(message.to)) return;
        records(message.to).arrived(message.from, message.content, order[message.to]);
        drain(message.to);
    }

    // The oldest one that is under way. Whether there was one.
    bool carry_message() {
        for (const auto& [who, machine] : machines)
            drain(who);
        if (under_way.empty()) return false;
        const Carried message = std::move(under_way.front());
        under_way.pop_front();
        arrive(message);
        return true;
    }

    // Carries out the oldest effect of one machine. Whether there was one.
    bool carry_out(ProcessorId who) {
        drain(who);
        Machine& machine = machines[who];
        if (machine.effects.empty()) return false;
        const RecordEffect effect = machine.effects.front();
        machine.effects.pop_front();
        std::visit([&](const auto& known) { perform(who, machine, known); }, effect);
        drain(who);
        return true;
    }

    void end_turns(ProcessorId who) {
        for (const RecordName& record : std::exchange(machines[who].turns, {}))
            records(who).turn_over(record, order[who]);
        drain(who);
    }

    // Until nothing happens any more but by time.
    void settle() {
        for (bool busy = true; busy;) {
            busy = order.order_one_round();
            while (carry_message())
                busy = true;
            for (const ProcessorId who : order.members) {
                while (carry_out(who))
                    busy = true;
                if (!machines[who].turns.empty()) {
                    busy = true;
                    end_turns(who);
                }
            }
        }
    }

    // Time goes by, and nobody is paused meanwhile.
    void pass(Duration time) {
        while (time > Duration{}) {
            const Duration step = std::min<Duration>(time, 100ms);
            time -= step;
            order.now += step;
            for (const auto& [who, machine] : machines)
                records(who).tick(order[who]);
        }
    }

    // What the file will hold; `had`: what it holds.
    std::string content_after(const TakeOver& take, const std::string& had) {
        if (take.source == TakeOver::Source::fresh) return {};
        if (take.source == TakeOver::Source::own_copy) return had;
        return take.data.empty() ? emptied_[take.record] : std::string{take.data.view()};
    }

    Order<Records> order;
    std::map<ProcessorId, Machine> machines;
    std::deque<Carried> under_way;

private:
    void answer(Machine& machine, const RecordName& record) {
        if (machine.waiting.erase(record) != 0) machine.turns.insert(record);
    }

    void perform(ProcessorId who, Machine& machine, const TakeOver& take) {
        FileRecord& file = machine.files[take.record];
        file.rsn = take.grant;
        file.ours = true;
        file.data = content_after(take, file.data);
        file.shared = file.readonly = false;
        answer(machine, take.record);
        machine.turns.insert(take.record);
        (void)who;
    }

    void perform(ProcessorId who, Machine& machine, const GiveAway& give) {
        const auto at = machine.files.find(give.record);
        std::optional<Bytes> data;
        if (at != machine.files.end() && at->second.ours) {
            at->second.ours = at->second.shared = false;
            data = Bytes::copy_of(at->second.data);
        }
        records(who).handed_off(give.record, give.grant, data, order[who]);
    }

    void perform(ProcessorId who, Machine& machine, const Retire& retire) {
        const auto at = machine.files.find(retire.record);
        const bool empty =
            at != machine.files.end() && at->second.ours && is_empty(at->second.data);
        if (empty) {
            at->second.ours = false;
            emptied_[retire.record] = at->second.data;
        }
        records(who).retired(retire.record, retire.grant, empty, order[who]);
    }

    void perform(ProcessorId who, Machine& machine, const PartWith& part) {
        std::vector<Records::Parted> parted;
        for (const auto& [name, grant] : part.records) {
            const auto at = machine.files.find(name);
            const bool ours = at != machine.files.end() && at->second.ours;
            parted.push_back({name, grant, std::nullopt});
            if (!ours) continue;
            at->second.ours = at->second.shared = false;
            parted.back().data = Bytes::copy_of(at->second.data);
        }
        records(who).parted(std::move(parted), order[who]);
    }

    void perform(ProcessorId, Machine& machine, const Remove& remove) {
        machine.files.erase(remove.record);
    }

    void perform(ProcessorId who, Machine& machine, const Ready& ready) {
        if (usable(who, ready.record)) answer(machine, ready.record);
    }

    void perform(ProcessorId who, Machine& machine, const ReadLocal& read) {
        const auto at = machine.files.find(read.record);
        const bool has_it = at != machine.files.end() && at->second.rsn == read.grant;
        records(who).read_local(
            read, has_it ? std::optional(Bytes::copy_of(at->second.data)) : std::nullopt,
            order[who]);
    }

    void perform(ProcessorId who, Machine& machine, const Share& share) {
        const auto at = machine.files.find(share.record);
        const bool has_it = at != machine.files.end() && at->second.rsn == share.grant;
        const bool delegable =
            has_it && machine.delegates && at->second.ours && !is_empty(at->second.data);
        if (delegable) at->second.shared = true;
        records(who).shared(share,
                            has_it ? std::optional(Bytes::copy_of(at->second.data)) : std::nullopt,
                            delegable, order[who]);
    }

    void perform(ProcessorId, Machine& machine, const KeepCopy& keep) {
        machine.files[keep.record] = {keep.grant, false, std::string{keep.data.view()}, false,
                                      true};
        if (keep.ticket != 0) machine.answers.push_back({keep.ticket, keep.data});
    }

    void perform(ProcessorId who, Machine& machine, const DropCopy& drop) {
        const auto at = machine.files.find(drop.record);
        if (at != machine.files.end()) at->second.readonly = false;
        records(who).copy_dropped(drop.record, drop.grant, order[who]);
    }

    void perform(ProcessorId, Machine& machine, const ReadAnswer& answer_to) {
        machine.answers.push_back(answer_to);
    }

    void perform(ProcessorId who, Machine& machine, const Report& report) {
        std::vector<Records::Copy> copies;
        for (const RecordName& record : report.records) {
            const auto at = machine.files.find(record);
            copies.push_back(
                {record, at == machine.files.end() ? std::nullopt : std::optional{at->second.rsn}});
        }
        records(who).copies(copies, order[who]);
    }

    void perform(ProcessorId who, Machine& machine, const Reconcile& reconcile) {
        Files kept;
        std::vector<RecordName> missing;
        for (const Reconcile::Kept& keep : reconcile.kept) {
            const auto at = machine.files.find(keep.record);
            const bool current = at != machine.files.end() && at->second.rsn == keep.grant;
            if (!current) missing.push_back(keep.record);
            if (at != machine.files.end())
                kept[keep.record] = {at->second.rsn, keep.ours && current, at->second.data,
                                     keep.shared, false};
        }
        machine.files = std::move(kept);
        records(who).reconciled(missing, order[who]);
        for (const RecordName& record : std::set<RecordName>{machine.waiting}) {
            const auto at = machine.files.find(record);
            if (at != machine.files.end() && at->second.ours && !at->second.shared)
                answer(machine, record);
            else
                records(who).want(record, order[who]);
        }
    }

    void perform(ProcessorId, Machine& machine, const Wipe& wipe) {
        std::erase_if(machine.files,
                      [&](const auto& item) { return !wipe.db || item.first.db == *wipe.db; });
    }

    void perform(ProcessorId, Machine& machine, const Freeze&) { machine.frozen = true; }

    void perform(ProcessorId, Machine& machine, const Thaw&) { machine.frozen = false; }

    // Retired in vain, an empty record is shipped without its number, which then is found here.
    std::map<RecordName, std::string> emptied_;
};

// These have formed a component, and nothing is under way.
inline RecordWorld component_of(const std::vector<ProcessorId>& members,
                                const RecordSettings& settings) {
    RecordWorld world;
    for (const ProcessorId who : members)
        world.add(who, settings);
    world.order.form(members);
    world.settle();
    return world;
}

} // namespace statedb::test
