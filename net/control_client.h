// The tools' side of net/control.h: ask the daemon on this machine, and wait for what it answers.
// For programs that do one thing at a time; the daemon itself never comes here.
#pragma once

#include "net/file.h"

#include <boost/json/object.hpp>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace net {

// $TOTEM_SOCKET; else that of a test cluster ($CTDB_TEST_MODE, $CTDB_BASE); else the system's.
[[nodiscard]] std::filesystem::path default_control_socket();

// Every function throws std::runtime_error with a sentence that names the socket.
class ControlClient {
public:
    explicit ControlClient(std::filesystem::path path);

    void send(const boost::json::object& request);

    // The next answer; an answer {"error": ...} is thrown as such.
    [[nodiscard]] boost::json::object next();
    // Nothing if it does not come in time.
    [[nodiscard]] std::optional<boost::json::object> next(std::chrono::milliseconds patience);

    // Readable when next() has something that it did not yet take from the kernel.
    [[nodiscard]] int fd() const { return socket_.get(); }

private:
    [[nodiscard]] std::optional<boost::json::object> take_line();
    void receive();
    [[noreturn]] void fail(std::string_view what) const;

    std::filesystem::path path_;
    Descriptor socket_;
    std::string received_;
};

} // namespace net
