// Records on the move: one in a traverse, many in a commit or recovery buffer, a key to be deleted
// (ctdb-wire.md 3.1.3). A record's `data` begins with its ltdb header in all live uses;
// ltdb_header.h.
#pragma once

#include "ctdbd/protocol/codec.h"
#include "ctdbd/protocol/ltdb_header.h"
#include "ctdbd/protocol/nodes.h"

#include <cstdint>
#include <vector>

namespace ctdbd::protocol {

struct RecordData {
    std::uint32_t reqid = 0;
    Bytes key;
    Bytes data; // ltdb header and value

    // The mark at the end of a traverse: a record of nothing.
    [[nodiscard]] bool is_end_marker() const { return key.empty() && data.empty(); }

    friend bool operator==(const RecordData&, const RecordData&) = default;
};

// Of one record, from its parts: header, then value.
[[nodiscard]] Bytes record_value(const LtdbHeader& header, std::span<const std::uint8_t> value);

// The `marshall buffer` of TRANS3_COMMIT, UPDATE_RECORD, pulls and pushes. Tolerates a tail. In
// pushes db_id is not to be trusted.
struct MarshallBuffer {
    std::uint32_t db_id = 0;
    std::vector<RecordData> records;

    friend bool operator==(const MarshallBuffer&, const MarshallBuffer&) = default;
};

// SCHEDULE_FOR_DELETION.
struct KeyData {
    std::uint32_t db_id = 0;
    LtdbHeader header;
    Bytes key;

    friend bool operator==(const KeyData&, const KeyData&) = default;
};

// The sequence number record of persistent and replicated databases: 23 bytes with the NUL, data
// u64.
inline constexpr std::string_view seqnum_key{"__db_sequence_number__\0", 23};

// What the ctdb tool keeps in g_lock.tdb: a record's value is an array of these. (Samba has its own
// form.)
struct GLockEntry {
    std::uint32_t type = 0; // 0 read, 1 write
    ServerId holder;

    friend bool operator==(const GLockEntry&, const GLockEntry&) = default;
};

} // namespace ctdbd::protocol
