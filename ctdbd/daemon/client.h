// The unix socket and the processes connected to it (ctdb-wire.md 1.1, 1.5): who they are, packets
// in, packets out, how much may wait.
//
// Nothing here knows what a packet means. A client that breaks the framing, or does not read the
// messages it asked for, is hung up on; one that asks faster than it reads its answers is not
// listened to until it has read some.
#pragma once

#include "ctdbd/protocol/frame.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <sys/types.h>

namespace ctdbd::daemon {

using base::Bytes;

using ClientId = std::uint32_t; // never 0: that is "a daemon"

class Client;
class Clients;

// What becomes of packets and clients. A client may be closed in either call.
class ClientHandler {
public:
    virtual ~ClientHandler() = default;
    virtual void packet_arrived(Client& client, const protocol::Packet& packet) = 0;
    // It is disconnected and about to be destroyed; nothing can be sent to it any more.
    virtual void client_gone(Client& client) = 0;
};

// One connection. Owned by Clients; addressed by its id, because it may go at any time.
class Client : public std::enable_shared_from_this<Client> {
public:
    using Socket = boost::asio::local::stream_protocol::socket;

    Client(Clients& clients, ClientId id, Socket socket);

    [[nodiscard]] ClientId id() const { return id_; }

    [[nodiscard]] pid_t pid() const { return pid_; } // as the kernel says, 0 if it does not

    // Answers are always queued.
    void send(Bytes packet);
    // Disconnects it instead if too many packets wait already (MaxQueueDropMsg), or 256 MiB of
    // them.
    void send_message(Bytes packet);

    // What waits for it to read, in bytes.
    [[nodiscard]] std::size_t unread() const { return queue_bytes_; }

    // Hangs up at the end of the current turn of the loop.
    void close();

private:
    friend class Clients;

    void read();
    void handle_packets();
    void write();
    [[nodiscard]] bool may_read() const;

    Clients* clients_; // null once it is closed
    ClientId id_;
    pid_t pid_ = 0;
    Socket socket_;
    protocol::Framer framer_;
    bool reading_ = false;
    // The first `writing_` of these are on their way to the kernel.
    std::deque<Bytes> queue_;
    std::size_t queue_bytes_ = 0;
    std::size_t writing_ = 0;
};

struct ClientCounts {
    std::uint64_t packets_received = 0, packets_sent = 0;
};

class Clients {
public:
    // Binds and listens; throws std::system_error. A stale socket file is replaced. In test mode
    // its owner is left alone.
    Clients(boost::asio::io_context& loop, const std::filesystem::path& path, bool test_mode);
    ~Clients();

    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;

    // From now on connections are accepted; those made earlier have waited. `handler` is borrowed.
    void accept_for(ClientHandler& handler);

    [[nodiscard]] Client* find(ClientId id);

    [[nodiscard]] std::size_t size() const { return clients_.size(); }

    template <class Visit>
    void for_each(Visit visit) {
        for (const auto& [id, client] : clients_)
            visit(*client);
    }

    // While true no client is listened to: what they ask for could not be taken on.
    void hold(bool held);

    void limit_queued_messages(std::size_t packets) { messages_max_ = packets; }

    [[nodiscard]] const ClientCounts& counts() const { return counts_; }

    void close_all();

private:
    friend class Client;

    void accept();
    void remove(Client& client);

    boost::asio::io_context& loop_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    boost::asio::steady_timer retry_;
    ClientHandler* handler_ = nullptr;
    std::map<ClientId, std::shared_ptr<Client>> clients_;
    ClientId last_id_ = 0;
    bool held_ = false;
    std::size_t messages_max_ = 1'000'000;
    ClientCounts counts_;
};

} // namespace ctdbd::daemon
