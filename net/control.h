// The door for the tools on the same machine: a unix socket where one JSON object a line is asked,
// and one or several a line are answered. Which verbs exist is the daemon's business; the room
// knows lines, objects and who is still there. The tools' side is net/control_client.h.
//
// What ctdbd and its tools say to each other:
//
//     {"verb": "lock", "name": "R1"}      {"granted": "R1"} when it is our turn, at once or later
//                                         {"lost": "R1"} if the component lost its quorum while we
//                                         held it; the claim stands and may be granted again
//     {"verb": "unlock", "name": "R1"}    no answer; closing the connection unlocks all it claimed
//     {"verb": "locks"}                   {"locks": [{"name": "R1",
//                                                     "queue": [{"node": 0, "ticket": 7}, ...]}]}
//                                         the first of a queue holds, the others wait in order
//     {"verb": "status"}                  an object that totemctl prints as it is
//
// What cannot be done is answered with {"error": "a sentence"}. After a line that is no request
// (not a JSON object, no verb, longer than 64 KiB) the connection is closed as well: whoever sent
// it does not speak this protocol.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace net {

inline constexpr std::size_t control_line_max = 64 * 1024;     // of a request
inline constexpr std::size_t control_unread_max = 1024 * 1024; // of answers that nobody reads

class ControlDoor; // the inside of a ControlServer

// Whom to answer. A value to keep as long as one likes, and a key for maps: it is a number and no
// reference, so answering a client that is gone does nothing.
class ControlConnection {
public:
    ControlConnection(std::weak_ptr<ControlDoor> door, std::uint64_t number)
        : door_(std::move(door)), number_(number) {}

    void answer(const boost::json::object& answer) const;
    void refuse(std::string_view sentence) const; // answers {"error": sentence}

    [[nodiscard]] std::uint64_t number() const { return number_; } // never used again by a server

    friend bool operator==(const ControlConnection& a, const ControlConnection& b) {
        return a.number_ == b.number_;
    }

    friend auto operator<=>(const ControlConnection& a, const ControlConnection& b) {
        return a.number_ <=> b.number_;
    }

private:
    std::weak_ptr<ControlDoor> door_;
    std::uint64_t number_ = 0;
};

// Everything here happens on the thread that runs the context.
class ControlServer {
public:
    using Handler =
        std::function<void(const boost::json::object& request, ControlConnection& from)>;
    using Gone = std::function<void(ControlConnection& who)>;

    // Listens at once; only our own user may connect (mode 0600). A socket that a dead daemon left
    // is replaced. Throws std::runtime_error if a living one listens there, or a file is no socket.
    ControlServer(boost::asio::io_context& context, const std::filesystem::path& path);
    ~ControlServer(); // closes all connections without a word to on_gone, removes the socket

    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    // The handler may answer now, later, several times or never.
    void on(std::string verb, Handler handler);
    // Called once for every connection that ends, whoever ended it, never from within answer().
    void on_gone(Gone callback);

private:
    std::shared_ptr<ControlDoor> door_;
};

} // namespace net
