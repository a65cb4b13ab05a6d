// Real packets say what we think they say, and what we write is what the real programs write.
#include "ctdbd/model/config_tunables.h"
#include "ctdbd/protocol/eventd.h"
#include "ctdbd/protocol/hash.h"
#include "tests/ctdbd/genuine.h"

#include <doctest/doctest.h>

using namespace ctdbd::protocol;
using namespace std::string_view_literals;
using boost::asio::ip::make_address;

namespace {

Packet packet_of(const std::string& name) {
    Framer framer;
    framer.push(genuine(name).span());
    auto packet = framer.next();
    REQUIRE(packet.has_value());
    CHECK(packet->bytes == genuine(name));
    CHECK_FALSE(framer.next().has_value());
    return *packet;
}

// Decodes the packet's body, and checks that encoding it again gives the very same bytes.
template <class Body>
Body body_of(const std::string& name, Padding padding) {
    const Packet packet = packet_of(name);
    CHECK(packet.header.operation == Body::operation);
    const auto body = decode<Body>(packet.body());
    REQUIRE_MESSAGE(body.has_value(), fmt::format("{}", body.error()));
    CHECK(encode_packet(packet.header, *body, padding) == genuine(name));
    return *body;
}

// Of a payload; again with the bytes checked.
template <class T>
T exact(const Bytes& payload) {
    const auto value = decode<T>(payload);
    REQUIRE_MESSAGE(value.has_value(), fmt::format("{}", value.error()));
    CHECK(encode(*value) == payload);
    return *value;
}

constexpr std::uint32_t generation = 0x02355f7c;

} // namespace

TEST_CASE("V1: the tool asks for the PNN before it knows its own") {
    const std::string request = "V1 get_pnn request of the tool";
    CHECK(packet_of(request).header == Header{.generation = 0,
                                              .operation = Operation::req_control,
                                              .destnode = pnn::current_node,
                                              .srcnode = pnn::unknown,
                                              .reqid = 0x7fffff38});
    CHECK(body_of<Control>(request, Padding::tool) == Control{.opcode = Opcode::get_pnn});

    const std::string reply = "V1 get_pnn reply";
    CHECK(packet_of(reply).header == Header{.generation = generation,
                                            .operation = Operation::reply_control,
                                            .reqid = 0x7fffff38});
    CHECK(body_of<ReplyControl>(reply, Padding::daemon) == ReplyControl::with_status(0));
}

TEST_CASE("V2: Samba's packets have their exact length") {
    const std::string name = "V2 get_pnn request of smbd";
    CHECK(packet_of(name).header.reqid == 1);
    CHECK(packet_of(name).bytes.size() == 60);
    CHECK(body_of<Control>(name, Padding::none) == Control{.opcode = Opcode::get_pnn});
}

TEST_CASE("V3: a node map") {
    const auto reply = body_of<ReplyControl>("V3 get_nodemap reply", Padding::daemon);
    CHECK(exact<NodeMap>(reply.data) ==
          NodeMap{{{.pnn = 0, .flags = 0, .address = {make_address("127.0.0.1"), node_port}},
                   {.pnn = 1, .flags = 0, .address = {make_address("127.0.0.2"), node_port}}}});
}

TEST_CASE("V4: attaching g_lock.tdb") {
    const auto request = body_of<Control>("V4 db_attach request of smbd", Padding::none);
    CHECK(request.opcode == Opcode::db_attach);
    CHECK(decode_string(request.data).value() == "g_lock.tdb");
    CHECK(encode_string("g_lock.tdb") == request.data);

    const auto reply = body_of<ReplyControl>("V4 db_attach reply", Padding::daemon);
    CHECK(exact<std::uint32_t>(reply.data) == database_id("g_lock.tdb"));
}

