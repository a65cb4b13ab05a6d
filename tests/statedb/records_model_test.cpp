// Random lives of a few nodes with two records, against the obvious: one user at a time, what was
// written last is what is read (or the newest copy that survived), and nobody waits for ever.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "record_world.h"

using namespace statedb;
using namespace statedb::test;

namespace {

constexpr Duration notice = 2s;
const std::vector<RecordName> names{{7, "a"}, {7, "b"}};

// Contents are numbered in the order in which they were written; a deletion is a negative number,
// a record that nobody has written "".
int age(const std::string& data) { return data.empty() ? 0 : std::abs(std::stoi(data)); }

class Model {
public:
    explicit Model(bool direct) : direct_(direct) {
        for (NodeId node = 1; node <= 4; ++node)
            join(processor(node));
        form();
        world.settle();
        for (const RecordName& name : names)
            allowed[name] = {""};
    }

    void step(std::uint8_t what, std::uint8_t who, std::uint8_t which) {
        const RecordName& name = names[which % names.size()];
        const std::vector<ProcessorId> here = world.order.members;
        const ProcessorId node = here[who % here.size()];
        const ProcessorId user = any_machine(who);
        switch (what % kinds) {
        case 0:
        case 1:
            world.want(node, name);
            break;
        case 2:
        case 3:
        case 4:
            if (world.order.has_submission(node)) world.order.order_next(node);
            break;
        case 5:
        case 6:
        case 7:
            world.carry_out(node);
            break;
        case 8:
            world.end_turns(node);
            break;
        case 9:
        case 10:
            use(user, name, std::to_string(++written));
            break;
        case 11:
            use(user, name, std::to_string(-++written));
            world.records(user).vacuum(std::vector{name}, world.order[user]);
            break;
        case 12:
            world.want(node, name);
            world.settle();
            break;
        case 13:
            depart(node, which);
            break;
        case 14:
            come_back(who);
            break;
        case 15:
            pass(300ms);
            break;
        case 16:
            leave(node);
            break;
        case 17:
        case 18:
            world.carry_message();
            break;
        case 19:
            pass(30ms);
            break;
        case 20:
            disturb_message(which);
            break;
        }
        check_one_user();
    }

    // Heals, lets everything end, and gives every node every record once.
    void end() {
        while (!cut.empty() || !down.empty())
            come_back(0);
        for (int i = 0; i < 8; ++i) {
            world.settle();
            pass(notice / 2);
            world.settle();
        }
        for (const ProcessorId who : world.order.members)
            RC_ASSERT(world.machines[who].waiting.empty());
        for (const RecordName& name : names)
            for (const ProcessorId who : world.order.members) {
                world.want(who, name);
                world.settle();
                RC_ASSERT(world.usable(who, name));
                use(who, name, std::to_string(++written));
            }
        RC_ASSERT(world.order.digests_agree());
    }

    static constexpr int kinds = 21; // of steps

private:
    ProcessorId any_machine(std::uint8_t number) const {
        return std::next(world.machines.begin(), number % world.machines.size())->first;
    }

    // Who is cut off has nothing to do but to freeze in its time.
    void pass(Duration time) {
        world.pass(time);
        for (const ProcessorId who : cut)
            while (world.carry_out(who)) {
            }
    }

    void join(ProcessorId who) {
        world.add(who, {.notice_period = notice, .direct = direct_});
        joining.push_back(who);
    }

    void form() {
        std::vector<ProcessorId> who = world.order.members;
        std::ranges::copy(std::exchange(joining, {}), std::back_inserter(who));
        world.order.form(who);
        RC_ASSERT(world.order.loads_ok);
    }

    // A client that may enter reads and writes.
    void use(ProcessorId who, const RecordName& name, const std::string& data) {
        if (!world.usable(who, name)) return;
        const std::string found = world.machines[who].files[name].data;
        const bool deleted = is_empty(found) && std::ranges::any_of(allowed[name], is_empty);
        RC_ASSERT(allowed[name].contains(found) || deleted);
        world.write(who, name, data);
        // What is written by one that is cut off counts only if it returns in time.
        if (std::ranges::binary_search(world.order.members, who)) allowed[name].clear();
        allowed[name].insert(data);
    }

