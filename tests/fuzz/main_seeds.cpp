// Writes the corpora that fuzzing starts from: for each target a few small inputs that its decoder
// accepts. Findings and what a long run found interesting are added beside them by hand.
//
//     fuzz-seeds DIRECTORY       tests/fuzz/corpus, after a format has changed
#include "ctdbd/daemon/letters.h"
#include "ctdbd/model/journal_frames.h"
#include "ctdbd/protocol/eventd.h"
#include "net/stable_codec.h"
#include "sim/trace.h"
#include "statedb/database_commands.h"
#include "statedb/host_codec.h"
#include "statedb/locks_codec.h"
#include "statedb/messages_codec.h"
#include "statedb/record_commands.h"
#include "tests/ctdbd/genuine.h"
#include "totem/chunks.h"
#include "totem/envelope.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;
using base::Bytes;
using namespace totem;

class Corpus {
public:
    explicit Corpus(fs::path directory) : directory_(std::move(directory)) {}

    void add(const std::string& target, const std::string& name, std::string_view content) {
        fs::create_directories(directory_ / target);
        std::ofstream(directory_ / target / name, std::ios::binary) << content;
    }

    // With a first byte that chooses a decoder.
    void
    add(const std::string& target, const std::string& name, int chosen, std::string_view rest) {
        add(target, name, std::string(1, static_cast<char>(chosen)) + std::string(rest));
    }

    void copy(const std::string& target, const fs::path& file) {
        std::ifstream stream(file, std::ios::binary);
        add(target, file.stem().string(), std::string(std::istreambuf_iterator<char>(stream), {}));
    }

private:
    fs::path directory_;
};

