#include "sim/records/database_judge.h"

#include "sim/records/datum.h"
#include "statedb/digest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace sim::records {

namespace {

constexpr std::size_t header_size = 24;

std::string describe(const TransactionName& name) {
    return fmt::format("transaction {} of {}", name.number, name.client);
}

} // namespace

const std::string& sequence_key() {
    static const std::string key{"__db_sequence_number__", 23}; // with its NUL
    return key;
}

std::string_view text_of(const Bytes& value) {
    return value.size() < header_size ? std::string_view{} : value.view().substr(header_size);
}

ContentName name_of(const Content& content) {
    ContentName name;
    Digest digest;
    for (const auto& [key, value] : content)
        digest.add(key).add(value.view());
    name.digest = digest.value();
    if (const auto at = content.find(sequence_key()); at != content.end())
        std::memcpy(&name.sequence, text_of(at->second).data(), sizeof name.sequence);
    return name;
}

// Whether it is acknowledged, or everything that is is in it.
bool DatabaseJudge::grows_from_trunk(const Tree& tree, ContentName content) {
    if (tree.trunk.empty()) return true;
    while (true) {
        const auto same_height = tree.trunk.find(content.sequence);
        if (same_height != tree.trunk.end()) return same_height->second == content.digest;
        const auto parent = tree.parents.find(content);
        if (parent == tree.parents.end()) return content.sequence < tree.trunk.begin()->first;
        content = parent->second;
    }
}

// The first that acts in a ring has been in the epoch before, or begins one; who loads the state
// comes later.
void DatabaseJudge::takes_part(NodeId node, const RingId& ring, bool active, bool begins) {
    const auto known = eras_.find(ring);
    if (known != eras_.end()) {
        era_of_[node] = known->second;
    } else if (active || begins) {
        if (begins) era_of_[node] = ++last_era_;
        eras_[ring] = era_of_[node];
    }
}

void DatabaseJudge::keep_to_line(Surroundings& at, Tree& tree, const ContentName& content) const {
    const auto era = era_of_.find(at.self().node);
    if (era == era_of_.end()) return;
    const auto [known, is_first] =
        tree.lines.try_emplace({era->second, content.sequence}, content.digest);
    if (!is_first && known->second != content.digest)
        at.violated("one line", fmt::format("its content with sequence number {} is another than "
                                            "that which a member decided on in this epoch",
                                            content.sequence));
}

void DatabaseJudge::decided(Surroundings& at,
                            DatabaseId db,
                            const Content& before,
                            const Content& after,
                            const std::vector<statedb::Write>& writes) {
    Tree& tree = trees_[db];
    const ContentName old = name_of(before), now = name_of(after);
    if (!writes.empty()) {
        tree.parents.try_emplace(now, old);
        if (now.sequence != old.sequence + 1)
            at.violated("lost update",
                        fmt::format("sequence number {} follows {}", now.sequence, old.sequence));
    }
    keep_to_line(at, tree, now);
    // Who stood still while a new volatile epoch began is told the end of its own one later; nobody
    // is acknowledged by that.
    const auto era = era_of_.find(at.self().node);
    const bool in_the_past = era != era_of_.end() && era->second != last_era_;
    if (!in_the_past && !grows_from_trunk(tree, now))
        at.violated("kept commits",
                    fmt::format("the content with sequence number {} lacks transactions that "
                                "were acknowledged",
                                now.sequence));
    for (const statedb::Write& write : writes) {
        if (write.key == sequence_key()) continue;
        const auto stored = before.find(write.key);
        const std::string_view read = stored != before.end() ? text_of(stored->second) : "";
        const std::uint64_t number = counter_of(text_of(write.value));
        if (write.key.starts_with(client_key)) {
            const TransactionName name{write.key.substr(client_key.size()), number};
            if (tree.refused.contains(name))
                at.violated("refused", describe(name) + " was refused and has an effect");
            tree.made.insert_or_assign(name, now);
            tree.makers.insert_or_assign(now, name);
        } else if (number != counter_of(read) + 1) {
            at.violated("lost update", fmt::format("{} becomes {}, but it was {}", write.key,
                                                   number, counter_of(read)));
        }
    }
}

