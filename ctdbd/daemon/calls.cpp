#include "ctdbd/daemon/calls.h"

#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/records.h"
#include "net/logs.h"

#include <chrono>
#include <memory>
#include <string>

namespace ctdbd::daemon {

namespace {

namespace call_id = protocol::call_id;
using protocol::ReplyCall;

Bytes answer_to(std::uint32_t callid, const protocol::LtdbHeader& header, const Bytes& data) {
    if (callid == call_id::fetch) return data;
    if (callid == call_id::fetch_with_header) return protocol::record_value(header, data.span());
    return {};
}

// Counted as pending until it is answered, or nobody waits for the answer any more.
class PendingCall {
public:
    explicit PendingCall(protocol::Statistics& statistics) : statistics_(statistics) {
        ++statistics_.total_calls;
        ++statistics_.pending_calls;
    }

    ~PendingCall() { --statistics_.pending_calls; }

    PendingCall(const PendingCall&) = delete;
    PendingCall& operator=(const PendingCall&) = delete;

    void answered() {
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
        statistics_.call_latency.add(took.count());
    }

private:
    protocol::Statistics& statistics_;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

// What a persistent or replicated database holds is here, whole.
Bytes answer_committed(const statedb::Content* content, const protocol::Call& call) {
    if (content == nullptr || call.callid == call_id::null) return {};
    const auto found = content->find(std::string(call.key.view()));
    if (found == content->end()) return {};
    const Bytes& value = found->second;
    if (call.callid == call_id::fetch_with_header) return value;
    if (call.callid != call_id::fetch || value.size() < protocol::ltdb_header_size) return {};
    return value.slice(protocol::ltdb_header_size, value.size() - protocol::ltdb_header_size);
}

} // namespace

void Calls::asked(Client& client, const protocol::Header& header, const protocol::Call& call) {
    const DatabaseEntry* const entry = daemon_.databases.find(call.db_id);
    if (entry == nullptr) {
        // The stock daemon says nothing and the client waits for ever.
        logs::databases().warn("client {} called unknown database 0x{:08x}", client.id(),
                               call.db_id);
        client.send(encode_packet(daemon_.messenger.header(header.reqid),
                                  protocol::ReplyError{-1, "no such database"}));
        return;
    }
    auto reply = [this, id = client.id(), reqid = header.reqid,
                  pending = std::make_shared<PendingCall>(daemon_.statistics)](const Bytes& data) {
        pending->answered();
        if (Client* const asker = daemon_.clients.find(id))
            asker->send(encode_packet(daemon_.messenger.header(reqid), ReplyCall{0, data}));
    };
    if (entry->committed != nullptr) {
        reply(answer_committed(daemon_.cluster.databases().content(call.db_id), call));
        return;
    }
    const RecordName record{call.db_id, std::string(call.key.view())};
    auto answer = [reply, callid = call.callid](const protocol::LtdbHeader& found,
                                                const Bytes& data) {
        reply(answer_to(callid, found, data));
    };
    const bool only_reads = (call.flags & protocol::call_flag::want_readonly) != 0 &&
                            (entry->flags() & protocol::db_flag::readonly) != 0;
    // Who only reads is answered as after a fetch with header (ctdb-behaviour.md 3.2).
    if (call.callid == call_id::null && only_reads)
        daemon_.records.have_readable(record, client.id(),
                                      [reply](const auto& found, const Bytes& data) {
                                          reply(protocol::record_value(found, data.span()));
                                      });
    else if (call.callid == call_id::null)
        daemon_.records.migrate(record, client.id(), std::move(answer));
    else if (call.callid == call_id::fetch || call.callid == call_id::fetch_with_header)
        daemon_.records.read(record, client.id(), std::move(answer));
    else
        reply({}); // an unknown function does nothing, and says so
}

} // namespace ctdbd::daemon
