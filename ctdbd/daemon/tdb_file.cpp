#include "ctdbd/daemon/tdb_file.h"

#include "base/check.h"
#include "net/logs.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

extern "C" {
#include <tdb.h>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
}

namespace ctdbd::daemon {

namespace {

TDB_DATA data_of(ByteSpan bytes) {
    // libtdb's interface is older than const; it does not write through what it is given.
    return {.dptr = const_cast<unsigned char*>(bytes.data()), .dsize = bytes.size()};
}

ByteSpan span_of(TDB_DATA data) { return {data.dptr, data.dsize}; }

__attribute__((format(printf, 3, 4))) void
log_tdb(tdb_context* tdb, tdb_debug_level level, const char* format, ...) {
    std::array<char, 512> line{};
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line.data(), line.size(), format, arguments);
    va_end(arguments);
    std::string_view text = line.data();
    while (text.ends_with('\n'))
        text.remove_suffix(1);
    const auto severity = level == TDB_DEBUG_FATAL     ? spdlog::level::critical
                          : level == TDB_DEBUG_ERROR   ? spdlog::level::err
                          : level == TDB_DEBUG_WARNING ? spdlog::level::warn
                                                       : spdlog::level::debug;
    logs::databases().log(severity, "tdb({}): {}", tdb_name(tdb), text);
}

int flags_of(const TdbOptions& options) {
    switch (options.kind) {
    case DatabaseKind::is_persistent:
        return protocol::tdb_open_flag::persistent;
    case DatabaseKind::is_replicated:
        return protocol::tdb_open_flag::replicated;
    case DatabaseKind::is_volatile:
        break;
    }
    return options.mutexes && tdb_runtime_check_for_robust_mutexes()
               ? protocol::tdb_open_flag::volatile_with_mutexes
               : protocol::tdb_open_flag::volatile_without_mutexes;
}

static_assert(protocol::tdb_open_flag::volatile_with_mutexes ==
              (TDB_CLEAR_IF_FIRST | TDB_NOSYNC | TDB_DISALLOW_NESTING | TDB_INCOMPATIBLE_HASH |
               TDB_MUTEX_LOCKING));
static_assert(protocol::tdb_open_flag::replicated ==
              (TDB_CLEAR_IF_FIRST | TDB_NOSYNC | TDB_DISALLOW_NESTING | TDB_INCOMPATIBLE_HASH));
static_assert(protocol::tdb_open_flag::persistent == (TDB_DEFAULT | TDB_DISALLOW_NESTING));
static_assert(protocol::tdb_open_flag::seqnum == TDB_SEQNUM);

// libtdb locks a chain without waiting only by a key in it, so every chain needs one: the first
// small number that falls into it. Found once for each hash size, in some ten milliseconds.
const std::vector<std::uint32_t>& keys_of_chains(std::size_t chains) {
    static std::map<std::size_t, std::vector<std::uint32_t>> known;
    auto [entry, is_new] = known.try_emplace(chains);
    if (!is_new) return entry->second;
    std::vector<std::uint32_t>& keys = entry->second;
    keys.resize(chains);
    std::vector<bool> found(chains);
    std::size_t missing = chains;
    for (std::uint32_t number = 0; missing > 0; ++number) {
        TDB_DATA key = {.dptr = reinterpret_cast<unsigned char*>(&number), .dsize = sizeof number};
        const std::size_t chain = tdb_jenkins_hash(&key) % chains;
        if (found[chain]) continue;
        found[chain] = true;
        keys[chain] = number;
        --missing;
    }
    return keys;
}

// libtdb maps a new file and writes its mutexes there without having asked for room: where there is
// none, that is not an error but the end by SIGBUS. What is taken from us between asking and
// writing still is.
void check_room_for_mutexes(const TdbOptions& options) {
    const auto chains = static_cast<std::uintmax_t>(options.hash_size) + 1;
    const std::uintmax_t needed = chains * (sizeof(pthread_mutex_t) + sizeof(std::uint32_t)) +
                                  std::uintmax_t{64} * 1024; // for the rest
    std::error_code unknown, absent;
    const auto space = std::filesystem::space(options.path.parent_path(), unknown);
    const auto before = std::filesystem::file_size(options.path, absent); // which is made anew
    if (unknown || space.available + (absent ? 0 : before) >= needed) return;
    throw TdbError(fmt::format("cannot make {}: it needs {} bytes, and {} bytes are free on its "
                               "file system; make room and start again",
                               options.path.string(), needed, space.available));
}

int show(tdb_context* /*tdb*/, TDB_DATA key, TDB_DATA value, void* visit) {
    (*static_cast<const TdbFile::Visit*>(visit))(span_of(key), span_of(value));
    return 0;
}

void* opaque(const TdbFile::Visit& visit) { return const_cast<TdbFile::Visit*>(&visit); }

} // namespace

