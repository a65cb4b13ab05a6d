#include "bench/ctdb_client.h"

#include <fmt/format.h>
#include <tdb.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace bench {

using protocol::Opcode;

Client::Client(const std::string& socket_path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof(address.sun_path))
        throw ClientError(fmt::format("{}: a socket's path has at most 107 bytes", socket_path));
    std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0 ||
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        throw ClientError(
            fmt::format("{}: {}: is ctdbd running?", socket_path, std::strerror(errno)));
    pnn_ = static_cast<std::uint32_t>(control(Opcode::get_pnn).status);
}

Client::~Client() {
    if (socket_ >= 0) ::close(socket_);
}

void Client::send(const Bytes& packet) {
    std::size_t sent = 0;
    while (sent < packet.size()) {
        const ssize_t n = ::send(socket_, packet.data() + sent, packet.size() - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw ClientError(fmt::format("sending to ctdbd: {}", std::strerror(errno)));
        sent += static_cast<std::size_t>(n);
    }
}

protocol::Packet Client::receive() {
    for (;;) {
        if (auto packet = framer_.next()) return *packet;
        if (framer_.broken()) throw ClientError("ctdbd sent a packet of no length");
        const auto room = framer_.room();
        const ssize_t n = ::recv(socket_, room.data(), room.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) throw ClientError("ctdbd closed the connection");
        if (n < 0) throw ClientError(fmt::format("receiving from ctdbd: {}", std::strerror(errno)));
        framer_.filled(static_cast<std::size_t>(n));
    }
}

protocol::Packet Client::receive_reply(std::uint32_t reqid) {
    for (;;) {
        protocol::Packet packet = receive();
        if (packet.header.operation == protocol::Operation::req_message)
            messages_.push_back(protocol::decode<protocol::Message>(packet.body()).value());
        else if (packet.header.reqid == reqid)
            return packet;
    }
}

protocol::ReplyControl
Client::control(Opcode opcode, const Bytes& data, std::uint64_t srvid, std::uint32_t destination) {
    const std::uint32_t reqid = next_reqid_++;
    send(encode_packet({.destnode = destination, .reqid = reqid},
                       protocol::Control{.opcode = opcode, .srvid = srvid, .data = data},
                       protocol::Padding::none));
    return protocol::decode<protocol::ReplyControl>(receive_reply(reqid).body()).value();
}

Bytes Client::must(Opcode opcode, const Bytes& data, std::uint64_t srvid) {
    protocol::ReplyControl reply = control(opcode, data, srvid);
    if (reply.status != 0)
        throw ClientError(fmt::format("control {} failed with status {}: {}",
                                      static_cast<std::uint32_t>(opcode), reply.status,
                                      reply.error.empty() ? "no reason given" : reply.error));
    return reply.data;
}

void Client::post(Opcode opcode, const Bytes& data) {
    send(encode_packet(
        {.destnode = protocol::pnn::current_node, .reqid = next_reqid_++},
        protocol::Control{.opcode = opcode, .flags = protocol::control_flag::noreply, .data = data},
        protocol::Padding::none));
}

Bytes Client::call(std::uint32_t db_id,
                   const Bytes& key,
                   std::uint32_t callid,
                   std::uint32_t flags) {
    const std::uint32_t reqid = begin_call(db_id, key, callid, flags);
    return protocol::decode<protocol::ReplyCall>(receive_reply(reqid).body()).value().data;
}

std::uint32_t Client::begin_call(std::uint32_t db_id,
                                 const Bytes& key,
                                 std::uint32_t callid,
                                 std::uint32_t flags) {
    const std::uint32_t reqid = next_reqid_++;
    send(encode_packet({.reqid = reqid},
                       protocol::Call{.flags = flags, .db_id = db_id, .callid = callid, .key = key},
                       protocol::Padding::none));
    return reqid;
}

std::uint32_t Client::next_answered_call() {
    for (;;) {
        const protocol::Packet packet = receive();
        if (packet.header.operation == protocol::Operation::req_message)
            messages_.push_back(protocol::decode<protocol::Message>(packet.body()).value());
        else if (packet.header.operation == protocol::Operation::reply_call)
            return packet.header.reqid;
    }
}

void Client::send_message(std::uint32_t destination, std::uint64_t srvid, const Bytes& data) {
    send(encode_packet({.destnode = destination, .srcnode = pnn_},
                       protocol::Message{.srvid = srvid, .data = data}, protocol::Padding::none));
}

protocol::Message Client::next_message() {
    while (messages_.empty()) {
        const protocol::Packet packet = receive();
        if (packet.header.operation == protocol::Operation::req_message)
            messages_.push_back(protocol::decode<protocol::Message>(packet.body()).value());
    }
    protocol::Message message = std::move(messages_.front());
    messages_.pop_front();
    return message;
}

// -- databases
// ------------------------------------------------------------------------------------------

namespace {

struct TdbCloser {
    void operator()(tdb_context* tdb) const { tdb_close(tdb); }
};

struct Freed {
    void operator()(void* memory) const { std::free(memory); } // libtdb allocates with malloc
};

TDB_DATA as_tdb(const std::string& text) {
    return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())), text.size()};
}

