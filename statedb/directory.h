// The directory of volatile records: for each, its owner and the FIFO of nodes that wait for it.
// This is the replicated state of the record service and nothing else: every function here is
// called at a point of the agreed order and does the same on every member. What a node does about
// it (TDB file, clients, timers) is in records.h.
//
// Three promises, kept by construction: a record has one owner; nodes get it in the order in which
// their claims were ordered; an entry goes only by the owner's vacuum, by drop(), or when no member
// has a copy.
//
// Owners also pass records on outside of the order; the directory is told afterwards (moved()). Of
// the moves under one ownership the last one counts, whichever is told first.
//
// What a departed owner had is lost from that point of the order on, all of it at once and whatever
// its number: nothing is done about a record before somebody wants it or search() names it
// (docs/adr/0023-lost-records-are-looked-for-when-wanted.md).
//
// An owner may let others have read-only copies of a record; no grant of it is given while one is
// out (directory_delegations.cpp).
#pragma once

#include "statedb/delegations.h"
#include "statedb/record_table.h"
#include "statedb/service.h"

#include <map>
#include <set>
#include <span>

namespace statedb {

class Directory {
public:
    using Entry = RecordEntry;
    using Queue = std::vector<ProcessorId>; // first come, first served

    // Somebody owns the record from here on.
    struct Granted {
        RecordName record;
        ProcessorId owner;
        Grant grant = 0;
        TakeOver::Source source = TakeOver::Source::fresh;
        Bytes data;
    };

    // A record has moved outside of the order.
    struct Moved {
        RecordName record;
        ProcessorId to;
        Grant grant = 0;
        bool found = false; // its copies were looked for until now
    };

    // What an ordered event changed, in the order of its consequences.
    struct Outcome {
        std::vector<Moved> moved;
        std::vector<Granted> granted;
        std::vector<RecordName> lost;    // from here on copies are looked for
        std::vector<RecordName> gone;    // the search ended with nothing: no such record
        bool delegated = false;          // delegate(): the reader has a copy from here on
        std::vector<RecordName> revoked; // from here on their readers drop their copies
        std::vector<RecordName> freed;   // all have: the owner may give it to those that wait
    };

    struct Report {
        RecordName record;
        std::optional<Grant> rsn; // of the copy; none: no copy
    };

    // -- at a point of the order

    struct Claimant {
        ProcessorId who;
        bool create = false; // without an entry only such a claim does anything (delivered safe)
        Grant given = 0;     // the last move that it knows of: it may have given it away itself
        Grant held = 0;      // under which it has the record
    };

    Outcome claim(const RecordName& record, const Claimant& claimant);
    // Under this grant the record went to `to`, which nobody can take back any more. Changes
    // nothing if the ownership is over, or a later move of it is known.
    Outcome moved(const RecordName& record, ProcessorId to, Grant grant);
    // Stale ones (the sender does not own it under this grant any more) change nothing; a grant
    // that is ahead of us tells that it has moved to the sender.
    Outcome hand_off(const RecordName& record, ProcessorId from, Grant grant, const Bytes& data);

    // A member is about to leave, and is nobody's heir any more.
    Outcome retreats(ProcessorId who);

    // A hand-off by one that is about to leave: to the first that waits, or to a member that stays.
    Outcome bequeath(const RecordName& record, ProcessorId from, Grant grant, const Bytes& data);
    // The owner says that its file lacks what it owns.
    Outcome missing(const RecordName& record, ProcessorId from, Grant grant);
    // Whether the record is gone: not if the grant is stale or somebody waits.
    [[nodiscard]] bool vacuum(const RecordName& record, ProcessorId from, Grant grant);
    void drop(DatabaseId db);
    // Begins to look for those of these records whose owner has departed and that nobody has looked
    // for yet. A claim does the same.
    Outcome search(std::span<const RecordName> records);
    // The owner lets `reader` have a read-only copy. (Delivered safe.) Not if somebody waits for
    // the record: then outcome.delegated is false.
    Outcome delegate(const RecordName& record, ProcessorId from, Grant grant, ProcessorId reader);
    // The reader's clients cannot read its copy under this grant any more.
    Outcome copy_dropped(const RecordName& record, ProcessorId reader, Grant grant);
    Outcome copies(ProcessorId who, std::span<const Report> reports);
    // The notice period of a processor that departed silently in that epoch has passed.
    Outcome notice_over(ProcessorId who, std::uint64_t epoch);
    // A processor says that its files were frozen and will now agree with the directory.
    Outcome returned(ProcessorId who);
    // A primary component was formed. Again for the same epoch it does nothing.
    Outcome configured(const View& view);
    void clear();

    // -- what is known

    [[nodiscard]] const Entry* find(const RecordName& record) const;
    // What it has; and what it had and is lost.
    [[nodiscard]] std::vector<RecordName> owned_by(ProcessorId who) const;
    [[nodiscard]] std::vector<RecordName> lost_by(ProcessorId who) const;
    [[nodiscard]] bool owns_any(ProcessorId who) const;

    // Who waits for it.
    [[nodiscard]] const Queue& waiting(const RecordName& record) const;

    // Of the records that somebody waits for.
    [[nodiscard]] const std::map<RecordName, Queue>& queues() const { return queues_; }

