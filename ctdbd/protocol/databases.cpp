#include "ctdbd/protocol/databases.h"

#include "ctdbd/protocol/layout.h"

namespace ctdbd::protocol {

void layout(auto& io, Is<DbMapEntry> auto& entry) {
    io.number("db_id", entry.db_id);
    io.number("flags", entry.flags);
    io.pad(3);
}

void layout(auto& io, Is<DbMap> auto& map) { list(io, "num", map.databases, 8); }

void layout(auto& io, Is<TransDb> auto& trans) {
    io.number("db_id", trans.db_id);
    io.number("transaction_id", trans.transaction_id);
}

void layout(auto& io, Is<PullDb> auto& pull) {
    io.number("db_id", pull.db_id);
    io.number("lmaster", pull.lmaster);
    io.number("srvid", pull.srvid);
}

void layout(auto& io, Is<SeqnumRequest> auto& request) {
    io.number("db_id", request.db_id);
    io.pad(4);
}

void layout(auto& io, Is<DbVacuum> auto& vacuum) {
    io.number("db_id", vacuum.db_id);
    io.flag("full", vacuum.full);
}

void layout(auto& io, Is<TraverseStart> auto& start) {
    io.number("db_id", start.db_id);
    io.number("reqid", start.reqid);
    io.number("srvid", start.srvid);
}

void layout(auto& io, Is<TraverseStartExt> auto& start) {
    io.number("db_id", start.db_id);
    io.number("reqid", start.reqid);
    io.number("srvid", start.srvid);
    io.flag("withemptyrecords", start.with_empty_records);
    io.pad(7);
}

void layout(auto& io, Is<TraverseAll> auto& all) {
    io.number("db_id", all.db_id);
    io.number("reqid", all.reqid);
    io.number("pnn", all.pnn);
    io.number("client_reqid", all.client_reqid);
    io.number("srvid", all.srvid);
}

void layout(auto& io, Is<TraverseAllExt> auto& ext) {
    layout(io, ext.all);
    io.flag("withemptyrecords", ext.with_empty_records);
    io.pad(7);
}

template Decoded<DbMap> decode(const Bytes&);
template Decoded<TransDb> decode(const Bytes&);
template Decoded<PullDb> decode(const Bytes&);
template Decoded<SeqnumRequest> decode(const Bytes&);
template Decoded<DbVacuum> decode(const Bytes&);
template Decoded<TraverseStart> decode(const Bytes&);
template Decoded<TraverseStartExt> decode(const Bytes&);
template Decoded<TraverseAll> decode(const Bytes&);
template Decoded<TraverseAllExt> decode(const Bytes&);

template Bytes encode(const DbMap&);
template Bytes encode(const TransDb&);
template Bytes encode(const PullDb&);
template Bytes encode(const SeqnumRequest&);
template Bytes encode(const DbVacuum&);
template Bytes encode(const TraverseStart&);
template Bytes encode(const TraverseStartExt&);
template Bytes encode(const TraverseAll&);
template Bytes encode(const TraverseAllExt&);

} // namespace ctdbd::protocol
