#include "ctdbd/daemon/projection.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>

namespace ctdbd::daemon {

// The time of birth tells files apart whose inode number is the same one after the other; where
// file systems do not know it, it is zero for all of them.
journal::FileIdentity identity_of(const std::filesystem::path& path) {
    struct statx status {};

    if (statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &status) != 0)
        throw TdbError(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    return {status.stx_ino, status.stx_btime.tv_sec, status.stx_btime.tv_nsec};
}

} // namespace ctdbd::daemon