    // Records whose copies `who` has still to report.
    [[nodiscard]] std::vector<RecordName> awaited_from(ProcessorId who) const;
    // The copy that `who` has reported of a lost record.
    [[nodiscard]] std::optional<Grant> reported(const RecordName& record, ProcessorId who) const;
    // Lost, and being looked for.
    [[nodiscard]] std::vector<RecordName> sought() const;

    // Lost, and not yet being looked for: how many, and some of them (of equal directories not
    // always the same).
    [[nodiscard]] std::size_t unsought() const;
    [[nodiscard]] std::vector<RecordName> some_unsought(std::size_t count_max) const;

    [[nodiscard]] const Delegations& delegations() const { return delegations_; }

    // Departed silently, and in which epoch: their notice period is not over.
    [[nodiscard]] const std::map<ProcessorId, std::uint64_t>& unnoticed() const {
        return unnoticed_;
    }

    // Whether a member is here that means to stay, other than `who`.
    [[nodiscard]] bool has_heir(ProcessorId who) const { return !heirs_of(who).empty(); }

    [[nodiscard]] bool any_retreats() const { return !retreating_.empty(); }

    [[nodiscard]] std::size_t size() const { return entries_.size(); }

    // The epoch in which all was forgotten that had been before: grants of directories that did not
    // begin together have nothing to do with each other.
    [[nodiscard]] std::uint64_t began() const { return began_; }

    // No record has a higher one.
    [[nodiscard]] Grant last_grant() const {
        return (last_ownership_ + 1) * grants_per_ownership - 1;
    }

    [[nodiscard]] std::size_t lost() const { return losses_.size() + unsought(); }

    [[nodiscard]] std::uint64_t digest() const;

    // For the codec: the whole state as values.
    struct Saved {
        struct Record {
            RecordName name;
            Standing standing; // but not whether it is being looked for
            Grant grant = 0;
            Queue waiting;
        };

        struct Loss {
            RecordName name;
            std::uint64_t epoch = 0;
            std::vector<ProcessorId> expected;
            std::vector<std::pair<ProcessorId, Grant>> held;
        };

        std::uint64_t began = 0;
        std::uint64_t epoch = 0;
        Grant last_ownership = 0;
        std::vector<ProcessorId> members;
        std::vector<Record> records;
        std::vector<Loss> losses;
        std::vector<std::pair<ProcessorId, std::uint64_t>> unnoticed;
        std::vector<ProcessorId> retreating;
        std::vector<std::pair<RecordName, Delegations::Delegation>> delegations;
    };

    [[nodiscard]] Saved save() const;
    // False, and nothing changed, if it is not the state of any directory.
    [[nodiscard]] bool load(const Saved& saved);

private:
    // The search for the newest copy of a record whose owner departed (or lacks it).
    struct Loss {
        // Nothing is decided while a processor that departed silently in this epoch or before may
        // still let its clients use what it had. 0: the owner is here and has said that it lacks
        // it.
        std::uint64_t epoch = 0;
        std::set<ProcessorId> expected;    // members that have not reported yet
        std::map<ProcessorId, Grant> held; // members that have a copy, with its rsn
    };

    void create_when_noticed(const RecordName& record, ProcessorId who);
    void erase(const RecordName& record);
    void leave_queue(const RecordName& record, ProcessorId who);
    void grant(Entry& entry,
               ProcessorId owner,
               TakeOver::Source source,
               const Bytes& data,
               Outcome& outcome);
    void move(const RecordName& record, ProcessorId to, Grant grant, Outcome& outcome);
    void lose(Entry& entry, std::uint64_t epoch, Outcome& outcome);
    void seek(Entry& entry, Outcome& outcome);
    void bury(ProcessorId who);
    void decide(const RecordName& record, Outcome& outcome);
    void decide_all(Outcome& outcome);
    void forget_waiting(const std::vector<ProcessorId>& departed);
    void revoke(const RecordName& record, Outcome& outcome);
    void freed(const RecordName& record, Outcome& outcome);
    void freed(const std::vector<RecordName>& records, Outcome& outcome);
    void forget_reader(ProcessorId who, Outcome& outcome);
    void forget_silent_readers(Outcome& outcome);
    [[nodiscard]] bool may_decide(const Loss& loss) const;
    [[nodiscard]] std::vector<ProcessorId> heirs_of(ProcessorId who) const;
    [[nodiscard]] Entry* owned(const RecordName& record, ProcessorId by, Grant grant);

    std::uint64_t began_ = 0; // in which epoch; 0: not yet
    std::uint64_t epoch_ = 0; // of the last component that was taken into account
    std::vector<ProcessorId> members_;
    // Invariant: no two entries are under the same ownership, and none under a later one than this.
    Grant last_ownership_ = 0;
    RecordTable entries_;
    std::map<RecordName, Loss> losses_;  // of exactly the entries that are being sought
    std::map<RecordName, Queue> queues_; // of exactly the entries that somebody waits for
    std::map<ProcessorId, std::uint64_t> unnoticed_; // departed silently, and in which epoch
    std::set<ProcessorId> retreating_;               // are about to leave
    Delegations delegations_;                        // of entries, none of which is empty
};

} // namespace statedb
