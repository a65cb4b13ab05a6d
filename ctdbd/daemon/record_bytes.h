// A record of the record service as a TDB file has it: its key, and the data behind the header.
#pragma once

#include "ctdbd/protocol/ltdb_header.h"
#include "statedb/record_types.h"

namespace ctdbd::daemon {

// As long as the record's name lives.
[[nodiscard]] inline std::span<const std::uint8_t> key_of(const statedb::RecordName& record) {
    return {reinterpret_cast<const std::uint8_t*>(record.key.data()), record.key.size()};
}

[[nodiscard]] inline base::Bytes key_bytes(const statedb::RecordName& record) {
    return base::Bytes::copy_of(std::string_view(record.key));
}

// Of a value that is at least a header.
[[nodiscard]] inline base::Bytes data_of(const base::Bytes& value) {
    return value.slice(protocol::ltdb_header_size, value.size() - protocol::ltdb_header_size);
}

} // namespace ctdbd::daemon