    void depart(ProcessorId who, std::uint8_t how) {
        if (world.order.members.size() <= 2) return;
        std::vector<ProcessorId> rest = world.order.members;
        std::erase(rest, who);
        const bool is_cut = how % 3 == 0;
        if (is_cut) { // it will freeze in its time, which is shorter than the notice period
            cut.push_back(who);
            world.records(who).interrupted(world.order[who]);
            // What is on its way does not count; what is said again waits until the order goes on.
            for (std::size_t n = world.order[who].submissions.size(); n > 0; --n)
                world.order.refuse_next(who);
        } else {
            down.push_back(who);
            world.machines.erase(who);
        }
        const bool said_goodbye = how % 3 == 2;
        world.order.form(rest, said_goodbye ? std::vector{who} : std::vector<ProcessorId>{});
        for (const RecordName& name : names)
            allow_survivors(name);
    }

    // In order, so nothing is lost that was not lost before.
    void leave(ProcessorId who) {
        if (world.order.members.size() <= 2) return;
        world.records(who).retreat(world.order[who]);
        // First what others are about to say: it may make a copy of ours worth waiting for.
        world.settle();
        for (int i = 0; i < 8 && !world.records(who).retreated(); ++i) {
            pass(notice / 2);
            world.settle();
        }
        RC_ASSERT(world.records(who).retreated());
        std::vector<ProcessorId> rest = world.order.members;
        std::erase(rest, who);
        down.push_back(who);
        world.machines.erase(who);
        world.order.form(rest, {who});
    }

    void come_back(std::uint8_t who) {
        if (!cut.empty()) {
            joining.push_back(cut[who % cut.size()]);
            std::erase(cut, joining.back());
        } else if (!down.empty()) {
            const ProcessorId old = down[who % down.size()];
            std::erase(down, old);
            join({old.node, old.incarnation + 1});
        } else {
            return;
        }
        form();
    }

    struct Coming {
        std::optional<FileRecord> copy;
        bool frozen = false;
    };

    // What this machine will have of the record when all its effects are carried out.
    Coming coming(ProcessorId who, const RecordName& name) {
        world.drain(who);
        const auto& machine = world.machines[who];
        Coming result{.copy = std::nullopt, .frozen = machine.frozen};
        if (const auto at = machine.files.find(name); at != machine.files.end())
            result.copy = at->second;
        for (const RecordEffect& effect : machine.effects)
            std::visit([&](const auto& known) { foresee(known, name, result); }, effect);
        return result;
    }

    void foresee(const TakeOver& take, const RecordName& name, Coming& coming) {
        if (take.record != name) return;
        const std::string had = coming.copy ? coming.copy->data : std::string{};
        coming.copy = {.rsn = take.grant, .ours = true, .data = world.content_after(take, had)};
    }

    static void foresee(const Remove& gone, const RecordName& name, Coming& coming) {
        if (gone.record == name) coming.copy.reset();
    }

    static void foresee(const Reconcile& reconcile, const RecordName& name, Coming& coming) {
        const auto kept = std::ranges::find(reconcile.kept, name, &Reconcile::Kept::record);
        const bool keeps = coming.copy && kept != reconcile.kept.end();
        if (!keeps || coming.copy->rsn != kept->grant) coming.copy.reset();
    }

    static void foresee(const Wipe&, const RecordName&, Coming& coming) { coming.copy.reset(); }

    static void foresee(const Freeze&, const RecordName&, Coming& coming) { coming.frozen = true; }

    static void foresee(const Thaw&, const RecordName&, Coming& coming) { coming.frozen = false; }

    template <class Other>
    static void foresee(const Other&, const RecordName&, Coming&) {} // changes no copy

    // Somebody departed: the newest content that certainly survives may be found from now on, and
    // what was allowed before if anybody still has it, be it one that may come back in time.
    void allow_survivors(const RecordName& name) {
        std::set<std::string> survivors;
        std::string newest;
        for (const auto& [who, machine] : world.machines) {
            const auto [copy, frozen] = coming(who, name);
            if (!copy) continue;
            const bool present = std::ranges::binary_search(world.order.members, who);
            // Who is frozen may be about to throw away what it has.
            if (present && !frozen && age(copy->data) > age(newest)) newest = copy->data;
            survivors.insert(copy->data);
        }
        if (!world.records(world.order.members.front()).find(name)) newest = "";
        const int bound = age(newest);
        std::erase_if(allowed[name], [&](const std::string& data) {
            return age(data) < bound || (!survivors.contains(data) && !is_empty(data));
        });
        allowed[name].insert(newest);
        for (const std::string& data : survivors)
            if (age(data) > bound) allowed[name].insert(data);
    }