TdbFile::TdbFile(TdbOptions options)
    : options_(std::move(options)), open_flags_(flags_of(options_)) {
    if ((open_flags_ & TDB_MUTEX_LOCKING) != 0) check_room_for_mutexes(options_);
    const tdb_logging_context logging = {.log_fn = log_tdb, .log_private = nullptr};
    tdb_ = tdb_open_ex(options_.path.c_str(), options_.hash_size, open_flags_, O_RDWR | O_CREAT,
                       0600, &logging, nullptr);
    if (tdb_ == nullptr)
        throw TdbError(
            fmt::format("cannot open {}: {}", options_.path.string(), std::strerror(errno)));
    tdb_set_max_dead(tdb_, options_.dead_records_max);
    if (options_.kind == DatabaseKind::is_persistent) return;
    const TDB_DATA first = tdb_firstkey(tdb_);
    if (first.dptr == nullptr) return;
    std::free(first.dptr);
    tdb_close(tdb_);
    throw TdbError(fmt::format("{} still holds records of an earlier life: another process has it "
                               "open; stop that process (an old smbd?) and start again",
                               options_.path.string()));
}

TdbFile::~TdbFile() { tdb_close(tdb_); }

void TdbFile::fail(const char* what) const {
    // libtdb calls a full disk an input/output error, so we say what it does not.
    std::error_code unknown;
    const auto space = std::filesystem::space(options_.path.parent_path(), unknown);
    throw TdbError(fmt::format(
        "{}: {}: {}{}", options_.path.string(), what, tdb_errorstr(tdb_),
        unknown ? "" : fmt::format(" ({} bytes are free on its file system)", space.available)));
}

// -- locks

bool TdbFile::try_lock(ByteSpan key) { return tdb_chainlock_nonblock(tdb_, data_of(key)) == 0; }

void TdbFile::unlock(ByteSpan key) {
    base::check(tdb_chainunlock(tdb_, data_of(key)) == 0,
                "a chain that we unlock was locked by us");
}

void TdbFile::mark_locked(ByteSpan key) {
    base::check(tdb_chainlock_mark(tdb_, data_of(key)) == 0, "a chain can be marked as locked");
}

void TdbFile::unmark_locked(ByteSpan key) {
    base::check(tdb_chainlock_unmark(tdb_, data_of(key)) == 0, "a chain that we unmark was marked");
}

bool TdbFile::try_lock_all() { return tdb_lockall_nonblock(tdb_) == 0; }

void TdbFile::unlock_all() {
    base::check(tdb_unlockall(tdb_) == 0, "the file that we unlock was locked by us");
}

void TdbFile::mark_all_locked() {
    base::check(tdb_lockall_mark(tdb_) == 0, "all chains can be marked as locked");
}

void TdbFile::unmark_all_locked() {
    base::check(tdb_lockall_unmark(tdb_) == 0, "chains that we unmark were marked");
}

// -- records

