// What controls say about whole databases: the map of them, recovery's transactions and transfers,
// and traverses (ctdb-wire.md 3.1.2, 3.1.3). Single records are in records.h.
#pragma once

#include "ctdbd/protocol/codec.h"

#include <cstdint>
#include <vector>

namespace ctdbd::protocol {

struct DbMapEntry {
    std::uint32_t db_id = 0;
    std::uint8_t flags = 0; // db_flag::

    friend bool operator==(const DbMapEntry&, const DbMapEntry&) = default;
};

struct DbMap {
    std::vector<DbMapEntry> databases;

    friend bool operator==(const DbMap&, const DbMap&) = default;
};

// WIPE_DATABASE, DB_TRANSACTION_START, DB_TRANSACTION_COMMIT.
struct TransDb {
    std::uint32_t db_id = 0;
    std::uint32_t transaction_id = 0;

    friend bool operator==(const TransDb&, const TransDb&) = default;
};

// DB_PULL, DB_PUSH_START: the records travel as messages to srvid.
struct PullDb {
    std::uint32_t db_id = 0;
    std::uint32_t lmaster = 0xFFFFFFFF; // ignored by everybody
    std::uint64_t srvid = 0;

    friend bool operator==(const PullDb&, const PullDb&) = default;
};

// GET_DB_SEQNUM: a database id that is eight bytes long.
struct SeqnumRequest {
    std::uint32_t db_id = 0;

    friend bool operator==(const SeqnumRequest&, const SeqnumRequest&) = default;
};

// DB_VACUUM. On the wire without padding: 5 bytes.
struct DbVacuum {
    std::uint32_t db_id = 0;
    bool full = false;

    friend bool operator==(const DbVacuum&, const DbVacuum&) = default;
};

// TRAVERSE_START and TRAVERSE_KILL.
struct TraverseStart {
    std::uint32_t db_id = 0;
    std::uint32_t reqid = 0;
    std::uint64_t srvid = 0;

    friend bool operator==(const TraverseStart&, const TraverseStart&) = default;
};

struct TraverseStartExt {
    std::uint32_t db_id = 0;
    std::uint32_t reqid = 0;
    std::uint64_t srvid = 0;
    bool with_empty_records = false;

    friend bool operator==(const TraverseStartExt&, const TraverseStartExt&) = default;
};

struct TraverseAll {
    std::uint32_t db_id = 0;
    std::uint32_t reqid = 0;
    std::uint32_t pnn = 0; // who began it
    std::uint32_t client_reqid = 0;
    std::uint64_t srvid = 0;

    friend bool operator==(const TraverseAll&, const TraverseAll&) = default;
};

struct TraverseAllExt {
    TraverseAll all;
    bool with_empty_records = false;

    friend bool operator==(const TraverseAllExt&, const TraverseAllExt&) = default;
};

} // namespace ctdbd::protocol