namespace {

std::string describe(const Components& components) {
    std::vector<std::string> each;
    for (const auto& members : components)
        each.push_back(fmt::format("[{}]", fmt::join(members, " ")));
    return fmt::format("{}", fmt::join(each, ", "));
}

} // namespace

void DatabaseJudge::on_disk(NodeId node, DatabaseId db, const ContentName& content) {
    disks_[node][db] = content;
}

void DatabaseJudge::acknowledged(Surroundings& at,
                                 DatabaseId db,
                                 const TransactionName& transaction,
                                 const Components& components) {
    ++commits_;
    Tree& tree = trees_[db];
    const auto made = tree.made.find(transaction);
    if (made == tree.made.end())
        return at.violated("refused", describe(transaction) + " is acknowledged without an effect");
    if (!grows_from_trunk(tree, made->second))
        at.violated("kept commits", describe(transaction) +
                                        " is acknowledged, but belongs to an order that is not "
                                        "that of earlier ones");
    const std::uint64_t sequence = made->second.sequence;
    if (std::ranges::none_of(
            components, [&](const auto& members) { return on_disks_of(members, db, sequence); }))
        at.violated(
            "kept commits",
            fmt::format("{} is acknowledged as number {} and not on the disks of all members of "
                        "any of {}; the disks have {}",
                        describe(transaction), sequence, describe(components), disks_of(db)));
    extend_trunk(at, tree, made->second);
}

bool DatabaseJudge::on_disks_of(const std::vector<ProcessorId>& members,
                                DatabaseId db,
                                std::uint64_t sequence) const {
    return std::ranges::all_of(members, [&](const ProcessorId& member) {
        const auto disk = disks_.find(member.node);
        if (disk == disks_.end()) return false;
        const auto content = disk->second.find(db);
        return content != disk->second.end() && content->second.sequence >= sequence;
    });
}

std::string DatabaseJudge::disks_of(DatabaseId db) const {
    std::vector<std::string> numbers;
    for (const auto& [node, contents] : disks_)
        if (const auto content = contents.find(db); content != contents.end())
            numbers.push_back(fmt::format("{}: {}", node, content->second.sequence));
    return fmt::format("{}", fmt::join(numbers, ", "));
}

// What an acknowledged one was made from is as permanent as itself.
void DatabaseJudge::extend_trunk(Surroundings& at, Tree& tree, ContentName content) {
    while (tree.trunk.emplace(content.sequence, content.digest).second) {
        const auto maker = tree.makers.find(content);
        if (maker != tree.makers.end() && tree.refused.contains(maker->second))
            at.violated("refused", describe(maker->second) + " was refused and has its effect");
        const auto parent = tree.parents.find(content);
        if (parent == tree.parents.end()) break;
        content = parent->second;
    }
}

void DatabaseJudge::refused(Surroundings& at, DatabaseId db, const TransactionName& transaction) {
    Tree& tree = trees_[db];
    const auto made = tree.made.find(transaction);
    // An order that nobody was told of may be given up, and with it what was decided in it.
    if (made != tree.made.end() && tree.trunk.contains(made->second.sequence) &&
        grows_from_trunk(tree, made->second))
        at.violated("refused", describe(transaction) + " is refused, but it has its effect");
    tree.refused.insert(transaction);
}

std::optional<std::string> DatabaseJudge::objection(DatabaseId db, const Content& content) const {
    const auto found = trees_.find(db);
    if (found == trees_.end() || found->second.trunk.empty()) return std::nullopt;
    const Tree& tree = found->second;
    const ContentName name = name_of(content);
    const auto& [sequence, digest] = *tree.trunk.rbegin();
    if (name.sequence < sequence || !grows_from_trunk(tree, name))
        return fmt::format("the content with sequence number {} lacks acknowledged transactions; "
                           "the last of them is number {}",
                           name.sequence, sequence);
    return std::nullopt;
}

} // namespace sim::records
