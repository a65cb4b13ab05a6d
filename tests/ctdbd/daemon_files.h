// What tests of the daemon's files share: a directory of their own, short bytes, a loop to turn.
#pragma once

#include "base/bytes.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace ctdbd::daemon {

class TestDirectory {
public:
    TestDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "totem-ctdb.XXXXXX").string();
        path_ = mkdtemp(name.data());
    }

    TestDirectory(const TestDirectory&) = delete;
    TestDirectory& operator=(const TestDirectory&) = delete;

    ~TestDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

inline base::Bytes bytes(std::string_view text) { return base::Bytes::copy_of(text); }

// Turns the loop until `done` says so; false after a time that no honest run needs.
template <class Done>
bool turn_until(boost::asio::io_context& loop, Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
        loop.restart();
        loop.run_one_for(std::chrono::milliseconds(100));
    }
    return done();
}

} // namespace ctdbd::daemon
