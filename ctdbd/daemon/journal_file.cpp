#include "ctdbd/daemon/journal_file.h"

#include "net/logs.h"

#include <fmt/format.h>
#include <sodium/randombytes.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ctdbd::daemon {

namespace fs = std::filesystem;

namespace {

// Room that is taken at once: a file that grows with every frame costs its file system a second
// write, of the size, for each of them.
constexpr std::size_t reserved_at_once = std::size_t{1} << 20;

fs::path beside(fs::path place) { return place += ".new"; }

} // namespace

JournalFile::JournalFile(fs::path place, const std::string& boot)
    : place_(std::move(place)), path_(beside(place_)),
      file_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
    if (file_.get() < 0) fail("cannot create it");
    randombytes_buf(salt_.data(), salt_.size());
    write(journal::encode_head(salt_));
    append(journal::Opening{boot});
}

JournalFile::~JournalFile() {
    if (path_ != place_) unlink(path_.c_str());
}

void JournalFile::fail(const char* doing) const {
    const int error = errno;
    std::error_code unknown;
    const auto space = fs::space(path_.parent_path(), unknown);
    throw JournalError(fmt::format(
        "{}: {}: {}{}", path_.string(), doing, std::strerror(error),
        unknown ? "" : fmt::format(" ({} bytes are free on its file system)", space.available)));
}

void JournalFile::append(const journal::Frame& frame) {
    write(journal::encode(frame, salt_, {frames_++, std::time(nullptr)}));
}

void JournalFile::write(std::span<const std::uint8_t> bytes) {
    if (size_ + bytes.size() > reserved_) {
        const std::size_t room = std::max(bytes.size(), reserved_at_once);
        // Where that cannot be had the frames themselves may still find room.
        (void)fallocate(file_.get(), 0, static_cast<off_t>(size_), static_cast<off_t>(room));
        reserved_ = size_ + room;
    }
    while (!bytes.empty()) {
        const ssize_t written =
            pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) fail("cannot write to it");
        size_ += static_cast<std::size_t>(written);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

void JournalFile::sync() {
    if (fdatasync(file_.get()) != 0) fail("cannot bring it to the disk");
}

void JournalFile::take_place() {
    sync();
    if (rename(path_.c_str(), place_.c_str()) != 0) fail("cannot rename it");
    path_ = place_;
    net::sync_directory(place_.parent_path());
}

std::optional<OldJournal> read_journal(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in && !fs::exists(path)) return std::nullopt;
    const std::vector<char> text{std::istreambuf_iterator<char>(in), {}};
    if (!in) throw JournalError(fmt::format("{}: cannot read it", path.string()));
    OldJournal old;
    const journal::Reading reading =
        journal::read({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                      [&](journal::Frame&& frame) { return old.past.absorb(std::move(frame)); });
    if (reading.damaged)
        throw JournalError(
            fmt::format("{} is damaged at byte {}: restore it together with the persistent "
                        "databases from one backup, or move it away together with them to get "
                        "them from the other nodes",
                        path.string(), *reading.damaged));
    if (reading.torn > 0)
        logs::databases().warn(
            "{}: {} bytes behind byte {} are of a commit that was being written when this "
            "node died: it was never answered, and does not count",
            path.string(), reading.torn, reading.end);
    old.last_written = reading.last_written;
    return old;
}

} // namespace ctdbd::daemon
