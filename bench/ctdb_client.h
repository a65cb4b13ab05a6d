// A client of any ctdbd, packaged or ours: what smbd does, in the smallest honest form
// (ctdb-behaviour.md 1.3 to 1.5). Blocking, one connection, one thread; for measuring and testing
// daemons, not for embedding.
#pragma once

#include "ctdbd/protocol/packets.h"
#include "ctdbd/protocol/records.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

using base::Bytes;
namespace protocol = ctdbd::protocol;

// The daemon or the file system said no; the sentence names what was asked.
struct ClientError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Client {
public:
    explicit Client(const std::string& socket_path);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Sends the control and waits for its reply; the status is the caller's to judge.
    protocol::ReplyControl control(protocol::Opcode opcode,
                                   const Bytes& data = {},
                                   std::uint64_t srvid = 0,
                                   std::uint32_t destination = protocol::pnn::current_node);
    // The same where only status 0 will do.
    Bytes must(protocol::Opcode opcode, const Bytes& data = {}, std::uint64_t srvid = 0);
    // Does not wait: SCHEDULE_FOR_DELETION and the like.
    void post(protocol::Opcode opcode, const Bytes& data);

    // REQ_CALL; returns the reply's data.
    Bytes call(std::uint32_t db_id, const Bytes& key, std::uint32_t callid, std::uint32_t flags);
    // The same in two halves, for many calls at once; answers come in any order and name the
    // request that begin_call() returned.
    std::uint32_t
    begin_call(std::uint32_t db_id, const Bytes& key, std::uint32_t callid, std::uint32_t flags);
    std::uint32_t next_answered_call();

    void send_message(std::uint32_t destination, std::uint64_t srvid, const Bytes& data);
    protocol::Message next_message(); // waits for one

    [[nodiscard]] std::uint32_t pnn() const { return pnn_; }

private:
    protocol::Packet receive();
    protocol::Packet receive_reply(std::uint32_t reqid);
    void send(const Bytes& packet);

    int socket_ = -1;
    std::uint32_t next_reqid_ = 1;
    std::uint32_t pnn_ = 0;
    protocol::Framer framer_;
    std::deque<protocol::Message> messages_; // arrived while we waited for a reply
};

enum class DatabaseKind : std::uint8_t { volatile_records, persistent, replicated };

// An attached database: the daemon's file, opened as the daemon says.
class Database {
public:
    Database(Client& client, const std::string& name, DatabaseKind kind);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Under the record's chain lock and with this node its owner: hands the value (without header)
    // to `change` and stores what it returns. Returns how often the record had to be asked for.
    unsigned update(const std::string& key, const std::function<std::string(std::string)>& change);

    // The same for many records, asked for many at a time.
    void update_all(const std::vector<std::string>& keys,
                    const std::function<std::string(std::string)>& change);

    // The record as this node's file has it, header included; nothing if it has none.
    [[nodiscard]] std::optional<std::string> stored(const std::string& key) const;

    // The record was emptied and may vanish: what smbd says when it deletes one.
    void schedule_for_deletion(const std::string& key);

    [[nodiscard]] std::uint32_t id() const { return id_; }

private:
    struct File;

    // Changes the record if it is here to be changed.
    bool change_here(const std::string& key, const std::function<std::string(std::string)>& change);

    Client& client_;
    std::uint32_t id_ = 0;
    std::unique_ptr<File> file_;
};

} // namespace bench
