#include "ctdbd/daemon/client.h"

#include "net/logs.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/container/static_vector.hpp>

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <malloc.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ctdbd::daemon {

namespace {

using boost::system::error_code;

constexpr int backlog = 100;
// Answers that a client has not read: with more of them it is not listened to.
constexpr std::size_t unread_bytes_max = 16u << 20;
// Messages that a client has not read: with more of them it is hung up on, however few they are.
constexpr std::size_t unread_messages_max = 256u << 20;
constexpr std::size_t gathered_max = 64; // packets in one write

void throw_last_error(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

pid_t peer_of(Client::Socket& socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return 0;
    return peer.pid;
}

} // namespace

// -- one client

Client::Client(Clients& clients, ClientId id, Socket socket)
    : clients_(&clients), id_(id), pid_(peer_of(socket)), socket_(std::move(socket)) {
    socket_.non_blocking(true);
}

bool Client::may_read() const {
    return clients_ != nullptr && !clients_->held_ && !reading_ && queue_bytes_ < unread_bytes_max;
}

void Client::read() {
    if (!may_read()) return;
    reading_ = true;
    const auto room = framer_.room();
    socket_.async_read_some(boost::asio::buffer(room.data(), room.size()),
                            [self = shared_from_this()](const error_code& error, std::size_t size) {
                                self->reading_ = false;
                                if (self->clients_ == nullptr) return;
                                if (error) {
                                    self->clients_->remove(*self);
                                    return;
                                }
                                self->framer_.filled(size);
                                self->handle_packets();
                                self->read();
                            });
}

// What has arrived in one read is handled in one turn, unless we must stop listening: the rest then
// waits in the framer.
void Client::handle_packets() {
    while (may_read()) {
        const auto packet = framer_.next();
        if (!packet) break;
        ++clients_->counts_.packets_received;
        clients_->handler_->packet_arrived(*this, *packet);
    }
    if (clients_ == nullptr || !framer_.broken()) return;
    logs::clients().warn("client {} (pid {}) sent what is not a packet; it is disconnected", id_,
                         pid_);
    clients_->remove(*this);
}

void Client::send(Bytes packet) {
    if (clients_ == nullptr) return;
    ++clients_->counts_.packets_sent;
    queue_bytes_ += packet.size();
    queue_.push_back(std::move(packet));
    if (writing_ == 0) write();
}

void Client::send_message(Bytes packet) {
    if (clients_ == nullptr) return;
    if (queue_.size() > clients_->messages_max_ || queue_bytes_ > unread_messages_max) {
        logs::clients().error("client {} (pid {}) does not read its messages; it is disconnected",
                              id_, pid_);
        close();
        return;
    }
    send(std::move(packet));
}

void Client::write() {
    boost::container::static_vector<boost::asio::const_buffer, gathered_max> buffers;
    for (const Bytes& packet : queue_) {
        if (buffers.size() == gathered_max) break;
        buffers.emplace_back(packet.data(), packet.size());
    }
    writing_ = buffers.size();
    boost::asio::async_write(socket_, buffers,
                             [self = shared_from_this()](const error_code& error, std::size_t) {
                                 if (self->clients_ == nullptr) return;
                                 if (error) {
                                     self->clients_->remove(*self);
                                     return;
                                 }
                                 for (; self->writing_ > 0; --self->writing_) {
                                     self->queue_bytes_ -= self->queue_.front().size();
                                     self->queue_.pop_front();
                                 }
                                 if (!self->queue_.empty()) self->write();
                                 self->handle_packets();
                                 self->read();
                             });
}

void Client::close() {
    boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
        if (self->clients_ != nullptr) self->clients_->remove(*self);
    });
}

// -- all of them

Clients::Clients(boost::asio::io_context& loop, const std::filesystem::path& path, bool test_mode)
    : loop_(loop), acceptor_(loop), retry_(loop) {
    std::filesystem::remove(path);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) throw_last_error("socket");
    acceptor_.assign(boost::asio::local::stream_protocol(), listener);
    // No moment in which others could connect: the mode is right before the socket listens.
    acceptor_.bind(boost::asio::local::stream_protocol::endpoint(path.string()));
    if (chmod(path.c_str(), 0700) != 0) throw_last_error(path.string());
    if (!test_mode && chown(path.c_str(), geteuid(), getegid()) != 0)
        throw_last_error(path.string());
    acceptor_.listen(backlog);
}

Clients::~Clients() {
    for (const auto& [id, client] : clients_)
        client->clients_ = nullptr;
}

void Clients::accept_for(ClientHandler& handler) {
    handler_ = &handler;
    accept();
}

void Clients::accept() {
    acceptor_.async_accept([this](const error_code& error, Client::Socket socket) {
        if (error == boost::asio::error::operation_aborted) return;
        if (error) {
            // Most likely out of descriptors: those who wait in the backlog are served later.
            logs::clients().error("cannot accept a client: {}", error.message());
            retry_.expires_after(std::chrono::milliseconds(100));
            retry_.async_wait([this](const error_code& cancelled) {
                if (!cancelled) accept();
            });
            return;
        }
        fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
        do
            ++last_id_;
        while (last_id_ == 0 || clients_.contains(last_id_));
        const auto client = std::make_shared<Client>(*this, last_id_, std::move(socket));
        clients_.emplace(last_id_, client);
        client->read();
        accept();
    });
}

Client* Clients::find(ClientId id) {
    const auto found = clients_.find(id);
    return found != clients_.end() ? found->second.get() : nullptr;
}

void Clients::remove(Client& client) {
    const auto self = client.shared_from_this();
    clients_.erase(client.id_);
    client.clients_ = nullptr;
    error_code ignored;
    client.socket_.close(ignored);
    handler_->client_gone(client);
    // What a client that never read made us keep belongs to the machine again, not to our heap.
    const bool much = client.queue_bytes_ > unread_bytes_max;
    client.queue_.clear();
    if (much) malloc_trim(0);
}

void Clients::hold(bool held) {
    if (held_ == held) return;
    held_ = held;
    if (held) return;
    // Those who were held go on in a turn of their own: we may be inside one of their packets.
    for (const auto& [id, client] : clients_)
        boost::asio::post(loop_, [self = client] {
            if (self->clients_ == nullptr) return;
            self->handle_packets();
            self->read();
        });
}

void Clients::close_all() {
    error_code ignored;
    acceptor_.close(ignored);
    while (!clients_.empty())
        remove(*clients_.begin()->second);
}

} // namespace ctdbd::daemon