std::optional<Bytes> TdbFile::fetch(ByteSpan key) const {
    std::optional<Bytes> value;
    tdb_parse_record(
        tdb_, data_of(key),
        [](TDB_DATA, TDB_DATA data, void* out) {
            *static_cast<std::optional<Bytes>*>(out) = Bytes::copy_of(span_of(data));
            return 0;
        },
        &value);
    return value;
}

std::optional<protocol::LtdbHeader> TdbFile::header(ByteSpan key) const {
    std::optional<protocol::LtdbHeader> header;
    tdb_parse_record(
        tdb_, data_of(key),
        [](TDB_DATA, TDB_DATA data, void* out) {
            *static_cast<std::optional<protocol::LtdbHeader>*>(out) =
                protocol::read_ltdb_header(span_of(data));
            return 0;
        },
        &header);
    return header;
}

void TdbFile::store(ByteSpan key, const protocol::LtdbHeader& header, ByteSpan data) {
    const auto head = protocol::ltdb_header_bytes(header);
    std::array<TDB_DATA, 2> parts = {data_of(head), data_of(data)};
    if (tdb_storev(tdb_, data_of(key), parts.data(), parts.size(), TDB_REPLACE) != 0)
        fail("cannot store a record");
}

void TdbFile::store(ByteSpan key, ByteSpan value) {
    if (tdb_store(tdb_, data_of(key), data_of(value), TDB_REPLACE) != 0)
        fail("cannot store a record");
}

void TdbFile::erase(ByteSpan key) {
    if (tdb_delete(tdb_, data_of(key)) != 0 && tdb_error(tdb_) != TDB_ERR_NOEXIST)
        fail("cannot delete a record");
}

// -- the whole file

std::size_t TdbFile::chains() const { return static_cast<std::size_t>(tdb_hash_size(tdb_)); }

bool TdbFile::try_scan_chain(std::size_t chain, const Visit& visit) {
    base::check(kind() != DatabaseKind::is_persistent,
                "chains are known by the hash of volatile files");
    const std::uint32_t number = keys_of_chains(chains())[chain];
    const ByteSpan key(reinterpret_cast<const std::uint8_t*>(&number), sizeof number);
    if (!try_lock(key)) return false;
    const int shown = tdb_traverse_chain(tdb_, static_cast<unsigned>(chain), show, opaque(visit));
    unlock(key);
    if (shown < 0) fail("cannot read a chain");
    return true;
}

void TdbFile::scan(const Visit& visit) {
    if (tdb_traverse_read(tdb_, show, opaque(visit)) < 0) fail("cannot read the file");
}

void TdbFile::wipe() {
    if (tdb_wipe_all(tdb_) != 0) fail("cannot wipe the file");
}

bool TdbFile::intact() { return tdb_check(tdb_, nullptr, nullptr) == 0; }

// -- transactions

void TdbFile::begin_transaction() {
    if (tdb_transaction_start(tdb_) != 0) fail("cannot start a transaction");
}

void TdbFile::commit_transaction() {
    if (tdb_transaction_commit(tdb_) != 0) fail("cannot commit a transaction");
}

void TdbFile::cancel_transaction() {
    if (tdb_transaction_cancel(tdb_) != 0) fail("cannot cancel a transaction");
}

// -- the disk

void TdbFile::stop_syncing() { tdb_add_flags(tdb_, TDB_NOSYNC); }

void TdbFile::sync() {
    if (fdatasync(tdb_fd(tdb_)) == 0) return;
    throw TdbError(fmt::format("{}: cannot bring it to the disk: {}", options_.path.string(),
                               std::strerror(errno)));
}

// -- sequence number

void TdbFile::enable_seqnum() {
    tdb_enable_seqnum(tdb_);
    open_flags_ |= protocol::tdb_open_flag::seqnum;
}

int TdbFile::seqnum() const { return tdb_get_seqnum(tdb_); }

void TdbFile::increment_seqnum() { tdb_increment_seqnum_nonblock(tdb_); }

} // namespace ctdbd::daemon
