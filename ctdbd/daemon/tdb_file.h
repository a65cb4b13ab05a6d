// One TDB file that clients share with us: open it exactly as they do, lock its chains, read and
// change records, look through all of it (ctdb-behaviour.md 2.3, 2.5).
//
// A TdbFile never decides when to wait: what may block says so, and belongs on a thread other than
// the loop's. fcntl locks belong to the process and are lost with any descriptor of the file that
// it closes, so a file is opened once and stays open; libtdb refuses a second handle anyway. One
// thread at a time may use a TdbFile. Who waits for whom when a chain is taken: chain_locks.h.
#pragma once

#include "base/bytes.h"
#include "ctdbd/protocol/ltdb_header.h"
#include "statedb/databases.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

struct tdb_context;

namespace ctdbd::daemon {

using base::Bytes;
using ByteSpan = std::span<const std::uint8_t>;

using statedb::DatabaseKind;

// A key as bytes, and bytes as a key.
[[nodiscard]] inline ByteSpan span_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

[[nodiscard]] inline std::string_view view_of(ByteSpan bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The file cannot be used: a sentence that names it. While starting up it ends the start; later it
// means that the disk or the file is damaged.
class TdbError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// What the file holds cannot be read.
class DamagedFile : public TdbError {
public:
    using TdbError::TdbError;
};

struct TdbOptions {
    std::filesystem::path path;
    DatabaseKind kind = DatabaseKind::is_volatile;
    bool mutexes = true;      // volatile files only, and only where the system has robust mutexes
    int hash_size = 100'001;  // DatabaseHashSize: of a new file
    int dead_records_max = 5; // DatabaseMaxDead
};

class TdbFile {
public:
    // Creates the file if it is not there. A volatile or replicated file is emptied, unless another
    // process still uses it from an earlier life: then the records in it are nobody's, and this
    // throws.
    explicit TdbFile(TdbOptions options);
    ~TdbFile();
    TdbFile(TdbFile&&) = delete;
    TdbFile& operator=(TdbFile&&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return options_.path; }

    [[nodiscard]] DatabaseKind kind() const { return options_.kind; }

    // With which flags clients and helpers must open it (DB_OPEN_FLAGS).
    [[nodiscard]] int open_flags() const { return open_flags_; }

    // -- chain locks, never blocking. Held by us they nest.
    [[nodiscard]] bool try_lock(ByteSpan key);
    void unlock(ByteSpan key);
    // Another process holds the lock on our behalf (the lock helper): between mark and unmark the
    // calls below work as if we held it.
    void mark_locked(ByteSpan key);
    void unmark_locked(ByteSpan key);
    // The same for the whole file: all chains at once.
    [[nodiscard]] bool try_lock_all();
    void unlock_all();
    void mark_all_locked();
    void unmark_all_locked();

    // -- records. Without the chain lock held or marked these may block.
    // The value, header included; none if there is no such key.
    [[nodiscard]] std::optional<Bytes> fetch(ByteSpan key) const;
    // The same without a copy of the data; a value too short for a header does not exist.
    [[nodiscard]] std::optional<protocol::LtdbHeader> header(ByteSpan key) const;
    void store(ByteSpan key, const protocol::LtdbHeader& header, ByteSpan data);
    void store(ByteSpan key, ByteSpan value); // header and data as they are
    void erase(ByteSpan key);

    // -- the whole file
    using Visit = std::function<void(ByteSpan key, ByteSpan value)>;
    [[nodiscard]] std::size_t chains() const;
    // Shows the records of one chain, which is locked meanwhile: false if somebody else has it,
    // nothing was shown then. For volatile files. `visit` must not change the file.
    [[nodiscard]] bool try_scan_chain(std::size_t chain, const Visit& visit);
    void scan(const Visit& visit); // blocks
    void wipe();                   // blocks, unless all chains are marked
    [[nodiscard]] bool intact();   // reads all of it; blocks

    // -- transactions; all of them block: for locks, and the commit for the disk
    void begin_transaction();
    void commit_transaction();
    void cancel_transaction();

    // -- the disk, for those whose content is safe elsewhere
    // From now on a commit is whole for everybody who opens the file, also after our sudden end,
    // but not after the machine's.
    void stop_syncing();
    void sync(); // everything committed until now is on the disk; waits for it

    // -- the sequence number of the file (ctdb-behaviour.md 2.9), not of the database
    void enable_seqnum();
    [[nodiscard]] int seqnum() const;
    void increment_seqnum();

private:
    [[noreturn]] void fail(const char* what) const;

    TdbOptions options_;
    int open_flags_;
    tdb_context* tdb_;
};

// A locked chain, given back at the end of the scope.
class ChainLock {
public:
    // Empty if somebody else has it.
    [[nodiscard]] static std::optional<ChainLock> try_lock(TdbFile& file, const Bytes& key) {
        if (!file.try_lock(key.span())) return std::nullopt;
        return ChainLock(file, key);
    }

    ChainLock(ChainLock&& other) noexcept
        : file_(std::exchange(other.file_, nullptr)), key_(std::move(other.key_)) {}

    ChainLock& operator=(ChainLock&&) = delete;

    ~ChainLock() {
        if (file_ != nullptr) file_->unlock(key_.span());
    }

private:
    ChainLock(TdbFile& file, Bytes key) : file_(&file), key_(std::move(key)) {}

    TdbFile* file_;
    Bytes key_;
};

} // namespace ctdbd::daemon
