#include "sim/records/record_judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace sim::records {

// -- the files

void RecordJudge::copy_stored(Surroundings& at,
                              const RecordName& record,
                              const Datum& copy,
                              Use use) {
    const NodeId node = at.self().node;
    Story& story = stories_[record];
    story.copies[node] = copy;
    if (copy.stamp == story.latest.stamp)
        note_keeper(story, node);
    else if (use == Use::write && copy.text.empty())
        story.emptied = std::max(story.emptied, copy.stamp);
    const auto note = [node](std::set<NodeId>& nodes, bool is) {
        if (is)
            nodes.insert(node);
        else
            nodes.erase(node);
    };
    note(story.owners, use == Use::write || use == Use::delegate);
    note(story.writers, use == Use::write);
    note(story.readers, use == Use::read);
    look_for_second_owner(at, record, story);
}

void RecordJudge::copy_erased(NodeId node, const RecordName& record) {
    Story& story = stories_[record];
    story.copies.erase(node);
    story.owners.erase(node);
    story.writers.erase(node);
    story.readers.erase(node);
}

void RecordJudge::frozen(Surroundings& at, bool is) {
    frozen_[at.self().node] = is;
    if (is) return;
    for (const auto& [record, story] : stories_)
        look_for_second_owner(at, record, story);
}

void RecordJudge::runs_again(Surroundings& at) {
    if (still_.erase(at.self().node) == 0) return;
    for (const auto& [record, story] : stories_)
        look_for_second_owner(at, record, story);
}

void RecordJudge::life_ended(NodeId node) {
    for (auto& [record, story] : stories_) {
        story.copies.erase(node);
        story.owners.erase(node);
        story.writers.erase(node);
        story.readers.erase(node);
        story.keepers.erase(node);
        if (story.holder && story.holder->node == node) story.holder.reset();
    }
    frozen_.erase(node);
    still_.erase(node);
    away_.erase(node);
}

// -- owners

bool RecordJudge::is_open(NodeId node) const {
    const auto frozen = frozen_.find(node);
    return frozen != frozen_.end() && !frozen->second && !still_.contains(node);
}

void RecordJudge::look_for_second_owner(Surroundings& at,
                                        const RecordName& record,
                                        const Story& story) {
    look_for_readers(at, record, story);
    const NodeId node = at.self().node;
    if (!story.owners.contains(node) || !is_open(node)) return;
    for (const NodeId other : story.owners)
        if (other != node && is_open(other))
            at.violated("one owner",
                        fmt::format("record {} is its own, and node {}'s as well: clients of both "
                                    "may work on it",
                                    record.key, other));
}

void RecordJudge::look_for_readers(Surroundings& at, const RecordName& record, const Story& story) {
    const NodeId node = at.self().node;
    if (!is_open(node)) return;
    const bool writes = story.writers.contains(node);
    if (!writes && !story.readers.contains(node)) return;
    for (const NodeId other : writes ? story.readers : story.writers)
        if (other != node && is_open(other))
            at.violated("readers",
                        fmt::format("clients of node {} may work on record {} while "
                                    "those of node {} may read a copy of it",
                                    writes ? node : other, record.key, writes ? other : node));
}

// -- who has the latest write

// Who was in a chain as the files were shut may still write; what a state that is being loaded says
// of the record is done behind him.
void RecordJudge::note_keeper(Story& story, NodeId node) {
    const auto shut = frozen_.find(node);
    if (shut != frozen_.end() && shut->second) return;
    if (!away_.contains(node)) story.keepers.insert(node);
}

void RecordJudge::component_tried(const RingId& ring, const std::vector<ProcessorId>& members) {
    const auto is_member = [&](NodeId node) {
        return std::ranges::find(members, node, &ProcessorId::node) != members.end();
    };
    for (const auto& [node, frozen] : frozen_)
        if (!is_member(node)) away_[node] = std::max(away_[node], ring.seq);
    for (auto& [record, story] : stories_)
        std::erase_if(story.keepers, [&](NodeId node) { return !is_member(node); });
}

void RecordJudge::component_entered(NodeId node, const RingId& ring) {
    const auto away = away_.find(node);
    if (away != away_.end() && away->second < ring.seq) away_.erase(away);
}

void RecordJudge::loads_state(NodeId node) {
    for (auto& [record, story] : stories_)
        if (!story.owners.contains(node)) story.keepers.erase(node);
}

void RecordJudge::epoch_began() {
    for (auto& [record, story] : stories_)
        story.keepers.clear();
}

// -- holders

void RecordJudge::locked(Surroundings& at,
                         const RecordName& record,
                         const std::string& client,
                         const Datum& seen) {
    Story& story = stories_[record];
    const Datum read = as_known(story, seen);
    if (story.holder)
        at.violated("one holder",
                    fmt::format("{} gets record {} while {} on node {} holds it", client,
                                record.key, story.holder->client, story.holder->node));
    story.holder = Holder{at.self().node, client};
    judge_reading(at, record, story, read);
    const bool same = read.stamp == story.latest.stamp;
    if (!same && !(read.text.empty() && story.latest.text.empty()))
        lose_latest(at, record, story, read);
}

