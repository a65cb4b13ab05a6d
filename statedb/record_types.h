// The words of the record service: how a record is named, and what a node's own world (TDB files,
// waiting clients) must do about it. Who owns what is decided in records.h.
#pragma once

#include "totem/delivery.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace statedb {

using namespace totem;

using DatabaseId = std::uint32_t; // hash of the name (ctdb-wire.md 5.4); the caller computes it

struct RecordName {
    DatabaseId db = 0;
    std::string key;

    friend auto operator<=>(const RecordName&, const RecordName&) = default;
};

// The right of one node to a record: the number of an ownership, which counts the changes of
// ownership of all records in the order, and how often the record has moved under it outside of
// the order (docs/adr/0016-direct-moves.md). The header's rsn of a copy is the grant under which
// its node had it. A later grant of a record is greater than any earlier one, also over vacuuming,
// so the copy with the highest rsn is the newest.
using Grant = std::uint64_t;

inline constexpr Grant grants_per_ownership = Grant{1} << 16;

constexpr Grant ownership_of(Grant grant) { return grant / grants_per_ownership; }

// -- effects: what the local world must do
//
// Effects on one record are carried out one after the other, in the order in which they were
// drained; those on different records do not wait for each other; Reconcile and Wipe wait for
// everything before them (of their database), and everything after waits for them. No effect may
// block the loop: the world takes chain locks aside (ctdb-behaviour.md 2.5, traps 3 and 4).

// The record is ours. Under the chain lock: header{rsn = grant, dmaster = self} and the data, on
// disk before any reply (trap 1). Then answer the local clients that wait for it, and when each of
// them had its turn once (or a bounded time has passed), call turn_over().
struct TakeOver {
    enum class Source : std::uint8_t {
        fresh,    // nobody had it: header only, whatever the file holds
        shipped,  // `data` came from the previous owner
        own_copy, // what our file holds is the newest: keep the data, change the header
    };

    RecordName record;
    Grant grant = 0;
    Source source = Source::fresh;
    Bytes data; // behind the header; shipped only
};

// Others wait. Under the chain lock: header.dmaster = `to`, everything else stays as a stale copy;
// unlock; then handed_off() with the data behind the header. If the record is not in the file, or
// not ours there: handed_off() with nothing.
struct GiveAway {
    RecordName record;
    Grant grant = 0;
    ProcessorId to;
};

// Under the chain lock: if the record is still ours and empty, header.dmaster = none (0xffffffff);
// retired() with whether it was so.
struct Retire {
    RecordName record;
    Grant grant = 0;
};

// We are about to leave, and these are ours. Under the chain lock of each: header.dmaster = none
// (0xffffffff), everything else stays as a stale copy; then parted(), in one call or in several: a
// record whose chain is locked must not hold up the others.
struct PartWith {
    struct Item {
        RecordName record;
        Grant grant = 0;
    };

    std::vector<Item> records;
};

// Delete the local copy: the record exists nowhere any more.
struct Remove {
    RecordName record;
};

// Local clients that wait for this record should look again: it is ours.
struct Ready {
    RecordName record;
};

// Call read_local() with what is behind the header if the file has the record with rsn = grant,
// whoever its header calls dmaster (it may have been given away, but not in the order); else with
// nothing.
struct ReadLocal {
    RecordName record;
    Grant grant = 0;
    ProcessorId reader;
    std::uint64_t ticket = 0; // the reader's
};

// Others want to read it for a while. Call shared() with what is behind the header, as for
// ReadLocal, and with whether the record is delegable: if it is ours, not empty, and its database
// is one whose records are delegated on this node. Then, under the chain lock and before that, the
// header says that there are delegations: our clients read it, but ask us before they write. They
// may write again when the record is taken over under another grant, or given away; both, and all
// else that changes a header, take the mark off.
struct Share {
    RecordName record;
    Grant grant = 0;
    ProcessorId reader;
    std::uint64_t ticket = 0; // the reader's
};

// Our clients may read the record until DropCopy. Under the chain lock: header{rsn = grant, dmaster
// = owner, marked as a read-only copy} and the data. Then answer whoever waits with this ticket.
struct KeepCopy {
    RecordName record;
    Grant grant = 0;
    ProcessorId owner;
    std::uint64_t ticket = 0; // 0: nobody
    Bytes data;
};

// Somebody is about to write. Under the chain lock: take the mark off a read-only copy, which stays
// as a stale one; then copy_dropped(), also if there is none.
struct DropCopy {
    RecordName record;
    Grant grant = 0;
};

// The answer to read(): empty = there is no such record.
struct ReadAnswer {
    std::uint64_t ticket = 0;
    Bytes data;
};

// The owner of these records has departed: call copies() with what the file holds of each, in one
// call or in several; a record whose chain is locked must not hold up the others.
struct Report {
    std::vector<RecordName> records;
};

// A state was loaded. Of every volatile database keep only the records of this list, sorted;
// delete every other record. Then reconciled() with those of the list that the file lacks, and let
// waiting clients look again.
//   What was asked before it is not answered any more.
//   A copy whose rsn in the file is not the given grant stays too, with that rsn and nobody as its
// dmaster, but is told as lacking: what the grant was given for has not reached us, so it is looked
// for, and ours may be the newest that is left.
struct Reconcile {
    struct Kept {
        RecordName record;
        Grant grant = 0;
        bool ours = true; // header.dmaster = self; false: none (0xffffffff), it is being recovered
        bool shared = false; // the header says that there are delegations; else it must not
    };

    std::vector<Kept> kept;
};

// Empty one volatile database, or all of them.
struct Wipe {
    std::optional<DatabaseId> db;
};

// We may be cut off, or are about to leave, which is for good: no local client may enter a chain of
// a volatile database until Thaw (whole database lock, ctdb-behaviour.md 2.6), nor be answered.
struct Freeze {
    bool for_good = false;
};

struct Thaw {};

using RecordEffect = std::variant<TakeOver,
                                  GiveAway,
                                  Retire,
                                  PartWith,
                                  Remove,
                                  Ready,
                                  ReadLocal,
                                  Share,
                                  KeepCopy,
                                  DropCopy,
                                  ReadAnswer,
                                  Report,
                                  Reconcile,
                                  Wipe,
                                  Freeze,
                                  Thaw>;

std::string describe(const RecordName& record); // "7a19d84d:6b31"
std::string describe(const RecordEffect& effect);

} // namespace statedb
