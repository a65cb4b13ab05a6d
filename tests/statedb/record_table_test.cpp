// The entries of a directory against the obvious.
#include "statedb/record_table.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

using namespace statedb;

namespace {

constexpr ProcessorId a{1, 1}, b{2, 1};

struct Obvious {
    Standing standing;
    Grant grant = 0;
};

using Model = std::map<RecordName, Obvious>;

void check_equal(const RecordTable& table, const Model& model) {
    RC_ASSERT(table.size() == model.size());
    auto at = model.begin();
    table.each([&](const RecordEntry& entry) {
        RC_ASSERT(entry.name() == at->first);
        RC_ASSERT(entry.standing() == at->second.standing);
        RC_ASSERT(entry.grant() == at->second.grant);
        RC_ASSERT(table.find(at->first) == &entry);
        ++at;
    });
    std::size_t listed = 0;
    for (const auto& [standing, estate] : table.estates()) {
        RC_ASSERT(standing == estate.standing);
        for (const RecordEntry& entry : estate.entries)
            RC_ASSERT(entry.standing() == standing);
        listed += estate.entries.size();
    }
    RC_ASSERT(listed == model.size());
    // Whatever happened on the way here.
    RecordTable anew;
    for (auto other = model.rbegin(); other != model.rend(); ++other)
        anew.create(other->first, other->second.standing, other->second.grant);
    RC_ASSERT(anew.digest() == table.digest());
}

} // namespace

TEST_CASE("entries are found by name, and listed with those of the same standing") {
    CHECK(rc::check([] {
        RecordTable table;
        Model model;
        std::uint64_t epoch = 0;
        const int steps = *rc::gen::inRange(0, 200);
        for (int i = 0; i < steps; ++i) {
            const auto number = *rc::gen::inRange(0, 12);
            const RecordName name{static_cast<DatabaseId>(number % 2),
                                  std::string(static_cast<std::size_t>(number / 2), 'k')};
            const Standing standing{*rc::gen::element(a, b), 0};
            const auto grant = *rc::gen::inRange<Grant>(1, 100);
            RecordEntry* const entry = table.find(name);
            RC_ASSERT((entry != nullptr) == model.contains(name));
            switch (*rc::gen::inRange(0, 4)) {
            case 0:
            case 1:
                if (entry == nullptr)
                    table.create(name, standing, grant);
                else
                    table.change(*entry, standing, grant);
                model[name] = {standing, grant};
                break;
            case 2:
                if (entry != nullptr) table.erase(*entry);
                model.erase(name);
                break;
            case 3:
                table.forget_empty_estates();
                table.rename(standing, {standing.owner, ++epoch});
                for (auto& [other, known] : model)
                    if (known.standing == standing) known.standing.departed = epoch;
                break;
            }
            check_equal(table, model);
        }
    }));
}

TEST_CASE("the records of a database are found among those of others") {
    RecordTable table;
    for (const RecordName& name : {RecordName{6, "z"}, {7, ""}, {7, "b"}, {7, "a"}, {8, ""}})
        table.create(name, {a}, 1);
    CHECK(table.of_database(7) == std::vector<RecordName>{{7, ""}, {7, "a"}, {7, "b"}});
    CHECK(table.of_database(9).empty());
    CHECK_FALSE(table.find({6, "b"}));
}
