#include "net/file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace net {

namespace {

[[noreturn]] void
fail(const std::filesystem::path& path, std::string_view doing, std::string_view remedy) {
    const int error = errno;
    throw std::runtime_error(
        fmt::format("{}: {}: {}; {}", path.string(), doing, std::strerror(error), remedy));
}

constexpr std::string_view look_at_disk = "look at the disk's space and health";

void write_all(int fd, std::span<const std::uint8_t> bytes, const std::filesystem::path& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail(path, "cannot write", look_at_disk);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

std::filesystem::path directory_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

} // namespace

void sync_directory(const std::filesystem::path& directory) {
    const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0)
        fail(directory, "cannot open the directory", "create it, or correct the path");
    if (::fsync(fd.get()) != 0) fail(directory, "cannot sync the directory", look_at_disk);
}

Descriptor::~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

Descriptor open_for_reading(const std::filesystem::path& path, std::string_view remedy_if_missing) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0)
        fail(path, "cannot read", errno == ENOENT ? remedy_if_missing : "look at its permissions");
    return file;
}

std::string
read_all(const Descriptor& file, const std::filesystem::path& path, std::size_t size_max) {
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t size = ::read(file.get(), buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) fail(path, "cannot read", look_at_disk);
        if (size == 0) return text;
        text.append(buffer, static_cast<std::size_t>(size));
        if (text.size() > size_max)
            throw std::runtime_error(
                fmt::format("{}: larger than {} bytes; this is not the file it should be",
                            path.string(), size_max));
    }
}

void create_new_file(const std::filesystem::path& path, std::string_view text, unsigned mode) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (file.get() < 0)
        fail(path, "cannot create",
             errno == EEXIST ? "it is never overwritten: choose another name, or remove it "
                               "yourself if nothing needs it any more"
                             : "look at the directory and its permissions");
    ::fchmod(file.get(), mode); // whatever the umask was
    try {
        write_all(file.get(), {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                  path);
        if (::fsync(file.get()) != 0) fail(path, "cannot sync", look_at_disk);
        sync_directory(directory_of(path));
    } catch (...) {
        ::unlink(path.c_str()); // ours, and incomplete
        throw;
    }
}

void durable_write(const std::filesystem::path& path,
                   std::span<const std::uint8_t> bytes,
                   unsigned mode) {
    std::filesystem::path temporary = path;
    temporary += ".new";
    {
        const Descriptor file(
            ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
        if (file.get() < 0)
            fail(temporary, "cannot create",
                 errno == ENOENT ? "create its directory" : "look at the directory's permissions");
        write_all(file.get(), bytes, temporary);
        if (::fsync(file.get()) != 0) fail(temporary, "cannot sync", look_at_disk);
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "cannot replace", look_at_disk);
    sync_directory(directory_of(path));
}

} // namespace net
