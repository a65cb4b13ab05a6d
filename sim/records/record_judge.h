// Judges what clients see of volatile records, with eyes that see all machines at once.
//
//   one holder   At most one client of the whole cluster holds a record.
//   one owner    At most one machine's clients may work on a record without asking: the one whose
//                file calls it its own, and is open. A machine that stands still lets nobody work.
//   readers      While clients of one machine may work on a record, those of no other may read a
//                copy of it without asking; and no copy that is read is older than one that clients
//                of any machine may use.
//   newest copy  A holder reads what the last holder wrote; if that is gone with its owner, the
//                newest copy that is left in the component: never an older one, never nothing while
//                there is a copy (ctdb-behaviour.md 9, pain 5). No record is as good as an empty
//                one: what was empty when it was handed on may arrive as if it had never been
//                written.
//   kept copy    What was written is given up only with the machines that have it: while one of
//                them was in every component that was tried since, it is found. (Of what a node
//                does not own it gives up its copies when it has to load the state anew.)
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
    // What the header lets this machine's clients do with it. Who owns a record that is delegated
    // may read it, like those who have read-only copies.
    enum class Use : std::uint8_t { none, read, delegate, write };
    void copy_stored(Surroundings& at, const RecordName& record, const Datum& copy, Use use);
    void copy_erased(NodeId node, const RecordName& record);

    void frozen(Surroundings& at, bool is);

    // From here on nobody runs there, until the first timer fires again.
    void stands_still(NodeId node) { still_.insert(node); }

    void runs_again(Surroundings& at);

    void life_ended(NodeId node); // and its files are empty when the next one begins

    // -- components
    // These nodes may form a primary one: what others have need not be waited for any more.
    void component_tried(const RingId& ring, const std::vector<ProcessorId>& members);
    void component_entered(NodeId node, const RingId& ring);
    void loads_state(NodeId node);
    // Nobody has state any more: all volatile files are emptied.
    void epoch_began();

    // -- clients that hold a record
    void locked(Surroundings& at,
                const RecordName& record,
                const std::string& client,
                const Datum& seen);
    // Answers the write as it is to be stored.
    [[nodiscard]] Datum stored(const RecordName& record, std::string text);
    void unlocked(const RecordName& record);

    // -- clients that only look
    using Peek = std::uint64_t;
    [[nodiscard]] Peek peek_begins(const RecordName& record);
    void peek_ends(Surroundings& at, Peek peek, const Datum& read);

    // A client reads a read-only copy, in its chain.
    void copy_read(Surroundings& at, const RecordName& record, const Datum& read) const;

    void peek_abandoned(Peek peek) { peeks_.erase(peek); }

    [[nodiscard]] std::uint64_t updates_lost() const { return updates_lost_; }

private:
    struct Holder {
        NodeId node = 0;
        std::string client;
    };

    struct Story { // of one record
        std::optional<Holder> holder;
        Datum latest;      // as everybody must see it
        Stamp emptied = 0; // what an owner was left with since that was lost, if it is empty
        std::vector<std::pair<Stamp, Stamp>> lost; // writes above the first, up to the second
        std::map<NodeId, Datum> copies;
        std::set<NodeId> owners;  // whose files say so
        std::set<NodeId> writers; // of them: whose clients may write
        std::set<NodeId> readers; // that have read-only copies
        std::set<NodeId> keepers; // have had the latest write, and were never away since
    };

    struct Reading {
        RecordName record;
        std::set<Stamp> possible;
        bool possibly_empty = false;
    };

    [[nodiscard]] static bool is_lost(const Story& story, Stamp stamp);
    [[nodiscard]] static Datum as_known(const Story& story, const Datum& read);
    void judge_reading(Surroundings& at,
                       const RecordName& record,
                       const Story& story,
                       const Datum& read) const;
    void changed(const RecordName& record, const Story& story);
    [[nodiscard]] bool is_open(NodeId node) const;
    void look_for_second_owner(Surroundings& at, const RecordName& record, const Story& story);
    void look_for_readers(Surroundings& at, const RecordName& record, const Story& story);
    void note_keeper(Story& story, NodeId node);
    void lose_latest(Surroundings& at, const RecordName& record, Story& story, const Datum& read);
    static void note_possible(Reading& reading, const Datum& latest);

    const Census& census_;
    std::map<RecordName, Story> stories_;
    std::map<NodeId, bool> frozen_;
    std::set<NodeId> still_;
    std::map<NodeId, std::uint64_t> away_; // which ring was tried without it: its number
    std::map<Peek, Reading> peeks_;
    Peek last_peek_ = 0;
    Stamp last_stamp_ = 0;
    std::uint64_t updates_lost_ = 0;
};

} // namespace sim::records