std::string_view view(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// -- the ring

std::vector<Packet> packets() {
    const RingId ring{8, {1, 1}};
    std::array<std::uint8_t, 9> chunk{};
    const std::string_view text = "hello";
    std::copy(text.begin(), text.end(),
              write(chunk.data(), {.first = true, .last = true, .counter = 3, .size = 5}));
    DataPacket data{.ring = ring,
                    .seq = Seq{4},
                    .origin = {2, 1},
                    .visit = TokenSeq{9},
                    .service = Service::safe,
                    .chunk_count = 1,
                    .chunks = Bytes::copy_of(view(std::span(chunk).first(8)))};
    DataPacket wrapped = data;
    wrapped.ring.seq = 12;
    wrapped.wrapped = true;
    wrapped.chunks = wrap(data);
    Token token{.ring = ring, .token_seq = TokenSeq{7}, .seq = Seq{9}, .aru = Seq{3}};
    token.aru_id = {2, 1};
    token.rtr = {{Seq{4}, Seq{5}}, {Seq{8}, Seq{8}}};
    Join join{.join_seq = 2, .ring_seq = 8, .installed = ring};
    join.processors = {{.id = {1, 1}, .challenge = 5}, {.id = {2, 1}, .failed = true}};
    join.echoes = {{{3, 1}, 6}};
    CommitToken commit{.ring = ring, .token_seq = TokenSeq{1}, .members = {{1, 1}, {2, 1}}};
    commit.old_rings = {{4, {1, 1}}};
    commit.entries.resize(2);
    commit.entries[0] = {.filled = true, .aru = Seq{3}, .high_seq = Seq{6}, .delivered = Seq{2}};
    commit.entries[0].received = {{Seq{5}, Seq{6}}};
    commit.entries[0].obligation = {{1, 1}};
    return {data,
            wrapped,
            token,
            join,
            commit,
            Probe{.ring = ring, .members = {{1, 1}, {2, 1}}, .aru = Seq{3}},
            Hurry{.ring = ring, .token_seq_seen = TokenSeq{7}},
            Leave{.ring = ring, .leaver = {2, 1}, .leave_seq = 1},
            Hold{.ring = ring, .token_seq = TokenSeq{7}, .hold_us = 500}};
}

void ring_seeds(Corpus& corpus) {
    int number = 0;
    for (const Packet& packet : packets()) {
        std::array<std::uint8_t, 1500> body{};
        const std::size_t size = encode(packet, body).value();
        corpus.add("packet", std::to_string(number++), static_cast<int>(type_of(packet)),
                   view(std::span(body).first(size)));
    }
    std::array<std::uint8_t, envelope_size> envelope{};
    encode_envelope({.type = PacketType::join, .cluster_tag = 7, .sender = {2, 1}, .counter = 1},
                    envelope);
    corpus.add("envelope", "join", view(envelope));
    corpus.add("stable_storage", "file", 0, view(net::encode({"c", 3, {7, 4096}, 9})));
    corpus.add("stable_storage", "content", 1,
               view(net::encode({"c", 3, {7, 4096}, 9})).substr(16));
    corpus.add("key_file", "two",
               "# ours\n"
               "key 4 chacha20-poly1305 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
               "key 3 aes256-gcm AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    corpus.add("control_socket", "lock",
               std::string_view("\0\x1f{\"verb\": \"lock\", \"name\": \"R1\"}\n", 33));
    corpus.add("control_socket", "locks",
               "\1{\"locks\": [{\"name\": \"R1\", \"queue\": [{\"node\": 0, \"ticket\": 7}]}]}");
    // Ring of four, a message, the token is lost, two of them go on.
    corpus.add("processor", "two_rings",
               std::string_view("\1\0\1\0\x09\x0f\1\3\x20message\1\x09\x0f\1\0\0\0\x09\x03\1", 21));
    corpus.add("processor", "representative", std::string_view("\0\0\0\0\x09\x03\1\x08\x03\1", 10));
}

// -- the simulator

void sim_seeds(Corpus& corpus) {
    using namespace sim::trace;
    const RingName ring{8, 1};
    const MessageName message{{2, 0}, 17};
    const std::vector<Body> bodies = {
        Start{},
        Crash{},
        Regular{ring, {1, 2, 3}, true},
        Transitional{{12, 1}, ring, {1, 2}},
        Submit{message, Service::safe, 10},
        Originate{message, Service::safe, ring, {Seq{4}, 0}},
        Deliver{message, Service::agreed, ring, {Seq{4}, 0}},
        Heal{{1, 2}, std::chrono::seconds(3)},
        End{},
        Lock{"db", "key", "c1"},
        Value{"db", "key", "c1", "old"},
        Store{"db", "key", "c1", "new"},
        Unlock{"db", "key", "c1"},
        Commit{"db", "c1", 5, {{"k", "v"}}},
        Applied{"db", 5, "abcd"},
    };
    int number = 0;
    for (const Body& body : bodies) {
        std::string line;
        append_json({Instant{std::chrono::milliseconds(1500)}, {2, 0}, body}, line);
        corpus.add("trace", std::to_string(number++), line);
    }
    for (const char* name : {"N07_one_survivor_has_it", "N12_data_loss", "mixed"})
        corpus.copy("scenario",
                    fs::path(SOURCE_DIR "/sim/scenarios") / (std::string(name) + ".txtpb"));
}

// -- the state machines

void statedb_seeds(Corpus& corpus) {
    using namespace statedb;
    const auto add = [&](int chosen, const std::string& name, const Bytes& bytes) {
        corpus.add("statedb_codecs", name, chosen, bytes.view());
    };
    const History history{.last_primary = {7, {1, 2, 3}}, .attempts = {{8, {1, 2}}}};
    const ProcessorId one{1, 1};
    StateReport report{.full = true, .green = {7, 4, 2}, .total = {7, 5, 3}, .history = history};
    report.summaries[ServiceId::locks] = Bytes::copy_of("s");
    report.view = {one};
    const RingId ring{8, one};
    add(0, "state", encode(HostMessage{ring, report}));
    add(0, "create", encode(HostMessage{ring, Create{8}}));
    add(0, "chunk",
        encode(HostMessage{ring, statedb::Chunk{5, {one}, 0, 2, Bytes::copy_of("data")}}));
    add(0, "digests", encode(HostMessage{ring, Digests{4096, {{ServiceId::locks, 99}}}}));
    Snapshot snapshot{.position = {7, 4, 2}, .applied = {{1, {1, 4}}}, .services = {}};
    snapshot.services[ServiceId::locks] = Bytes::copy_of("l");
    add(1, "snapshot", encode(snapshot));
    add(2, "envelope", wrap({.service = ServiceId::records, .ordered = true, .number = 3}));
    add(3, "history", encode(history));
    add(4, "lock", encode(LockCommand{"R1", 7, false}));
    add(5, "queues", encode(LockQueues{{"R1", {{one, 7}, {{2, 1}, 1}}}}));
    add(6, "message",
        encode(NodeMessage{.targets = {2}, .kind = 1, .content = Bytes::copy_of("m")}));
    const RecordName record{0x7a19d84d, "key"};
    using namespace record_command;
    add(7, "claim", record_command::encode(Claim{record, true}));
    add(7, "hand_off", record_command::encode(HandOff{record, 4, Bytes::copy_of("data")}));
    add(7, "copies", record_command::encode(Copies{{{record, Grant{4}}, {record, {}}}}));
    add(7, "search", record_command::encode(Search{{record}}));
    add(7, "moved", record_command::encode(Moved{{{record, 5, one, Bytes::copy_of("data")}}}));
    Directory::Saved saved{.epoch = 7, .last_ownership = 4, .members = {one}};
    saved.records.push_back({record, {one}, 4 * grants_per_ownership, {{2, 1}}});
    add(8, "directory", record_command::encode_state(saved));
    const database_command::Holding holding{
        .id = 1, .name = "a.tdb", .kind = DatabaseKind::is_persistent, .version = {7, 3}};
    add(9, "attach", database_command::encode(database_command::Attach{1, holding, true}));
    database_command::Commit commit{.serial = 2, .oldest_open = 1, .id = 1};
    commit.writes.push_back({"k", Bytes::copy_of(std::string(24, '\0') + "v")});
    add(9, "commit", database_command::encode(commit));
    add(10, "summary", database_command::encode_summary({holding}));
    database_command::SavedState state{.epoch = 7, .members = {one}};
    state.databases.push_back({.id = 1, .name = "a.tdb", .content = Content{{"k", {}}}});
    add(12, "databases", database_command::encode_state(state));
    const RingId ring{4, one};
    using record_command::Direct, record_command::encode_direct;
    add(11, "ask", encode_direct(Direct{ring, record_command::Ask{record, one, 4}}));
    add(11, "give",
        encode_direct(Direct{
            ring, record_command::Give{record, 7, Bytes::copy_of("data"), {one, {2, 1}}}}));
    add(11, "decline", encode_direct(Direct{ring, record_command::Decline{record}}));
}

// -- the daemon

void daemon_seeds(Corpus& corpus) {
    using namespace ctdbd::protocol;
    int number = 0;
    for_each_type(Structures{}, [&]<class T>() {
        corpus.add("client_structures", std::to_string(number), number, encode(T{}).view());
        ++number;
    });
    for_each_type(Bodies{}, [&]<class T>() {
        const Bytes packet = encode_packet({}, T{}, Padding::none);
        corpus.add("client_structures", std::to_string(number), number,
                   packet.view().substr(header_size));
        ++number;
    });
    corpus.add("client_structures", "eventd", 255,
               eventd::encode_packet(eventd::Request{1, eventd::Run{.event = "init"}}).view());
    std::string stream(16, '\x20');
    for (const char* name : {"PING.request", "GET_PNN.request"})
        if (const auto found = genuine_packets().find(name); found != genuine_packets().end())
            stream += found->second.view();
    std::size_t taken = 0;
    for (const auto& [name, packet] : genuine_packets())
        if (packet.size() <= 128 && taken++ % 12 == 0)
            corpus.add("client_stream", std::to_string(taken), stream + std::string(packet.view()));

    using namespace ctdbd::daemon;
    const std::vector<Letter> letters = {
        ClientMessage{1, Bytes::copy_of("m")},
        ControlRequest{.id = 1, .opcode = Opcode{1}, .data = Bytes::copy_of("d")},
        ControlAnswer{.id = 1, .status = -1, .error = "no"},
        ctdbd::daemon::TraverseStart{1, 2, true},
        TraverseRecords{1, {{Bytes::copy_of("k"), Bytes::copy_of("v")}}, true},
        TraverseNext{1},
        TraverseStop{1},
        TunnelPacket{1, 2, Bytes::copy_of("t")}};
    number = 0;
    for (const Letter& letter : letters)
        corpus.add("letters", std::to_string(number++), encode(letter).view());

    namespace journal = ctdbd::journal;
    std::string text;
    const auto append = [&](const std::vector<std::uint8_t>& more) {
        text.append(more.begin(), more.end());
    };
    const journal::Salt salt = {7};
    append(journal::encode_head(salt));
    append(journal::encode(journal::Opening{"boot"}, salt, {0}));
    append(journal::encode(
        journal::Changes{
            {1, {2, 3}, {{"k", Bytes::copy_of("v")}}, true, journal::FileIdentity{1, 2, 3}}},
        salt, {1}));
    corpus.add("journal", "open", 1, text);
    append(journal::encode(journal::Closing{{{1, {2, 3}, 4}}}, salt, {2}));
    corpus.add("journal", "closed", 1, text);
    corpus.add("journal", "torn", 1, text.substr(0, text.size() - 9));
    corpus.add("journal", "spoiled", 0, std::string(40, '\x15') + std::string(40, '\2'));

    corpus.add("config", "ctdb", 0,
               "[logging]\n location = file:/tmp/log\n log level = INFO\n[cluster]\n"
               " node address = 10.0.0.1\n # no\n[legacy]\n realtime scheduling = false\n");
    corpus.add("config", "totem", 1,
               "[ring]\n transport = unicast\n port = 5000\n token loss = 500\n[quorum]\n"
               " rule = majority\n");
    corpus.add("config", "nodes", 2, "10.0.0.1\n#10.0.0.2\n\nfd00::3\n");
    corpus.add("config", "public", 3, "10.1.0.1/24 eth0,eth1\nfd00::1/64 eth0\n");
    corpus.add("config", "tunables", 4, "# t\nEnableBans=0\nMonitorInterval=15\nBad\n");
    corpus.add("config", "text", 5, "[a]\n b = c \\\n d\n");
}

} // namespace

int main(int count, char** words) {
    if (count != 2) {
        std::fputs("fuzz-seeds DIRECTORY\n", stderr);
        return 2;
    }
    Corpus corpus(words[1]);
    ring_seeds(corpus);
    sim_seeds(corpus);
    statedb_seeds(corpus);
    daemon_seeds(corpus);
    return 0;
}
