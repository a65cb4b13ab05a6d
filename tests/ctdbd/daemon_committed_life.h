// A life of a daemon as far as its persistent databases go: the disk's thread, the journal, files.
#pragma once

#include "ctdbd/daemon/committed_file.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace ctdbd::daemon {

inline Bytes value(std::string_view data, std::uint8_t pad = 0) {
    std::string text(24, '\0');
    text[0] = 1;
    text[23] = static_cast<char>(pad); // clients leave garbage in the pad
    return bytes(text.append(data));
}

struct Life {
    static constexpr statedb::DatabaseId id = 1; // of `file`

    std::filesystem::path directory;
    boost::asio::io_context loop;
    DiskThread disk{loop};
    std::vector<statedb::OnDisk> durable;
    CommittedFiles files;
    CommittedFile file;

    // The machine has died since the last one if `boot` is another one.
    explicit Life(const TestDirectory& where,
                  DatabaseKind kind = DatabaseKind::is_persistent,
                  const std::string& boot = "this boot",
                  std::size_t journal_size_min = std::size_t{1} << 20)
        : directory(where.path()),
          files(disk,
                {directory / "journal.0", boot, journal_size_min},
                [this](std::span<const statedb::OnDisk> more) {
                    durable.insert(durable.end(), more.begin(), more.end());
                }),
          file(files, id, options("p.tdb.0", kind)) {
        files.begin();
    }

    [[nodiscard]] TdbOptions options(const char* name,
                                     DatabaseKind kind = DatabaseKind::is_persistent) const {
        return {.path = directory / name, .kind = kind, .hash_size = 101};
    }

    void settle(std::size_t count) {
        CHECK(turn_until(loop, [&] { return durable.size() >= count; }));
    }
};

} // namespace ctdbd::daemon
