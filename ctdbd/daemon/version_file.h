// Which version a persistent database's file holds, kept beside the file: the TDB itself is shared
// with clients, who would see one more record in it (statedb/databases.h, Version).
//
// The file cannot be changed together with the TDB, so before each change it says what the content
// was and what it is going to be, each with a digest; which of the two it is, the content tells.
// A content that is neither was changed by somebody else and has no version.
#pragma once

#include "statedb/databases.h"

#include <filesystem>
#include <span>

namespace ctdbd::daemon {

// Adds up over records, in any order, so that a change of one record changes it without looking at
// the others.
class ContentDigest {
public:
    void add(std::string_view key, std::span<const std::uint8_t> value);
    void remove(std::string_view key, std::span<const std::uint8_t> value);

    [[nodiscard]] std::uint64_t value() const { return sum_; }

    friend bool operator==(const ContentDigest&, const ContentDigest&) = default;

private:
    std::uint64_t sum_ = 0;
};

struct ContentLabel {
    statedb::Version version;
    std::uint64_t digest = 0;

    friend bool operator==(const ContentLabel&, const ContentLabel&) = default;
};

class VersionFile {
public:
    // Creates it if it is not there. Throws std::system_error.
    explicit VersionFile(const std::filesystem::path& path);
    ~VersionFile();

    VersionFile(const VersionFile&) = delete;
    VersionFile& operator=(const VersionFile&) = delete;

    // The version of the content with this digest; none if nothing is known about it.
    [[nodiscard]] std::optional<statedb::Version> version_of(std::uint64_t digest) const;

    // Durable when it returns: the content is `before` or `after`. Waits for the disk.
    void write(const ContentLabel& before, const ContentLabel& after);

private:
    int descriptor_;
    ContentLabel before_, after_;
    std::uint64_t writes_ = 0; // 0: the file says nothing yet
};

} // namespace ctdbd::daemon
