// How a journal is spelled: a head, then frames, each the size of what is flushed at once.
//
// A frame is written when the one before it is on the disk, so after a crash only the last one can
// be incomplete: what cannot be read at the end never counted. What cannot be read with a good
// frame behind it was damaged, and nobody may go on as if it had not been. Where a frame ends,
// zeros may follow. Checksums are keyed with a salt of the file's own: what clients store cannot
// look like a frame.
#pragma once

#include "statedb/databases.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace ctdbd::journal {

using ByteSpan = std::span<const std::uint8_t>;

// Which file on the disk: one that was put in its place is another, whatever its name.
struct FileIdentity {
    std::uint64_t inode = 0;
    std::int64_t born_seconds = 0;
    std::uint32_t born_nanoseconds = 0;

    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// With it the database's content is that of `version`.
struct Change {
    statedb::DatabaseId database = 0;
    statedb::Version version;
    std::vector<statedb::Write> writes;
    bool whole = false;               // what is not written goes
    std::optional<FileIdentity> file; // where the database stands from here on

    friend bool operator==(const Change&, const Change&) = default;
};

using Changes = std::vector<Change>;

// The first frame: the life of the machine in which the journal was begun.
struct Opening {
    std::string boot;

    friend bool operator==(const Opening&, const Opening&) = default;
};

struct AtRest {
    statedb::DatabaseId database = 0;
    statedb::Version version;
    std::uint64_t digest = 0; // of the content

    friend bool operator==(const AtRest&, const AtRest&) = default;
};

// The files themselves hold everything, durably, and nothing more will come.
struct Closing {
    std::vector<AtRest> databases;

    friend bool operator==(const Closing&, const Closing&) = default;
};

using Frame = std::variant<Opening, Changes, Closing>;

using Salt = std::array<std::uint8_t, 16>;

[[nodiscard]] std::vector<std::uint8_t> encode_head(const Salt& salt);

struct Place {
    std::uint64_t number = 0; // of the frame, from 0
    std::int64_t seconds = 0; // the time of day when it was written
};

[[nodiscard]] std::vector<std::uint8_t>
encode(const Frame& frame, const Salt& salt, const Place& place);

struct Reading {
    std::uint64_t frames = 0;
    std::int64_t last_written = 0;      // in seconds, the last good one
    std::size_t end = 0;                // of the last good frame
    std::size_t torn = 0;               // bytes behind it that are not zero or follow one that is
    std::optional<std::size_t> damaged; // where; nothing behind it was read
};

// Shows the good frames, in order; false from `visit`: it makes no sense, which is damage.
[[nodiscard]] Reading read(ByteSpan bytes, const std::function<bool(Frame&&)>& visit);

} // namespace ctdbd::journal
