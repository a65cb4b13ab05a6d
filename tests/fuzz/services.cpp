// The replicated services, each on three members that see one order: whatever is asked, ordered,
// refused, lost with a member or written by a member gone mad, their states stay equal, and a state
// that is saved and loaded is the same state. The first byte chooses the service.
#include "statedb/databases.h"
#include "statedb/locks.h"
#include "statedb/records.h"
#include "tests/fuzz/input.h"
#include "tests/statedb/order_in_hand.h"

namespace {

using namespace fuzz;
using namespace statedb;

constexpr std::array<ProcessorId, 3> everybody = {{{1, 1}, {2, 1}, {3, 1}}};

RecordName record(Input& in) {
    return {.db = in.byte() % 2U, .key = std::string(1, static_cast<char>('a' + in.byte() % 4))};
}

// -- what local clients ask for, and how the world answers

void ask(Input& in, Locks& locks, Outbox& out) {
    if (in.coin())
        (void)locks.claim(std::string(1, static_cast<char>('a' + in.byte() % 3)), out);
    else
        locks.release(in.number(0, 5), out);
    (void)locks.take_effects();
}

void answer(Input& in, Records& records, Outbox& out, const RecordEffect& effect) {
    const auto maybe = [&in]() -> std::optional<Bytes> {
        if (in.coin()) return std::nullopt;
        return in.some_bytes(8);
    };
    if (const auto* take = std::get_if<TakeOver>(&effect)) records.turn_over(take->record, out);
    if (const auto* give = std::get_if<GiveAway>(&effect))
        records.handed_off(give->record, give->grant, maybe(), out);
    if (const auto* retire = std::get_if<Retire>(&effect))
        records.retired(retire->record, retire->grant, in.coin(), out);
    if (const auto* read = std::get_if<ReadLocal>(&effect))
        records.read_local(*read, in.some_bytes(8), out);
    if (const auto* share = std::get_if<Share>(&effect)) {
        const bool delegable = in.coin();
        records.shared(*share, delegable ? std::optional(in.some_bytes(8)) : maybe(), delegable,
                       out);
    }
    if (const auto* drop = std::get_if<DropCopy>(&effect))
        records.copy_dropped(drop->record, drop->grant, out);
    if (const auto* report = std::get_if<Report>(&effect)) {
        std::vector<Records::Copy> copies;
        for (const RecordName& wanted : report->records)
            copies.push_back({wanted, in.coin() ? std::optional<Grant>(in.byte()) : std::nullopt});
        records.copies(copies, out);
    }
    if (const auto* part = std::get_if<PartWith>(&effect)) {
        std::vector<Records::Parted> parted;
        for (const auto& [name, grant] : part->records)
            parted.push_back({name, grant, maybe()});
        records.parted(std::move(parted), out);
    }
    if (const auto* reconcile = std::get_if<Reconcile>(&effect)) {
        std::vector<RecordName> missing;
        for (const auto& kept : reconcile->kept)
            if (in.coin()) missing.push_back(kept.record);
        records.reconciled(missing, out);
    }
}

void ask(Input& in, Records& records, Outbox& out) {
    switch (in.number(0, 7)) {
    case 0:
    case 1:
        records.want(record(in), out);
        break;
    case 2:
        records.unwant(record(in));
        break;
    case 3:
        if (in.coin())
            records.read(record(in), in.byte(), out);
        else
            records.read_and_keep(record(in), in.byte(), out);
        break;
    case 4: {
        const std::array<RecordName, 2> candidates = {record(in), record(in)};
        records.vacuum(candidates, out);
        break;
    }
    case 5:
        if (in.chance(32)) records.drop(in.byte() % 2U, out);
        break;
    case 6:
        records.tick(out);
        break;
    default:
        if (in.chance(32))
            records.retreat(out);
        else
            records.interrupted(out);
    }
    // Effects are carried out, or never: a disk may hang for as long as it likes.
    for (const RecordEffect& effect : records.take_effects()) {
        check(!describe(effect).empty(), "an effect can be told");
        if (!in.chance(48)) answer(in, records, out, effect);
    }
}

void ask(Input& in, Databases& databases, Outbox& out) {
    const DatabaseId id = in.number(1, 3);
    switch (in.number(0, 4)) {
    case 0:
        databases.attach(id, "db" + std::to_string(id), static_cast<DatabaseKind>(in.byte() % 3),
                         in.byte(), out);
        break;
    case 1:
        databases.detach(id, in.byte(), out);
        break;
    case 2:
    case 3: {
        std::vector<Write> writes(in.number(0, 2));
        for (Write& write : writes)
            write = {in.text(2), in.some_bytes(40)};
        databases.commit(id, std::move(writes), in.byte(), out);
        break;
    }
    default:
        databases.settle(out);
    }
    for (const DatabaseEffect& effect : databases.take_effects()) {
        check(!describe(effect).empty(), "an effect can be told");
        const auto stored = [&](const auto* apply) {
            if (apply != nullptr && !in.chance(32))
                databases.durable(apply->id, apply->version, out);
        };
        stored(std::get_if<Apply>(&effect));
        stored(std::get_if<Replace>(&effect));
        stored(std::get_if<Confirm>(&effect));
    }
    // Past the order: lost, or anything at all from anybody.
    (void)databases.take_messages();
    if (in.chance(32)) databases.arrived(in.one_of(everybody), in.some_bytes(30));
}

// -- the order

template <class Machine>
class Harness {
public:
    template <class MakeMember>
    Harness(Input& in, MakeMember make) : in_(in), make_(make) {
        for (const ProcessorId id : everybody)
            make_(order_, id);
        order_.form({everybody.begin(), everybody.end()});
    }

