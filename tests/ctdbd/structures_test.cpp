// Structures have the sizes and offsets of the specification, survive a round trip, and are never
// believed.
#include "tests/ctdbd/any.h"
#include "tests/ctdbd/genuine.h"

#include <doctest/doctest.h>

using namespace ctdbd::protocol;
using namespace std::string_view_literals;
using boost::asio::ip::make_address;

namespace {

Bytes bytes_of(std::initializer_list<int> values) {
    std::vector<std::uint8_t> bytes;
    for (const int value : values)
        bytes.push_back(static_cast<std::uint8_t>(value));
    return Bytes::copy_of(std::span(bytes));
}

template <class T>
DecodeError refusal(const Bytes& bytes) {
    const auto decoded = decode<T>(bytes);
    REQUIRE(decoded.has_error());
    return decoded.error();
}

// `bytes` with `value` written at `offset`.
template <class T>
Bytes with(const Bytes& bytes, std::size_t offset, T value) {
    std::vector<std::uint8_t> copy(bytes.span().begin(), bytes.span().end());
    REQUIRE(offset + sizeof value <= copy.size());
    std::memcpy(copy.data() + offset, &value, sizeof value);
    return Bytes::copy_of(std::span(copy));
}

Bytes followed_by(const Bytes& bytes, std::size_t extra) {
    std::vector<std::uint8_t> copy(bytes.span().begin(), bytes.span().end());
    copy.resize(copy.size() + extra);
    return Bytes::copy_of(std::span(copy));
}

template <class T>
T read_at(const Bytes& bytes, std::size_t offset) {
    T value{};
    REQUIRE(offset + sizeof value <= bytes.size());
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

} // namespace

TEST_CASE("the sizes of fixed structures (ctdb-wire.md 3.1.2)") {
    CHECK(encode(Timeval{}).size() == 16);
    CHECK(encode(LatencyCounter{}).size() == 32);
    CHECK(encode(Connection{}).size() == 56);
    CHECK(encode(NodeFlagChange{}).size() == 12);
    CHECK(encode(TransDb{}).size() == 8);
    CHECK(encode(PullDb{}).size() == 16);
    CHECK(encode(PublicIp{}).size() == 32);
    CHECK(encode(BanState{}).size() == 8);
    CHECK(encode(Iface{}).size() == 24);
    CHECK(encode(LtdbHeader{}).size() == ltdb_header_size);
    CHECK(encode(TraverseStart{}).size() == 16);
    CHECK(encode(TraverseStartExt{}).size() == 24);
    CHECK(encode(TraverseAll{}).size() == 24);
    CHECK(encode(TraverseAllExt{}).size() == 32);
    CHECK(encode(PidSrvid{}).size() == 12);
    CHECK(encode(DbVacuum{}).size() == 5);
    CHECK(encode(Uptime{}).size() == 64);
    CHECK(encode(SeqnumRequest{}).size() == 8);
    CHECK(encode(SrvidMessage{}).size() == 16);
    CHECK(encode(DisableMessage{}).size() == 24);
    CHECK(encode(ElectionMessage{}).size() == 32);
    CHECK(encode(ServerId{}).size() == 24);
    CHECK(encode(GLockEntry{}).size() == 32);
    CHECK(encode(TunableValues{}).size() == 248);
    CHECK(encode(Statistics{}).size() == statistics_size);
    CHECK(encode(DbStatistics{}).size() == 464);
    CHECK(encode(StatisticsList{std::vector<Statistics>(statistics_history)}).size() == 48808);
}

TEST_CASE("statistics lie where the tool looks for them (ctdb-wire.md 3.1.5)") {
    Statistics all;
    all.node.req_tunnel = 1;
    all.timeouts.traverse = 2;
    all.reclock_ctdbd.max = 3.5;
    all.locks.latency.num = 4;
    all.locks.buckets[15] = 5;
    all.memory_used = 6;
    all.max_hop_count = 7;
    all.hop_count_buckets[0] = 8;
    all.childwrite_latency.total = 9.5;
    all.now.microseconds = 10;
    all.total_ro_revokes = 11;
    const Bytes bytes = encode(all);
    CHECK(read_at<std::uint32_t>(bytes, 68) == 1);
    CHECK(read_at<std::uint32_t>(bytes, 96) == 2);
    CHECK(read_at<double>(bytes, 104 + 16) == 3.5);
    CHECK(read_at<std::int32_t>(bytes, 184) == 4);
    CHECK(read_at<std::uint32_t>(bytes, 216 + 60) == 5);
    CHECK(read_at<std::uint32_t>(bytes, 296) == 6);
    CHECK(read_at<std::uint32_t>(bytes, 304) == 7);
    CHECK(read_at<std::uint32_t>(bytes, 308) == 8);
    CHECK(read_at<double>(bytes, 408 + 24) == 9.5);
    CHECK(read_at<std::int64_t>(bytes, 464 + 8) == 10);
    CHECK(read_at<std::uint32_t>(bytes, 484) == 11);
}

TEST_CASE("hot keys follow their counts (ctdb-wire.md 3.1.6)") {
    DbStatistics all;
    all.hottest[0] = {.count = 7, .key = Bytes::copy_of("key1")};
    all.hottest[9] = {.count = 1, .key = Bytes::copy_of("x")};
    const Bytes bytes = encode(all);
    CHECK(bytes.size() == 464 + 5);
    CHECK(read_at<std::uint32_t>(bytes, 216) == 10);
    CHECK(read_at<std::uint32_t>(bytes, 224) == 7);
    CHECK(read_at<std::uint64_t>(bytes, 224 + 16) == 4);
    CHECK(bytes.slice(464, 5) == Bytes::copy_of("key1x"));
    CHECK(decode<DbStatistics>(bytes).value() == all);
    CHECK(refusal<DbStatistics>(with(bytes, 216, std::uint32_t{9})) ==
          DecodeError{"num_hot_keys", Problem::inconsistent, 220});
    CHECK(refusal<DbStatistics>(with(bytes, 224 + 16, ~std::uint64_t{0})).problem ==
          Problem::too_short);
}

TEST_CASE("buckets (ctdb-wire.md 3.1.5)") {
    CHECK(lock_bucket(0) == 0);
    CHECK(lock_bucket(0.0009) == 0);
    CHECK(lock_bucket(0.001) == 1);
    CHECK(lock_bucket(0.5) == 3);
    CHECK(lock_bucket(1.5) == 4);
    CHECK(lock_bucket(63) == 9);
    CHECK(lock_bucket(64) == 10);
    CHECK(hop_count_bucket(0) == 0);
    CHECK(hop_count_bucket(1) == 1);
    CHECK(hop_count_bucket(4) == 3);
    CHECK(hop_count_bucket(UINT32_MAX) == 15);

    LatencyCounter counter;
    counter.add(2);
    counter.add(1);
    CHECK(counter == LatencyCounter{.num = 2, .min = 1, .max = 2, .total = 3});
}

TEST_CASE("addresses are read canonically") {
    const Bytes v6 = bytes_of({10, 0, 0x11, 0x1b, 1, 2, 3, 4, 0xfd, 0, 0, 0, 0, 0,
                               0,  0, 0,    0,    0, 0, 0, 0, 0,    1, 9, 9, 9, 9});
    const SocketAddress expected = {make_address("fd00::1"), node_port};
    CHECK(decode<SocketAddress>(v6).value() == expected); // flow info and scope are pad

    const Bytes mapped = bytes_of({10, 0, 0, 0, 0,    0,    0,  0, 0, 0, 0, 0, 0, 0,
                                   0,  0, 0, 0, 0xff, 0xff, 10, 0, 0, 1, 0, 0, 0, 0});
    CHECK(decode<SocketAddress>(mapped).value() == SocketAddress{make_address("10.0.0.1"), 0});

    CHECK(refusal<SocketAddress>(with(v6, 0, std::uint16_t{1})).problem == Problem::unknown);
    CHECK(refusal<SocketAddress>(v6.slice(0, 27)).problem == Problem::too_short);
}

TEST_CASE("an interface's name ends within its 17 bytes") {
    const Bytes good = encode(Iface{.name = "0123456789abcdef", .link_state = 1, .references = 2});
    CHECK(decode<Iface>(good).value().name == "0123456789abcdef");
    CHECK(refusal<Iface>(with(good, 16, 'x')) == DecodeError{"name", Problem::unterminated, 18});
}

TEST_CASE("strings") {
    CHECK(decode_string({}).value() == std::nullopt);
    CHECK(decode_string(Bytes::copy_of("\0"sv)).value() == "");
    CHECK(decode_string(Bytes::copy_of("a\0b\0"sv)).value() == "a"); // as C reads it
    CHECK(decode_string(Bytes::copy_of("ab")).error() ==
          DecodeError{"string", Problem::unterminated, 2});
    CHECK(encode_string(std::nullopt).empty());
    CHECK(encode_string("") == Bytes::copy_of("\0"sv));
}

TEST_CASE("a record's length word admits no second reading") {
    const Bytes record =
        encode(RecordData{.key = Bytes::copy_of("k"), .data = Bytes::copy_of("d")});
    CHECK(refusal<RecordData>(with(record, 0, std::uint32_t{17})) ==
          DecodeError{"length", Problem::inconsistent, 16});
    // Two lengths that only agree when they wrap.
    CHECK(refusal<RecordData>(with(with(record, 8, 0xFFFFFFFFu), 12, 3u)).problem ==
          Problem::inconsistent);
}

TEST_CASE("a count is no promise of memory") {
    CHECK(refusal<NodeMap>(bytes_of({0xff, 0xff, 0xff, 0xff})) ==
          DecodeError{"num", Problem::too_short, 4});
    CHECK(refusal<MarshallBuffer>(bytes_of({0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0})).field ==
          "count");
    CHECK(refusal<NotifyData>(bytes_of({0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1})) ==
          DecodeError{"data", Problem::too_short, 12});
}

TEST_CASE("exact structures refuse a tail, tolerant ones ignore it") {
    CHECK(refusal<BanState>(followed_by(encode(BanState{}), 1)) ==
          DecodeError{"end", Problem::too_long, 8});
    CHECK(refusal<AddrInfo>(followed_by(encode(AddrInfo{}), 4)).problem == Problem::too_long);
    CHECK(refusal<KeyData>(followed_by(encode(KeyData{}), 1)).problem == Problem::too_long);
    CHECK(decode<TickleList>(followed_by(encode(TickleList{}), 1)).has_value());
    CHECK(decode<TunableSet>(followed_by(encode(TunableSet{.value = 1, .name = "x"}), 1))
              .has_value());
    CHECK(decode<MarshallBuffer>(followed_by(encode(MarshallBuffer{}), 1)).has_value());
}

TEST_CASE("a refusal names field, place and reason") {
    CHECK(fmt::format("{}", refusal<BanState>(bytes_of({1, 0, 0, 0, 2}))) ==
          "time at offset 4 does not fit into what arrived");
    CHECK_THROWS_WITH(static_cast<void>(decode<BanState>({}).value()),
                      "pnn at offset 0 does not fit into what arrived");
}

TEST_CASE("ltdb header: in memory and on the wire alike") {
    const LtdbHeader header = {
        .rsn = 0x0102030405060708, .dmaster = 3, .flags = record_flag::ro_flags};
    const auto stored = ltdb_header_bytes(header);
    CHECK(Bytes::copy_of(std::span(stored)) == encode(header));
    CHECK(read_ltdb_header(encode(header).span()) == header);
    CHECK_FALSE(read_ltdb_header(encode(header).slice(0, 23).span()).has_value());
    CHECK(read_at<std::uint32_t>(encode(header), 16) == 0x0F000000);
}

TEST_CASE("every structure survives the round trip") {
    for_each_type(Structures{}, []<class T>() {
        CHECK(rc::check([] {
            const T value = any<T>();
            const auto again = decode<T>(encode(value));
            RC_ASSERT(again.has_value());
            RC_ASSERT(*again == value);
        }));
    });
}
