// The pid file: says who we are, and its lock says that we live. A second daemon on the same
// directory finds it locked and does not start (exit 11); what a killed one left behind is taken
// over.
#pragma once

#include <filesystem>

namespace ctdbd::daemon {

class PidFile {
public:
    // Throws std::system_error; with EAGAIN if a living daemon holds it.
    explicit PidFile(std::filesystem::path path);
    ~PidFile(); // removes it

    PidFile(const PidFile&) = delete;
    PidFile& operator=(const PidFile&) = delete;

private:
    std::filesystem::path path_;
    int descriptor_;
};

} // namespace ctdbd::daemon