TEST_CASE("V5: a call that migrates a record") {
    CHECK(body_of<Call>("V5 call of smbd", Padding::none) ==
          Call{.flags = call_flag::immediate_migration,
               .db_id = database_id("g_lock.tdb"),
               .callid = call_id::null,
               .key = Bytes::copy_of("transaction_db_0x6cf2837d\0"sv)});
    CHECK(body_of<ReplyCall>("V5 call reply", Padding::daemon) == ReplyCall{});
}

TEST_CASE("V6: a commit is a buffer of records with their new headers") {
    const auto control = body_of<Control>("V6 trans3_commit of net", Padding::none);
    CHECK(control.opcode == Opcode::trans3_commit);
    CHECK(control.srvid == database_id("registry.tdb")); // which the daemon ignores
    const auto buffer = exact<MarshallBuffer>(control.data);
    CHECK(buffer.db_id == database_id("registry.tdb"));
    REQUIRE(buffer.records.size() == 2);

    const RecordData& version = buffer.records[0];
    CHECK(version.key == Bytes::copy_of("INFO/version\0"sv));
    CHECK(version.data == record_value({.rsn = 1}, encode(std::uint32_t{1}).span()));

    const RecordData& seqnum = buffer.records[1];
    CHECK(seqnum.key == Bytes::copy_of(seqnum_key));
    CHECK(read_ltdb_header(seqnum.data.span()) == LtdbHeader{.rsn = 2});
    CHECK(exact<std::uint64_t>(seqnum.data.slice(ltdb_header_size, 8)) == 2);
}

TEST_CASE("V7: addresses come with garbage behind them") {
    const auto control = body_of<Control>("V7 tcp_client of smbd", Padding::none);
    CHECK(control.opcode == Opcode::tcp_client);
    CHECK(control.flags == control_flag::noreply);
    const Connection expected = {.client = {make_address("10.91.0.2"), 41716},
                                 .server = {make_address("10.91.0.2"), 14450}};
    CHECK(decode<Connection>(control.data).value() == expected);
    // What we write ourselves has zeros there.
    CHECK(encode(expected).size() == control.data.size());
    CHECK(encode(expected).slice(0, 8) == control.data.slice(0, 8));
    CHECK(encode(expected).slice(8, 20) == encode(Statistics{}).slice(0, 20));
    CHECK(encode(expected).slice(28, 8) == control.data.slice(28, 8));
}

TEST_CASE("V8: a message is delivered with the daemon's header and padding") {
    const auto sent = body_of<Message>("V8 message of notifyd", Padding::none);
    CHECK(sent.srvid == srvid::samba_notify_proxy);
    CHECK(sent.data.size() == 64);
    CHECK(packet_of("V8 message of notifyd").header.destnode == pnn::broadcast_connected);

    const std::string delivered = "V8 message of notifyd delivered";
    CHECK(body_of<Message>(delivered, Padding::daemon) == sent);
    CHECK(packet_of(delivered).header ==
          Header{.generation = generation, .operation = Operation::req_message});
}

TEST_CASE("V9: who leads") {
    const auto message = body_of<Message>("V9 leader message", Padding::daemon);
    CHECK(message.srvid == srvid::leader);
    CHECK(exact<std::uint32_t>(message.data) == 0);
}

TEST_CASE("V10: a takeover run is asked for and answered by messages") {
    const auto request = body_of<Message>("V10 takeover_run message of the tool", Padding::tool);
    CHECK(request.srvid == srvid::takeover_run);
    const auto whom = exact<SrvidMessage>(request.data);
    CHECK(whom == SrvidMessage{.pnn = 0, .srvid = 0xCE0100005E580001});

    const auto answer = body_of<Message>("V10 takeover_run answer", Padding::daemon);
    CHECK(answer.srvid == whom.srvid);
    CHECK(exact<std::int32_t>(answer.data) == 0);
}

