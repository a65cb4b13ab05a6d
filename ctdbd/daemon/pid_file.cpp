#include "ctdbd/daemon/pid_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace ctdbd::daemon {

namespace {

[[noreturn]] void fail(int descriptor, const std::filesystem::path& path) {
    const int error = errno;
    if (descriptor >= 0) close(descriptor);
    throw std::system_error(error == EACCES ? EAGAIN : error, std::generic_category(),
                            path.string());
}

} // namespace

PidFile::PidFile(std::filesystem::path path)
    : path_(std::move(path)), descriptor_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) fail(descriptor_, path_);
    flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(descriptor_, F_SETLK, &lock) != 0) fail(descriptor_, path_);
    const std::string text = fmt::format("{}\n", getpid());
    if (ftruncate(descriptor_, 0) != 0 ||
        write(descriptor_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        fail(descriptor_, path_);
}

PidFile::~PidFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    close(descriptor_);
}

} // namespace ctdbd::daemon
