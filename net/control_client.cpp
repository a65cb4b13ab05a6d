#include "net/control_client.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>

namespace net {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t answer_max = 16 * 1024 * 1024; // the queue of very many locks

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

// False: not within `patience`; nothing: for ever.
bool wait_readable(int fd, std::optional<milliseconds> patience) {
    const auto end = Clock::now() + patience.value_or(milliseconds(0));
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
        const milliseconds limit = std::clamp(left, milliseconds(0), milliseconds(3'600'000));
        pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
        const int ready = ::poll(&one, 1, patience ? static_cast<int>(limit.count()) : -1);
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return true; // recv() will say what is wrong
        if (patience && Clock::now() >= end) return false;
    }
}

} // namespace

std::filesystem::path default_control_socket() {
    if (const std::string named = environment("TOTEM_SOCKET"); !named.empty()) return named;
    const std::string base = environment("CTDB_BASE");
    if (!environment("CTDB_TEST_MODE").empty() && !base.empty())
        return std::filesystem::path(base) / "run" / "totem.socket";
    return "/run/ctdb/totem.socket";
}

ControlClient::ControlClient(std::filesystem::path path) : path_(std::move(path)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path_.string();
    if (name.size() >= sizeof address.sun_path) fail("too long for the name of a socket");
    std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
    socket_ = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket_.get() < 0) fail(std::strerror(errno));
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(socket_.get(), where, sizeof address) == 0) return;
    if (errno == ENOENT || errno == ECONNREFUSED)
        fail(fmt::format("{}: is ctdbd running?", std::strerror(errno)));
    fail(std::strerror(errno));
}

void ControlClient::send(const boost::json::object& request) {
    const std::string line = boost::json::serialize(request) + '\n';
    for (std::size_t sent = 0; sent < line.size();) {
        const ssize_t size =
            ::send(socket_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) fail(fmt::format("cannot ask ctdbd: {}", std::strerror(errno)));
        sent += static_cast<std::size_t>(size);
    }
}

boost::json::object ControlClient::next() {
    for (;;) {
        if (auto answer = take_line()) return *std::move(answer);
        wait_readable(socket_.get(), {});
        receive();
    }
}

std::optional<boost::json::object> ControlClient::next(milliseconds patience) {
    const auto end = Clock::now() + patience;
    for (;;) {
        if (auto answer = take_line()) return answer;
        const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
        if (!wait_readable(socket_.get(), std::max(left, milliseconds(0)))) return {};
        receive();
    }
}

std::optional<boost::json::object> ControlClient::take_line() {
    const std::size_t size = received_.find('\n');
    if (size == std::string::npos) return {};
    boost::system::error_code error;
    boost::json::value value = boost::json::parse(received_.substr(0, size), error);
    received_.erase(0, size + 1);
    if (error || !value.is_object()) fail("the answer is not one of ctdbd's");
    boost::json::object& answer = value.get_object();
    const boost::json::value* refusal = answer.if_contains("error");
    if (refusal == nullptr) return std::move(answer);
    if (!refusal->is_string()) fail("the answer is not one of ctdbd's");
    fail(std::string_view(refusal->get_string()));
}

void ControlClient::receive() {
    char buffer[4096];
    const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (size < 0 && errno == EINTR) return;
    // A reset is what the kernel makes of a closing that left our request unread.
    if (size == 0 || (size < 0 && errno == ECONNRESET)) fail("ctdbd closed the connection");
    if (size < 0) fail(fmt::format("cannot hear ctdbd: {}", std::strerror(errno)));
    received_.append(buffer, static_cast<std::size_t>(size));
    if (received_.size() > answer_max) fail("the answer is too long to be one of ctdbd's");
}

void ControlClient::fail(std::string_view what) const {
    throw std::runtime_error(fmt::format("{}: {}", path_.string(), what));
}

} // namespace net
