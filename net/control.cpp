#include "net/control.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace net {

namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

// The daemon runs scripts. A connection that one of them inherited would not end when we close it.
void keep_from_children(int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); }

[[noreturn]] void fail(const std::filesystem::path& path, std::string_view what) {
    throw std::runtime_error(fmt::format("{}: {}", path.string(), what));
}

// A file system keeps the name of a socket whose daemon died. Nobody answers there, so it may go.
void remove_stale_socket(asio::io_context& context, const std::filesystem::path& path) {
    struct stat status {};

    if (::lstat(path.c_str(), &status) != 0) return; // bind() will say what else is wrong
    if (!S_ISSOCK(status.st_mode))
        fail(path, "is there and is no socket; remove it, or configure another control socket");
    Local::socket attempt(context);
    error_code error;
    attempt.connect(Local::endpoint(path.string()), error);
    if (!error) fail(path, "another daemon listens there; stop it first");
    if (error != asio::error::connection_refused)
        fail(path, fmt::format("cannot tell if a daemon listens there: {}", error.message()));
    ::unlink(path.c_str());
}

} // namespace

// The listening socket and the connections, each of which keeps itself alive while an operation of
// its own is under way and holds the door only weakly: a door that is gone ends them.
class ControlDoor : public std::enable_shared_from_this<ControlDoor> {
public:
    ControlDoor(asio::io_context& context, std::filesystem::path path);
    ~ControlDoor();

    void accept();
    void answer(std::uint64_t number, const json::object& answer);
    void gone(std::uint64_t number);
    // False: that was no request.
    [[nodiscard]] bool request(std::uint64_t number, std::string_view line);

    std::map<std::string, ControlServer::Handler, std::less<>> handlers;
    ControlServer::Gone on_gone;

private:
    class Connection;

    asio::io_context& context_;
    std::filesystem::path path_;
    Local::acceptor acceptor_;
    asio::steady_timer pause_; // when there is no descriptor left to accept with
    std::map<std::uint64_t, std::shared_ptr<Connection>> connections_;
    std::uint64_t last_number_ = 0;
};

class ControlDoor::Connection : public std::enable_shared_from_this<ControlDoor::Connection> {
public:
    Connection(Local::socket socket, std::weak_ptr<ControlDoor> door, std::uint64_t number)
        : socket_(std::move(socket)), door_(std::move(door)), number_(number) {}

    void read();
    void send(const json::object& answer);
    void close(); // now; what was not sent is lost

private:
    void read_one(const error_code& error, std::size_t size);
    void write();
    void end_after_answers();
    void end();

    Local::socket socket_;
    std::weak_ptr<ControlDoor> door_;
    std::uint64_t number_;
    std::string incoming_;
    std::string waiting_, outgoing_; // answers; outgoing_ is being written when not empty
    bool ending_ = false;            // no more requests are read
};

void ControlDoor::Connection::read() {
    asio::async_read_until(socket_, asio::dynamic_buffer(incoming_, control_line_max), '\n',
                           [self = shared_from_this()](const error_code& error, std::size_t size) {
                               self->read_one(error, size);
                           });
}

void ControlDoor::Connection::read_one(const error_code& error, std::size_t size) {
    const auto door = door_.lock();
    if (!door || error == asio::error::operation_aborted) return;
    if (error == asio::error::not_found) // read_until filled its buffer without a line's end
        door->answer(number_, {{"error", fmt::format("a request is one line of at most {} bytes",
                                                     control_line_max)}});
    if (error) return end_after_answers();
    const std::string line = incoming_.substr(0, size - 1);
    incoming_.erase(0, size);
    if (!door->request(number_, line)) return end_after_answers();
    if (!ending_) read();
}

void ControlDoor::Connection::send(const json::object& answer) {
    if (waiting_.size() > control_unread_max) {
        // Whoever does not read for that long will not miss us. Not now: our caller is a handler
        // that does not expect the connection to go while it speaks.
        asio::post(socket_.get_executor(), [self = shared_from_this()] { self->end(); });
        return;
    }
    waiting_ += json::serialize(answer);
    waiting_ += '\n';
    if (outgoing_.empty()) write();
}

