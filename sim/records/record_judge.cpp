#include "sim/records/record_judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace sim::records {

// -- the files

void RecordJudge::copy_stored(NodeId node, const RecordName& record, Stamp stamp) {
    stories_[record].copies[node] = stamp;
}

void RecordJudge::copy_erased(NodeId node, const RecordName& record) {
    stories_[record].copies.erase(node);
}

void RecordJudge::life_ended(NodeId node) {
    for (auto& [record, story] : stories_) {
        story.copies.erase(node);
        if (story.holder && story.holder->node == node) story.holder.reset();
    }
    frozen_.erase(node);
}

// -- holders

void RecordJudge::locked(Surroundings& at,
                         const RecordName& record,
                         const std::string& client,
                         const Datum& read) {
    Story& story = stories_[record];
    if (story.holder)
        at.violated("one holder",
                    fmt::format("{} gets record {} while {} on node {} holds it", client,
                                record.key, story.holder->client, story.holder->node));
    story.holder = Holder{at.self().node, client};
    judge_reading(at, record, story, read);
    const bool same = read.stamp == story.latest.stamp;
    if (same || (read.text.empty() && story.latest.text.empty())) return;
    ++updates_lost_;
    story.lost.emplace_back(read.stamp, story.latest.stamp);
    story.latest = read;
    changed(record, story);
}

bool RecordJudge::is_lost(const Story& story, Stamp stamp) {
    return std::ranges::any_of(
        story.lost, [&](const auto& span) { return span.first < stamp && stamp <= span.second; });
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
        if (usable && copy > read.stamp && !is_lost(story, copy))
            at.violated("newest copy",
                        fmt::format("record {} is read as \"{}\" (write {}), but node {} has a "
                                    "copy of write {}",
                                    record.key, read.text, read.stamp, node, copy));
    }
}

Datum RecordJudge::stored(const RecordName& record, std::string text) {
    Story& story = stories_.at(record);
    story.latest = {std::move(text), ++last_stamp_};
    changed(record, story);
    return story.latest;
}

void RecordJudge::unlocked(const RecordName& record) { stories_.at(record).holder.reset(); }

// -- who only looks

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
    judge_reading(at, reading.record, stories_.at(reading.record), read);
}

} // namespace sim::records