TEST_CASE("V11: adding a public address") {
    const auto control = body_of<Control>("V11 add_public_ip of the tool", Padding::tool);
    CHECK(control.opcode == Opcode::add_public_ip);
    CHECK(exact<AddrInfo>(control.data) ==
          AddrInfo{.address = {make_address("10.91.0.9"), 0}, .mask_bits = 24, .ifaces = "lo"});
}

TEST_CASE("V12: releasing a public address to node 1") {
    const auto control = body_of<Control>("V12 release_ip of the tool", Padding::tool);
    CHECK(control.opcode == Opcode::release_ip);
    CHECK(exact<PublicIp>(control.data) ==
          PublicIp{.pnn = 1, .address = {make_address("10.91.0.2"), 0}});
}

TEST_CASE("V13: a push of a whole database begins") {
    const auto control = body_of<Control>("V13 db_push_start of the tool", Padding::tool);
    CHECK(control.opcode == Opcode::db_push_start);
    CHECK(exact<PullDb>(control.data) ==
          PullDb{.db_id = database_id("registry.tdb"), .lmaster = 0, .srvid = srvid::tool_pushdb});
}

TEST_CASE("V14: an error reply is a status and a text without NUL") {
    CHECK(body_of<ReplyControl>("V14 error reply", Padding::daemon) ==
          ReplyControl::with_status(-1, "ctdb_control to disconnected node"));
}

TEST_CASE("V15: what is known of a public address") {
    const auto reply = body_of<ReplyControl>("V15 get_public_ip_info reply", Padding::daemon);
    CHECK(exact<PublicIpInfo>(reply.data) ==
          PublicIpInfo{.ip = {.pnn = 0, .address = {make_address("10.91.0.1"), 0}},
                       .active = 0,
                       .ifaces = {{.name = "lo", .link_state = 1, .references = 1}}});
}

TEST_CASE("V16: a client hears that an address has left") {
    const auto message = body_of<Message>("V16 release_ip message", Padding::daemon);
    CHECK(message.srvid == srvid::release_ip);
    CHECK(decode_string(message.data).value() == "10.91.0.2");
}

TEST_CASE("V17: a record is fetched with its header") {
    const auto reply = body_of<ReplyCall>("V17 call reply with header", Padding::daemon);
    CHECK(reply.data == record_value({.rsn = 1}, Bytes::copy_of("value1").span()));
}

TEST_CASE("V18: a traverse sends records and a record of nothing") {
    const auto seqnum = exact<RecordData>(genuine("V18 traverse record of the sequence number"));
    CHECK(seqnum.key == Bytes::copy_of(seqnum_key));
    CHECK(seqnum.data == record_value({.rsn = 1}, encode(std::uint64_t{1}).span()));

    const auto key1 = exact<RecordData>(genuine("V18 traverse record of key1"));
    CHECK(key1 == RecordData{.reqid = 0,
                             .key = Bytes::copy_of("key1"),
                             .data = record_value({.rsn = 1}, Bytes::copy_of("value1").span())});
    CHECK_FALSE(key1.is_end_marker());

    CHECK(exact<RecordData>(genuine("V18 traverse end marker")).is_end_marker());
}

TEST_CASE("V19, V20: eventd is asked to run an event") {
    const eventd::Request takeip = {
        .reqid = 10, .what = eventd::Run{.event = "takeip", .arguments = "lo 10.92.0.1 24"}};
    CHECK(eventd::decode_request(genuine("V19 eventd run takeip")).value() == takeip);
    CHECK(eventd::encode_packet(takeip) == genuine("V19 eventd run takeip"));

    const eventd::Reply done = {.reqid = 10, .command = eventd::Command::run, .result = 0};
    CHECK(eventd::decode_reply(genuine("V19 eventd run reply")).value() == done);
    CHECK(eventd::encode_packet(done) == genuine("V19 eventd run reply"));

    const eventd::Request init = {.reqid = 2, .what = eventd::Run{.event = "init"}};
    CHECK(eventd::decode_request(genuine("V20 eventd run init")).value() == init);
    CHECK(eventd::encode_packet(init) == genuine("V20 eventd run init"));
}

