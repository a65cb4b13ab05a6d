#include "bench/ctdb_transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unistd.h>

namespace bench {

using protocol::ltdb_header_size;
using protocol::Opcode;

namespace {

// One that waits for a lock, or has it: the first in its record.
struct Waiter {
    std::uint64_t srvid = 0;
    std::uint32_t pnn = 0;
    std::uint32_t pad = 0;

    friend bool operator==(const Waiter&, const Waiter&) = default;
};

std::vector<Waiter> waiters_of(const std::string& value) {
    std::vector<Waiter> waiters(value.size() / sizeof(Waiter));
    std::memcpy(waiters.data(), value.data(), waiters.size() * sizeof(Waiter));
    return waiters;
}

std::string value_of(const std::vector<Waiter>& waiters) {
    return {reinterpret_cast<const char*>(waiters.data()), waiters.size() * sizeof(Waiter)};
}

std::string after_header(const std::string& stored) {
    return stored.size() < ltdb_header_size ? "" : stored.substr(ltdb_header_size);
}

std::uint64_t number_of(const std::string& value) {
    std::uint64_t number = 0;
    if (value.size() == sizeof number) std::memcpy(&number, value.data(), sizeof number);
    return number;
}

} // namespace

GlobalLock::GlobalLock(Client& client)
    : client_(client), records_(client, "g_lock.tdb", DatabaseKind::volatile_records),
      self_(static_cast<std::uint64_t>(getpid())) {
    client.must(Opcode::register_srvid, {}, self_);
}

void GlobalLock::lock(const std::string& name) {
    const Waiter us{self_, client_.pnn(), 0};
    for (;;) {
        bool first = false;
        records_.update(name, [&](const std::string& value) {
            std::vector<Waiter> waiters = waiters_of(value);
            if (std::find(waiters.begin(), waiters.end(), us) == waiters.end())
                waiters.push_back(us);
            first = waiters.front() == us;
            return value_of(waiters);
        });
        if (first) return;
        client_.next_message();
    }
}

void GlobalLock::unlock(const std::string& name) {
    std::optional<Waiter> next;
    records_.update(name, [&](const std::string& value) {
        std::vector<Waiter> waiters = waiters_of(value);
        if (!waiters.empty()) waiters.erase(waiters.begin());
        if (!waiters.empty()) next = waiters.front();
        return value_of(waiters);
    });
    if (next)
        client_.send_message(next->pnn, next->srvid, Bytes::copy_of(name));
    else
        records_.schedule_for_deletion(name);
}

PersistentDatabase::PersistentDatabase(Client& client, GlobalLock& lock, const std::string& name)
    : client_(client), lock_(lock), database_(client, name, DatabaseKind::persistent),
      lock_name_(fmt::format("transaction_db_0x{:08x}", database_.id())) {
    lock_name_.push_back('\0');
}

std::uint64_t PersistentDatabase::sequence() const {
    return number_of(
        after_header(database_.stored(std::string(protocol::seqnum_key)).value_or("")));
}

protocol::RecordData PersistentDatabase::record(const std::string& key,
                                                const std::string& stored,
                                                std::string_view value) const {
    const auto before = protocol::read_ltdb_header(
        {reinterpret_cast<const std::uint8_t*>(stored.data()), stored.size()});
    const protocol::LtdbHeader header{
        .rsn = (before ? before->rsn : 0) + 1, .dmaster = client_.pnn(), .flags = 0};
    return {.key = Bytes::copy_of(key),
            .data = protocol::record_value(
                header, {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()})};
}

unsigned PersistentDatabase::transact(const std::map<std::string, Change>& changes) {
    lock_.lock(lock_name_);
    protocol::MarshallBuffer writes{.db_id = database_.id(), .records = {}};
    const auto add = [&](const std::string& key, const Change& change) {
        const std::string stored = database_.stored(key).value_or("");
        writes.records.push_back(record(key, stored, change(after_header(stored))));
    };
    for (const auto& [key, change] : changes)
        add(key, change);
    const std::uint64_t before = sequence(), after = before + 1;
    add(std::string(protocol::seqnum_key), [&](const std::string&) {
        return std::string(reinterpret_cast<const char*>(&after), sizeof after);
    });
    const unsigned sent = commit(writes, before);
    lock_.unlock(lock_name_);
    return sent;
}

unsigned PersistentDatabase::commit(const protocol::MarshallBuffer& writes,
                                    std::uint64_t sequence_before) {
    for (unsigned sent = 1;; ++sent) {
        const auto reply =
            client_.control(Opcode::trans3_commit, protocol::encode(writes), database_.id());
        const std::uint64_t now = sequence();
        if (reply.status == 0 || now == sequence_before + 1) return sent;
        if (now != sequence_before)
            throw ClientError(fmt::format("a commit failed with status {} and left sequence {}",
                                          reply.status, now));
    }
}

} // namespace bench