    void run() {
        for (int step = 0; step < 500 && !in_.at_end(); ++step) {
            once();
            if (mad_) continue;
            check(order_.loads_ok, "what a member saved another one loads");
            check(order_.digests_agree(), "one order, one state");
        }
        copy_is_equal();
    }

private:
    ProcessorId member() { return order_.members[in_.number(0, order_.members.size() - 1)]; }

    void once() {
        const ProcessorId who = member();
        switch (in_.number(0, 11)) {
        case 0:
            return form();
        case 1:
            return hostile(who);
        case 2:
            if (order_.has_submission(who)) order_.refuse_next(who);
            return;
        case 3:
            order_.now += std::chrono::milliseconds(in_.number(0, 4000));
            return;
        case 4:
            load_anything();
            return;
        case 5:
        case 6:
        case 7:
            if (order_.has_submission(who)) order_.order_next(who);
            return;
        default:
            ask(in_, order_[who].machine, order_[who]);
        }
    }

    // Some of the members go, or come back. Whoever goes is told that it is alone.
    void form() {
        std::vector<ProcessorId> who;
        for (const ProcessorId id : everybody)
            if (in_.coin()) who.push_back(id);
        if (who.empty()) who.push_back(everybody.front());
        for (const ProcessorId id : order_.members)
            if (!std::ranges::binary_search(who, id)) order_.cut_off(id);
        order_.form(std::move(who));
    }

    // A command that no member's service writes, or another's once more. From a stranger it makes
    // no difference between members. A member gone mad may say of its own state what is not true,
    // and the others believe it: the comparison of digests finds that (statedb/digests.h), not we.
    void hostile(ProcessorId who) {
        Bytes payload = in_.some_bytes(60);
        if (order_.has_submission(who) && in_.coin())
            payload = order_[who].submissions.front().payload;
        const bool stranger = in_.coin();
        const ProcessorId sender = stranger ? ProcessorId{9, 9} : in_.one_of(everybody);
        mad_ = mad_ || !stranger;
        const Command command{sender, ++order_.applied, payload};
        for (const ProcessorId id : order_.members)
            order_[id].machine.apply(command, order_[id]);
    }

    // Refused, or a state like any other: it can be saved again.
    void load_anything() {
        test::Order<Machine> elsewhere;
        auto& node = make_(elsewhere, {9, 1});
        Bytes state = in_.some_bytes(80);
        if (in_.coin()) {
            std::string spoilt(order_[member()].machine.save({}).view());
            if (!spoilt.empty()) spoilt[in_.number(0, spoilt.size() - 1)] ^= char(in_.byte());
            state = Bytes::copy_of(spoilt);
        }
        if (!node.machine.load(state, node)) return;
        auto& other = make_(elsewhere, {8, 1});
        check(other.machine.load(node.machine.save({}), other), "what was accepted can be saved");
    }

    void copy_is_equal() {
        if (!order_[member()].machine.needs_quorum()) return;
        test::Order<Machine> elsewhere;
        auto& copy = make_(elsewhere, {9, 1});
        const Machine& original = order_[member()].machine;
        check(copy.machine.load(original.save({.member = {9, 1}}), copy), "a state can be loaded");
        check(copy.machine.digest() == original.digest(), "what was loaded is what was saved");
    }

    Input& in_;
    bool mad_ = false; // a member is
    std::function<test::Member<Machine>&(test::Order<Machine>&, ProcessorId)> make_;
    test::Order<Machine> order_;
};

template <class Machine>
void run(Input& in) {
    Harness<Machine>(in, [](test::Order<Machine>& order, ProcessorId id) -> test::Member<Machine>& {
        if constexpr (std::is_same_v<Machine, Records>)
            return order.add(id, RecordSettings{.self = id});
        else if constexpr (std::is_same_v<Machine, Databases>)
            return order.add(id, id, true);
        else
            return order.add(id, id);
    }).run();
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    switch (in.byte() % 3) {
    case 0:
        run<Locks>(in);
        break;
    case 1:
        run<Records>(in);
        break;
    default:
        run<Databases>(in);
    }
    return 0;
}
