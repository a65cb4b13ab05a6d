// The only file that knows letters.proto.
#include "base/match.h"
#include "ctdbd/daemon/letters.h"
#include "ctdbd/letters.pb.h"

namespace ctdbd::daemon {

namespace {

std::string text(const Bytes& bytes) { return std::string(bytes.view()); }

Bytes bytes(const std::string& text) { return Bytes::copy_of(std::string_view(text)); }

void write(const ClientMessage& message, letters::Letter& out) {
    out.mutable_client_message()->set_srvid(message.srvid);
    out.mutable_client_message()->set_data(text(message.data));
}

void write(const ControlRequest& request, letters::Letter& out) {
    letters::ControlRequest& control = *out.mutable_control_request();
    control.set_id(request.id);
    control.set_opcode(static_cast<std::uint32_t>(request.opcode));
    control.set_srvid(request.srvid);
    control.set_client_id(request.client_id);
    control.set_flags(request.flags);
    control.set_data(text(request.data));
}

void write(const ControlAnswer& answer, letters::Letter& out) {
    letters::ControlReply& reply = *out.mutable_control_reply();
    reply.set_id(answer.id);
    reply.set_status(answer.status);
    reply.set_data(text(answer.data));
    reply.set_error(answer.error);
}

void write(const TraverseStart& start, letters::Letter& out) {
    out.mutable_traverse_start()->set_id(start.id);
    out.mutable_traverse_start()->set_db(start.db);
    out.mutable_traverse_start()->set_with_empty_records(start.with_empty_records);
    out.mutable_traverse_start()->set_newer_than(start.newer_than);
}

void write(const TraverseRecords& piece, letters::Letter& out) {
    letters::TraverseRecords& records = *out.mutable_traverse_records();
    records.set_id(piece.id);
    records.set_last(piece.last);
    for (const TraverseRecords::Record& record : piece.records) {
        auto& added = *records.add_records();
        added.set_key(text(record.key));
        added.set_value(text(record.value));
    }
}

void write(const TraverseNext& next, letters::Letter& out) {
    out.mutable_traverse_next()->set_id(next.id);
}

void write(const TraverseStop& stop, letters::Letter& out) {
    out.mutable_traverse_stop()->set_id(stop.id);
}

void write(const TunnelPacket& packet, letters::Letter& out) {
    out.mutable_tunnel_packet()->set_tunnel_id(packet.tunnel_id);
    out.mutable_tunnel_packet()->set_flags(packet.flags);
    out.mutable_tunnel_packet()->set_data(text(packet.data));
}

void write(const Testament& testament, letters::Letter& out) {
    out.mutable_testament()->set_incarnation(testament.incarnation);
    out.mutable_testament()->set_commitment(text(testament.commitment));
}

ControlRequest read(const letters::ControlRequest& control) {
    return {.id = control.id(),
            .opcode = static_cast<protocol::Opcode>(control.opcode()),
            .srvid = control.srvid(),
            .client_id = control.client_id(),
            .flags = control.flags(),
            .data = bytes(control.data())};
}

TraverseRecords read(const letters::TraverseRecords& records) {
    TraverseRecords piece{.id = records.id(), .records = {}, .last = records.last()};
    for (const auto& record : records.records())
        piece.records.push_back({bytes(record.key()), bytes(record.value())});
    return piece;
}

} // namespace

Bytes encode(const Letter& letter) {
    letters::Letter out;
    std::visit([&](const auto& content) { write(content, out); }, letter);
    return Bytes::copy_of(std::string_view(out.SerializeAsString()));
}

std::optional<Letter> decode_letter(const Bytes& encoded) {
    letters::Letter in;
    if (!in.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) return std::nullopt;
    switch (in.content_case()) {
    case letters::Letter::kClientMessage:
        return ClientMessage{in.client_message().srvid(), bytes(in.client_message().data())};
    case letters::Letter::kControlRequest:
        return read(in.control_request());
    case letters::Letter::kControlReply:
        return ControlAnswer{in.control_reply().id(), in.control_reply().status(),
                             bytes(in.control_reply().data()), in.control_reply().error()};
    case letters::Letter::kTraverseStart:
        return TraverseStart{in.traverse_start().id(), in.traverse_start().db(),
                             in.traverse_start().with_empty_records(),
                             in.traverse_start().newer_than()};
    case letters::Letter::kTraverseRecords:
        return read(in.traverse_records());
    case letters::Letter::kTraverseNext:
        return TraverseNext{in.traverse_next().id()};
    case letters::Letter::kTraverseStop:
        return TraverseStop{in.traverse_stop().id()};
    case letters::Letter::kTunnelPacket:
        return TunnelPacket{in.tunnel_packet().tunnel_id(), in.tunnel_packet().flags(),
                            bytes(in.tunnel_packet().data())};
    case letters::Letter::kTestament:
        return Testament{in.testament().incarnation(), bytes(in.testament().commitment())};
    case letters::Letter::CONTENT_NOT_SET:
        break;
    }
    return std::nullopt;
}

} // namespace ctdbd::daemon
