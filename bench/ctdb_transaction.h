// Persistent transactions as smbd does them (ctdb-behaviour.md 1.5.8, 1.5.9): a lock in g_lock.tdb
// that clients of all nodes queue for, the writes in one buffer, one commit.
//
// The lock is ours in its form, and smbd's in what it costs the daemon: the waiters stand in the
// lock's record, and whoever leaves wakes the next one with a message.
#pragma once

#include "bench/ctdb_client.h"

#include <map>

namespace bench {

class GlobalLock {
public:
    // `client` must outlive it and receives no other messages under the process id.
    explicit GlobalLock(Client& client);

    void lock(const std::string& name);
    void unlock(const std::string& name);

private:
    Client& client_;
    Database records_;
    std::uint64_t self_;
};

class PersistentDatabase {
public:
    PersistentDatabase(Client& client, GlobalLock& lock, const std::string& name);

    // The new value of each key, from its old one.
    using Change = std::function<std::string(std::string)>;

    // Returns how often the commit had to be sent.
    unsigned transact(const std::map<std::string, Change>& changes);

    [[nodiscard]] std::uint64_t sequence() const;

private:
    [[nodiscard]] protocol::RecordData
    record(const std::string& key, const std::string& stored, std::string_view value) const;
    unsigned commit(const protocol::MarshallBuffer& writes, std::uint64_t sequence_before);

    Client& client_;
    GlobalLock& lock_;
    Database database_;
    std::string lock_name_;
};

} // namespace bench