class ChainLock {
public:
    ChainLock(tdb_context* tdb, const std::string& key) : tdb_(tdb), key_(as_tdb(key)) {
        if (tdb_chainlock(tdb_, key_) != 0)
            throw ClientError(fmt::format("chain lock: {}", tdb_errorstr(tdb_)));
    }

    ~ChainLock() { tdb_chainunlock(tdb_, key_); }

    ChainLock(const ChainLock&) = delete;
    ChainLock& operator=(const ChainLock&) = delete;

private:
    tdb_context* tdb_;
    TDB_DATA key_;
};

Opcode attach_opcode(DatabaseKind kind) {
    switch (kind) {
    case DatabaseKind::persistent:
        return Opcode::db_attach_persistent;
    case DatabaseKind::replicated:
        return Opcode::db_attach_replicated;
    case DatabaseKind::volatile_records:
        break;
    }
    return Opcode::db_attach;
}

} // namespace

struct Database::File {
    std::unique_ptr<tdb_context, TdbCloser> tdb;
};

Database::Database(Client& client, const std::string& name, DatabaseKind kind)
    : client_(client), file_(std::make_unique<File>()) {
    id_ = protocol::decode<std::uint32_t>(
              client.must(attach_opcode(kind), protocol::encode_string(name)))
              .value();
    const Bytes id = protocol::encode(id_);
    const auto path = protocol::decode_string(client.must(Opcode::getdbpath, id)).value();
    const auto flags =
        protocol::decode<std::int32_t>(client.must(Opcode::db_open_flags, id)).value();
    file_->tdb.reset(tdb_open(path.value_or("").c_str(), 0, flags, O_RDWR, 0600));
    if (file_->tdb == nullptr)
        throw ClientError(fmt::format("{}: {}", path.value_or(""), std::strerror(errno)));
}

Database::~Database() = default;

bool Database::change_here(const std::string& key,
                           const std::function<std::string(std::string)>& change) {
    tdb_context* tdb = file_->tdb.get();
    const ChainLock lock(tdb, key);
    const TDB_DATA found = tdb_fetch(tdb, as_tdb(key));
    const std::unique_ptr<unsigned char, Freed> memory(found.dptr);
    const auto header = protocol::read_ltdb_header({found.dptr, found.dsize});
    if (!header || header->dmaster != client_.pnn() ||
        (header->flags & protocol::record_flag::ro_have_delegations) != 0)
        return false;
    std::string value(reinterpret_cast<const char*>(found.dptr), found.dsize);
    value = value.substr(0, protocol::ltdb_header_size) +
            change(value.substr(protocol::ltdb_header_size));
    if (tdb_store(tdb, as_tdb(key), as_tdb(value), TDB_REPLACE) != 0)
        throw ClientError(fmt::format("store: {}", tdb_errorstr(tdb)));
    return true;
}

// The loop of ctdb-behaviour.md 1.5.1, endless like smbd's.
unsigned Database::update(const std::string& key,
                          const std::function<std::string(std::string)>& change) {
    unsigned asked = 0;
    for (; !change_here(key, change); ++asked)
        (void)client_.call(id_, Bytes::copy_of(key), protocol::call_id::null,
                           protocol::call_flag::immediate_migration);
    return asked;
}

void Database::update_all(const std::vector<std::string>& keys,
                          const std::function<std::string(std::string)>& change) {
    constexpr std::size_t at_once_max = 256;
    std::map<std::uint32_t, std::size_t> asked;
    const auto ask = [&](std::size_t i) {
        asked.emplace(client_.begin_call(id_, Bytes::copy_of(keys[i]), protocol::call_id::null,
                                         protocol::call_flag::immediate_migration),
                      i);
    };
    for (std::size_t next = 0; next < keys.size() || !asked.empty();) {
        if (next < keys.size() && asked.size() < at_once_max) {
            ask(next++);
            continue;
        }
        const auto answered = asked.extract(client_.next_answered_call());
        if (answered && !change_here(keys[answered.mapped()], change)) ask(answered.mapped());
    }
}

std::optional<std::string> Database::stored(const std::string& key) const {
    const TDB_DATA found = tdb_fetch(file_->tdb.get(), as_tdb(key));
    const std::unique_ptr<unsigned char, Freed> memory(found.dptr);
    if (found.dptr == nullptr) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(found.dptr), found.dsize);
}

void Database::schedule_for_deletion(const std::string& key) {
    const std::string value = stored(key).value_or("");
    const auto header = protocol::read_ltdb_header(
        {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
    if (!header) return;
    client_.post(Opcode::schedule_for_deletion,
                 protocol::encode(protocol::KeyData{id_, *header, Bytes::copy_of(key)}));
}

} // namespace bench
