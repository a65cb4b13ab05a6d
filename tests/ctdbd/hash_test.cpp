// Names and keys hash as on every real node (ctdb-wire.md 5.4, ctdb-behaviour.md 0.1).
#include "base/bytes.h"
#include "ctdbd/protocol/hash.h"

#include <doctest/doctest.h>

#include <array>
#include <numeric>
#include <string>
#include <vector>

using namespace ctdbd::protocol;
using namespace std::string_view_literals;

namespace {

struct Vector {
    std::string_view name;
    std::uint32_t hash;
};

constexpr auto databases = std::to_array<Vector>({
    {"locking.tdb", 0x7a19d84d},
    {"g_lock.tdb", 0x4d2a432b},
    {"brlock.tdb", 0x4e66c2b2},
    {"leases.tdb", 0x06916e77},
    {"registry.tdb", 0x6cf2837d},
    {"secrets.tdb", 0x7132c184},
    {"passdb.tdb", 0x3ef19640},
    {"group_mapping.tdb", 0xa1413774},
    {"account_policy.tdb", 0x2ca251cf},
    {"share_info.tdb", 0xc3078fba},
    {"smbXsrv_version_global.tdb", 0x521b7544},
    {"smbXsrv_client_global.tdb", 0x477d2e20},
    {"smbXsrv_session_global.tdb", 0x6b06a26d},
    {"smbXsrv_tcon_global.tdb", 0x68c12c2c},
    {"smbXsrv_open_global.tdb", 0x66f71b8c},
    {"ctdb.tdb", 0x6645c6c4},
    {"notify.tdb", 0x21a45b41},
    {"serverid.tdb", 0x9ec2a880},
    {"sessionid.tdb", 0x417c27f6},
    {"test.tdb", 0xc445c6ab},
    {"repl.tdb", 0xa870bacf},
    {"connections.tdb", 0x654717d0},
    {"notify_index.tdb", 0xaf029e9d},
    {"messages.tdb", 0x479be635},
    {"printer_list.tdb", 0x5bcfcbd7},
    {"autorid.tdb", 0x1313cc83},
    {"idmap2.tdb", 0x866c598f},
    {"netlogon_creds_cli.tdb", 0x2d608c16},
    {"smbd_cleanupd.tdb", 0x17be843c},
    {"dbwrap_watchers.tdb", 0x6afb8c09},
    {"smbXsrv_replay_global.tdb", 0x9779e39d},
    {"winbindd_idmap.tdb", 0xc3db117c},
    {"t1.tdb", 0x33e187e1},
    {"v1.tdb", 0xc20b7460},
    {"p1.tdb", 0x01140668},
    {"r1.tdb", 0x311663e2},
    {"ro1.tdb", 0x3803e575},
    {"st1.tdb", 0xa4612b9f},
    {"a", 0x42b17671},
});

const auto keys = std::to_array<Vector>({
    {"a", 0x58d68708},
    {"b", 0x7ff5c395},
    {"abc\0"sv, 0xf9f08e9e},
    {"key1", 0x1de0df49},
    {"key2", 0x70b6c153},
    {"transaction_db_0x6cf2837d\0"sv, 0x816d0419},
    {"0123456789ab", 0x1065e50a},
    {"0123456789abc", 0x7351ce56},
    {"\0\0\0\0"sv, 0x049396b8},
});

} // namespace

TEST_CASE("database ids are those of the real daemon") {
    for (const Vector& database : databases)
        CHECK_MESSAGE(database_id(database.name) == database.hash, std::string(database.name));
}

TEST_CASE("keys hash to the real lmasters") {
    for (const Vector& key : keys)
        CHECK_MESSAGE(hash(base::Bytes::copy_of(key.name).span()) == key.hash,
                      std::string(key.name));

    std::vector<std::uint8_t> counting(24); // 00 01 02 ... 17
    std::iota(counting.begin(), counting.end(), std::uint8_t{0});
    CHECK(hash(counting) == 0x9c0add53);
}

TEST_CASE("the empty key hashes to lookup3's start value") { CHECK(hash({}) == 0xDEADBEEF); }