TEST_CASE("V21: eventd tells how an event went") {
    const auto reply = eventd::decode_reply(genuine("V21 eventd status reply"));
    REQUIRE(reply.has_value());
    REQUIRE(reply->report.has_value());
    REQUIRE(reply->report->scripts.size() == 1);
    CHECK(reply->result == 0);
    CHECK(reply->report->summary == 0);
    const eventd::ScriptRun& script = reply->report->scripts[0];
    CHECK(script.name == "00.test");
    CHECK(script.output == "monitor event\n");
    CHECK(script.result == 0);
    CHECK(script.begin == Timeval{0x6b02e2eb, 0x97c33});
    CHECK(eventd::encode_packet(*reply) == genuine("V21 eventd status reply"));
}

TEST_CASE("L1, L2: which nodes hold records, which databases there are") {
    const auto map = body_of<ReplyControl>("L1 getvnnmap reply", Padding::daemon);
    CHECK(exact<VnnMap>(map.data) == VnnMap{.generation = 0x69eb92e6, .pnns = {0}});

    const auto databases = body_of<ReplyControl>("L2 get_dbmap reply", Padding::daemon);
    CHECK(exact<DbMap>(databases.data) ==
          DbMap{{{.db_id = database_id("r.tdb"), .flags = db_flag::replicated},
                 {.db_id = database_id("p.tdb"), .flags = db_flag::persistent},
                 {.db_id = database_id("v.tdb"), .flags = db_flag::sticky}}});
}

TEST_CASE("L3: the tunables of a fresh daemon are our defaults") {
    const auto reply = body_of<ReplyControl>("L3 get_all_tunables reply", Padding::daemon);
    CHECK(exact<TunableValues>(reply.data) == ctdbd::config::Tunables().all());
}

TEST_CASE("L4: since when") {
    const auto reply = body_of<ReplyControl>("L4 uptime reply", Padding::daemon);
    const auto uptime = exact<Uptime>(reply.data);
    CHECK(uptime.now.seconds - uptime.started.seconds == 9);
    CHECK(uptime.now.seconds - uptime.recovery_finished.seconds == 4);
    CHECK(uptime.recovery_finished.microseconds - uptime.recovery_started.microseconds == 3855);
}

// As `ctdb statistics` printed them a moment later.
TEST_CASE("L5, L6: the counters") {
    const auto node = body_of<ReplyControl>("L5 statistics reply", Padding::daemon);
    const auto all = exact<Statistics>(node.data);
    CHECK(all.num_clients == 2);
    CHECK(all.frozen == 0);
    CHECK(all.num_recoveries == 1);
    CHECK(all.client.req_call == 1);
    CHECK(all.total_calls == 1);
    CHECK(all.pending_calls == 0);
    CHECK(all.call_latency.num == 1);
    CHECK(all.call_latency.total == doctest::Approx(0.004247).epsilon(0.001));
    CHECK(all.started.seconds == 1795426283);

    const auto database = body_of<ReplyControl>("L6 get_db_statistics reply", Padding::daemon);
    CHECK(exact<DbStatistics>(database.data).locks.num_failed == 0);
}

TEST_CASE("L7, L8: addresses of both families") {
    const auto tickles = body_of<ReplyControl>("L7 get_tcp_tickle_list reply", Padding::daemon);
    CHECK(exact<TickleList>(tickles.data) ==
          TickleList{.address = {make_address("fd00::91:7"), 0},
                     .connections = {{.client = {make_address("fd00::9"), 1234},
                                      .server = {make_address("fd00::91:7"), 445}}}});

    const auto ips = body_of<ReplyControl>("L8 get_public_ips reply", Padding::daemon);
    CHECK(exact<PublicIpList>(ips.data).ips.size() == 2);
}
