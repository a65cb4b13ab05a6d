// Judges what clients see of volatile records, with eyes that see all machines at once.
//
//   one holder   At most one client of the whole cluster holds a record.
//   newest copy  A holder reads what the last holder wrote; if that is gone with its owner, the
//                newest copy that is left in the component: never an older one, never nothing while
//                there is a copy (ctdb-behaviour.md 9, pain 5).
//   no return    What was once given up for lost stays lost: a holder has acted on its absence.
//   peek         Who reads without holding reads what the record was at some moment of the reading.
//
// A copy counts as left if its machine takes part in the reader's component and its clients may use
// its files: who is cut off has frozen them, and who comes back gives them up.
#pragma once

#include "sim/records/census.h"
#include "sim/records/datum.h"
#include "statedb/record_types.h"

#include <set>

namespace sim::records {

class RecordJudge {
public:
    explicit RecordJudge(const Census& census) : census_(census) {}

    // -- the files
    void copy_stored(NodeId node, const RecordName& record, Stamp stamp);
    void copy_erased(NodeId node, const RecordName& record);

    void frozen(NodeId node, bool is) { frozen_[node] = is; }

    void life_ended(NodeId node); // and its files are empty when the next one begins

    // -- clients that hold a record
    void locked(Surroundings& at,
                const RecordName& record,
                const std::string& client,
                const Datum& read);
    // Answers the write as it is to be stored.
    [[nodiscard]] Datum stored(const RecordName& record, std::string text);
    void unlocked(const RecordName& record);

    // -- clients that only look
    using Peek = std::uint64_t;
    [[nodiscard]] Peek peek_begins(const RecordName& record);
    void peek_ends(Surroundings& at, Peek peek, const Datum& read);

    void peek_abandoned(Peek peek) { peeks_.erase(peek); }

    [[nodiscard]] std::uint64_t updates_lost() const { return updates_lost_; }

private:
    struct Holder {
        NodeId node = 0;
        std::string client;
    };

    struct Story { // of one record
        std::optional<Holder> holder;
        Datum latest;                              // as everybody must see it
        std::vector<std::pair<Stamp, Stamp>> lost; // writes above the first, up to the second
        std::map<NodeId, Stamp> copies;
    };

    struct Reading {
        RecordName record;
        std::set<Stamp> possible;
        bool possibly_empty = false;
    };

    [[nodiscard]] static bool is_lost(const Story& story, Stamp stamp);
    void judge_reading(Surroundings& at,
                       const RecordName& record,
                       const Story& story,
                       const Datum& read) const;
    void changed(const RecordName& record, const Story& story);
    static void note_possible(Reading& reading, const Datum& latest);

    const Census& census_;
    std::map<RecordName, Story> stories_;
    std::map<NodeId, bool> frozen_;
    std::map<Peek, Reading> peeks_;
    Peek last_peek_ = 0;
    Stamp last_stamp_ = 0;
    std::uint64_t updates_lost_ = 0;
};

} // namespace sim::records
