// One journal on the disk: frames behind each other, durable when asked (model/journal_frames.h).
//
// It is written from its begin: a new one is made beside the old one and takes its place when it
// holds as much. What waits for the disk belongs on the disk's thread. After an error it is not to
// be used any more: what the kernel says it could not write, it does not keep either.
#pragma once

#include "ctdbd/model/journal_past.h"
#include "net/file.h"

#include <ctime>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

namespace ctdbd::daemon {

// A sentence that names the file.
class JournalError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class JournalFile {
public:
    // `boot`: this life of the machine. Throws JournalError, as all of it does.
    JournalFile(std::filesystem::path place, const std::string& boot);
    ~JournalFile(); // one that never took its place leaves nothing

    JournalFile(const JournalFile&) = delete;
    JournalFile& operator=(const JournalFile&) = delete;

    void append(const journal::Frame& frame);
    // All of it is on the disk when this returns. Waits for the disk.
    void sync();
    // The same; and it is the journal from now on.
    void take_place();

    [[nodiscard]] std::size_t size() const { return size_; }

private:
    void write(std::span<const std::uint8_t> bytes);
    [[noreturn]] void fail(const char* doing) const;

    std::filesystem::path place_, path_;
    net::Descriptor file_;
    journal::Salt salt_{};
    std::uint64_t frames_ = 0;
    std::size_t size_ = 0, reserved_ = 0;
};

struct OldJournal {
    journal::Past past;
    std::time_t last_written = 0;
};

// None: there is no such file. A last frame that is not whole is left out, and said so. Throws
// JournalError if it is damaged.
[[nodiscard]] std::optional<OldJournal> read_journal(const std::filesystem::path& path);

} // namespace ctdbd::daemon