void ControlDoor::Connection::write() {
    outgoing_.swap(waiting_);
    asio::async_write(socket_, asio::buffer(outgoing_),
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                          self->outgoing_.clear();
                          if (error) return self->end();
                          if (!self->waiting_.empty()) return self->write();
                          if (self->ending_) self->end();
                      });
}

void ControlDoor::Connection::end_after_answers() {
    ending_ = true;
    if (outgoing_.empty()) end();
}

void ControlDoor::Connection::end() {
    close();
    if (const auto door = door_.lock()) door->gone(number_);
}

void ControlDoor::Connection::close() {
    ending_ = true;
    error_code ignored;
    socket_.close(ignored);
}

ControlDoor::ControlDoor(asio::io_context& context, std::filesystem::path path)
    : context_(context), path_(std::move(path)), acceptor_(context), pause_(context) {
    remove_stale_socket(context_, path_);
    acceptor_.open();
    keep_from_children(acceptor_.native_handle());
    error_code error;
    acceptor_.bind(Local::endpoint(path_.string()), error);
    if (error) fail(path_, fmt::format("cannot make the control socket: {}", error.message()));
    // Between bind() and listen() nobody can connect, so there is no moment with a wider mode.
    if (::chmod(path_.c_str(), 0600) != 0) fail(path_, std::strerror(errno));
    acceptor_.listen();
}

ControlDoor::~ControlDoor() {
    for (const auto& [number, connection] : connections_)
        connection->close();
    ::unlink(path_.c_str());
}

void ControlDoor::accept() {
    const auto accepted = [weak = weak_from_this()](const error_code& error, Local::socket socket) {
        const auto door = weak.lock();
        if (!door || error == asio::error::operation_aborted) return;
        if (error) {
            door->pause_.expires_after(std::chrono::seconds(1));
            door->pause_.async_wait([weak](const error_code& stopped) {
                if (const auto again = weak.lock(); again && !stopped) again->accept();
            });
            return;
        }
        keep_from_children(socket.native_handle());
        const std::uint64_t number = ++door->last_number_;
        const auto connection = std::make_shared<Connection>(std::move(socket), weak, number);
        door->connections_.emplace(number, connection);
        connection->read();
        door->accept();
    };
    acceptor_.async_accept(accepted);
}

bool ControlDoor::request(std::uint64_t number, std::string_view line) {
    ControlConnection from(weak_from_this(), number);
    error_code error;
    const json::value value = json::parse(line, error);
    const json::object* request = error ? nullptr : value.if_object();
    const json::value* verb = request != nullptr ? request->if_contains("verb") : nullptr;
    if (verb == nullptr || !verb->is_string()) {
        from.refuse("a request is a JSON object with a verb, on one line");
        return false;
    }
    const auto handler = handlers.find(std::string_view(verb->get_string()));
    if (handler == handlers.end())
        from.refuse(fmt::format("unknown verb `{}`", std::string_view(verb->get_string())));
    else
        handler->second(*request, from);
    return true;
}

void ControlDoor::answer(std::uint64_t number, const json::object& answer) {
    const auto found = connections_.find(number);
    if (found != connections_.end()) found->second->send(answer);
}

void ControlDoor::gone(std::uint64_t number) {
    if (connections_.erase(number) == 0 || !on_gone) return; // both a read and a write may fail
    ControlConnection who(weak_from_this(), number);
    on_gone(who);
}

void ControlConnection::answer(const boost::json::object& answer) const {
    if (const auto door = door_.lock()) door->answer(number_, answer);
}

void ControlConnection::refuse(std::string_view sentence) const { answer({{"error", sentence}}); }

ControlServer::ControlServer(asio::io_context& context, const std::filesystem::path& path)
    : door_(std::make_shared<ControlDoor>(context, path)) {
    door_->accept();
}

ControlServer::~ControlServer() = default;

void ControlServer::on(std::string verb, Handler handler) {
    door_->handlers.insert_or_assign(std::move(verb), std::move(handler));
}

void ControlServer::on_gone(Gone callback) { door_->on_gone = std::move(callback); }

} // namespace net