void RecordJudge::lose_latest(Surroundings& at,
                              const RecordName& record,
                              Story& story,
                              const Datum& read) {
    if (!story.keepers.empty())
        at.violated("kept copy",
                    fmt::format("record {} is read as \"{}\" (write {}): write {} is lost, though "
                                "node {} had it and was never away",
                                record.key, read.text, read.stamp, story.latest.stamp,
                                *story.keepers.begin()));
    ++updates_lost_;
    story.lost.emplace_back(read.stamp, story.latest.stamp);
    story.latest = read;
    note_keeper(story, at.self().node);
    changed(record, story);
}

bool RecordJudge::is_lost(const Story& story, Stamp stamp) {
    return std::ranges::any_of(
        story.lost, [&](const auto& span) { return span.first < stamp && stamp <= span.second; });
}

// A record that is empty when its owner hands it on arrives as if nobody had ever written it. If
// the owner had found it so after the latest write was lost, older copies are none of what is left.
Datum RecordJudge::as_known(const Story& story, const Datum& read) {
    return read.text.empty() ? Datum{{}, std::max(read.stamp, story.emptied)} : read;
}

// That it reads neither more nor less than what is left of the record.
void RecordJudge::judge_reading(Surroundings& at,
                                const RecordName& record,
                                const Story& story,
                                const Datum& read) const {
    if (read.stamp == story.latest.stamp) return;
    if (read.text.empty() && story.latest.text.empty())
        return; // no record is as good as an empty one
    if (is_lost(story, read.stamp))
        at.violated("no return", fmt::format("record {} is {} again, write {} that was lost before",
                                             record.key, read.text, read.stamp));
    for (const auto& [node, copy] : story.copies) {
        const auto frozen = frozen_.find(node);
        const bool usable =
            frozen != frozen_.end() && !frozen->second && census_.together(node, at.self().node);
        const bool same = copy.text.empty() && read.text.empty();
        if (usable && !same && copy.stamp > read.stamp && !is_lost(story, copy.stamp))
            at.violated("newest copy",
                        fmt::format("record {} is read as \"{}\" (write {}), but node {} has a "
                                    "copy of write {}",
                                    record.key, read.text, read.stamp, node, copy.stamp));
    }
}

Datum RecordJudge::stored(const RecordName& record, std::string text) {
    Story& story = stories_.at(record);
    story.latest = {std::move(text), ++last_stamp_};
    story.emptied = 0;
    story.keepers.clear(); // the writer's file is told next
    changed(record, story);
    return story.latest;
}

void RecordJudge::unlocked(const RecordName& record) { stories_.at(record).holder.reset(); }

// -- who only looks

// Whoever has a newer one may have been cut off from the reader: that is no excuse while clients
// there can work with it.
void RecordJudge::copy_read(Surroundings& at, const RecordName& record, const Datum& read) const {
    const auto known = stories_.find(record);
    if (known == stories_.end()) return;
    const Story& story = known->second;
    judge_reading(at, record, story, read);
    for (const auto& [node, copy] : story.copies) {
        const bool newer = copy.stamp > read.stamp && !is_lost(story, copy.stamp);
        if (newer && is_open(node) && !(read.text.empty() && copy.text.empty()))
            at.violated("readers",
                        fmt::format("a read-only copy of record {} is \"{}\" (write {}), but node "
                                    "{} has one of write {}",
                                    record.key, read.text, read.stamp, node, copy.stamp));
    }
}

RecordJudge::Peek RecordJudge::peek_begins(const RecordName& record) {
    Reading& reading = peeks_[++last_peek_];
    reading.record = record;
    note_possible(reading, stories_[record].latest);
    return last_peek_;
}

void RecordJudge::note_possible(Reading& reading, const Datum& latest) {
    reading.possible.insert(latest.stamp);
    reading.possibly_empty |= latest.text.empty();
}

void RecordJudge::changed(const RecordName& record, const Story& story) {
    for (auto& [peek, reading] : peeks_)
        if (reading.record == record) note_possible(reading, story.latest);
}

// An empty record may be removed at any moment; whether it is there makes no difference.
void RecordJudge::peek_ends(Surroundings& at, Peek peek, const Datum& read) {
    const auto ended = peeks_.extract(peek);
    if (!ended) return;
    const Reading& reading = ended.mapped();
    if (reading.possible.contains(read.stamp)) return;
    if (read.text.empty() && reading.possibly_empty) return;
    const Story& story = stories_.at(reading.record);
    judge_reading(at, reading.record, story, as_known(story, read));
}

} // namespace sim::records
