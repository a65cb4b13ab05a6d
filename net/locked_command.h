// One command under one of the cluster's locks, as flock(1) does for a file: what totem-lock is
// made of. The lock lives as long as the connection to ctdbd, and the command inherits that
// connection: if totem-lock is killed, the lock stays with the command until it ends.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace net {

struct LockedCommand {
    std::filesystem::path socket;
    std::string lock;
    std::vector<std::string> command;                  // looked for in $PATH; never empty
    std::optional<std::chrono::milliseconds> patience; // nothing: wait for the lock for ever
    int conflict_exit_code = 1;                        // when patience ends
    bool kill_on_loss = false;
};

namespace lock_exit {
inline constexpr int lost = 5;
inline constexpr int misused = 64;     // EX_USAGE
inline constexpr int unavailable = 69; // EX_UNAVAILABLE: no daemon, or it refuses
inline constexpr int not_runnable = 126;
inline constexpr int not_found = 127;
inline constexpr int by_signal = 128; // and the signal's number
} // namespace lock_exit

// Waits, runs, releases; returns the exit status that the program should have. SIGINT, SIGTERM and
// SIGHUP end the waiting, and are passed on to the command once it runs. What a person must know
// goes to standard error. Throws std::runtime_error if the daemon is not there or refuses.
[[nodiscard]] int run_locked(const LockedCommand& what);

} // namespace net