    void check_one_user() {
        for (const RecordName& name : names) {
            int users = 0;
            for (const auto& [who, machine] : world.machines)
                if (world.usable(who, name)) ++users;
            RC_ASSERT(users <= 1);
        }
    }

    // Lost, twice, or as late as can be.
    void disturb_message(std::uint8_t how) {
        if (world.under_way.empty()) return;
        const RecordWorld::Carried oldest = world.under_way.front();
        if (how % 3 != 1) world.under_way.pop_front();
        if (how % 3 != 0) world.under_way.push_back(oldest);
    }

    bool direct_;
    RecordWorld world;
    std::vector<ProcessorId> cut, down, joining;
    std::map<RecordName, std::set<std::string>> allowed; // what a user may find
    int written = 0;
};

struct Step {
    std::uint8_t what, who, which;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
    return out << '{' << step.what % Model::kinds << ' ' << int{step.who} << ' ' << int{step.which}
               << '}';
}

} // namespace

namespace rc {

template <>
struct Arbitrary<Step> {
    // Of any size alike: a small case is one with few steps.
    static Gen<Step> arbitrary() {
        const auto byte = gen::inRange<std::uint8_t>(0, 255);
        return gen::build<Step>(gen::set(&Step::what, byte), gen::set(&Step::who, byte),
                                gen::set(&Step::which, byte));
    }
};

} // namespace rc

TEST_CASE("whatever happens, a record has one user, who finds what was written last") {
    for (const bool direct : {false, true}) {
        CAPTURE(direct);
        CHECK(rc::check([direct] {
            const auto steps = *rc::gen::resize(400, rc::gen::arbitrary<std::vector<Step>>());
            Model model(direct);
            for (const Step& step : steps)
                model.step(step.what, step.who, step.which);
            model.end();
        }));
    }
}

TEST_CASE("who leaves while it looks whether a record is empty gives that one away, too") {
    Model model(false);
    constexpr Step found[] = {{13, 0, 0}, {12, 64, 15}, {11, 110, 15},
                              {14, 0, 0}, {9, 110, 3},  {16, 62, 0}};
    for (const Step& step : found)
        model.step(step.what, step.who, step.which);
    model.end();
}

TEST_CASE("what is found where it was about to be given away is usable there again") {
    Model model(true);
    constexpr Step found[] = {{0, 3, 0},  {12, 0, 0}, {12, 0, 0}, {0, 3, 0},
                              {17, 0, 0}, {0, 0, 0},  {13, 31, 1}};
    for (const Step& step : found)
        model.step(step.what, step.who, step.which);
    model.end();
}

TEST_CASE("what a file had before it was reconciled is not what it has") {
    Model model(true);
    constexpr Step found[] = {{13, 0, 0}, {13, 0, 1}, {12, 3, 0},  {9, 68, 0},
                              {14, 0, 0}, {0, 0, 0},  {12, 22, 0}, {13, 46, 1},
                              {14, 0, 0}, {2, 0, 0},  {13, 0, 0}};
    for (const Step& step : found)
        model.step(step.what, step.who, step.which);
    model.end();
}

TEST_CASE("a claim that is older than its sender's ownership does not say that it has the record") {
    Model model(true);
    constexpr Step found[] = {{13, 10, 1}, {16, 83, 0}, {12, 0, 3}, {0, 7, 3},
                              {12, 0, 0},  {0, 0, 3},   {9, 3, 3},  {15, 0, 0},
                              {17, 0, 0},  {19, 0, 0},  {19, 0, 0}, {2, 63, 0},
                              {5, 63, 0},  {14, 0, 0},  {13, 0, 0}, {2, 0, 0}};
    for (const Step& step : found)
        model.step(step.what, step.who, step.which);
    model.end();
}
