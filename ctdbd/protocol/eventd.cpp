#include "ctdbd/protocol/eventd.h"

#include "ctdbd/protocol/layout.h"

namespace ctdbd::protocol::eventd {
namespace {

// Version, which is 0 in both directions and never looked at, reqid and command.
void head(auto& io, auto& reqid, auto& command) {
    io.pad(4);
    io.number("reqid", reqid);
    io.number("command", command);
}

// A string that may be null: length 0, where the empty one has length 1.
void nullable_text(Reader& io, std::string_view field, std::optional<std::string>& text) {
    const std::uint32_t size = io.length(field, 0);
    text.reset();
    if (size > 0) io.text(field, text.emplace(), size);
}

void nullable_text(Writer& io, std::string_view field, const std::optional<std::string>& text) {
    const std::uint32_t size = io.length(field, text ? text->size() + 1 : 0);
    if (text) io.text(field, *text, size);
}

// Never null: the empty string is written as its NUL.
void present_text(auto& io, std::string_view field, Is<std::string> auto& text) {
    const std::uint32_t size = io.length(field, text.size() + 1);
    io.text(field, text, size);
}

} // namespace

void layout(auto& io, Is<Run> auto& run) {
    present_text(io, "component", run.component);
    present_text(io, "event", run.event);
    nullable_text(io, "args", run.arguments);
    io.number("timeout", run.timeout);
    io.number("flags", run.flags);
}

void layout(auto& io, Is<Status> auto& status) {
    present_text(io, "component", status.component);
    present_text(io, "event", status.event);
}

void layout(auto& io, Is<ScriptRun> auto& script) {
    present_text(io, "name", script.name);
    layout(io, script.begin);
    layout(io, script.end);
    io.number("result", script.result);
    present_text(io, "output", script.output);
}

void layout(auto& io, Is<StatusReport> auto& report) {
    constexpr std::size_t script_size_min = 4 + 16 + 16 + 4 + 4;
    io.number("summary", report.summary);
    list(io, "scripts", report.scripts, script_size_min);
}

void layout(Reader& io, Request& request) {
    std::uint32_t command = 0;
    head(io, request.reqid, command);
    switch (Command{command}) {
    case Command::run:
        return layout(io, request.what.emplace<Run>());
    case Command::status:
        return layout(io, request.what.emplace<Status>());
    default:
        return io.fail("command", Problem::unknown);
    }
}

void layout(Writer& io, const Request& request) {
    const auto write = [&](Command command, const auto& what) {
        const auto number = static_cast<std::uint32_t>(command);
        head(io, request.reqid, number);
        layout(io, what);
    };
    if (const Run* run = std::get_if<Run>(&request.what))
        write(Command::run, *run);
    else
        write(Command::status, std::get<Status>(request.what));
}

void layout(Reader& io, Reply& reply) {
    std::uint32_t command = 0;
    head(io, reply.reqid, command);
    reply.command = Command{command};
    io.number("result", reply.result);
    if (reply.command == Command::status && reply.result == 0) layout(io, reply.report.emplace());
}

void layout(Writer& io, const Reply& reply) {
    const auto command = static_cast<std::uint32_t>(reply.command);
    head(io, reply.reqid, command);
    io.number("result", reply.result);
    const bool reports = reply.command == Command::status && reply.result == 0;
    io.expect("report", reports == reply.report.has_value());
    if (reply.report) layout(io, *reply.report);
}

namespace {

// The length that begins every packet counts the packet, itself included.
template <class T>
Decoded<T> decode_framed(const Bytes& bytes) {
    Reader io(bytes);
    T value{};
    io.expect("length", io.length("length", 0) == bytes.size());
    layout(io, value);
    return io.finish(std::move(value), Tail::refused);
}

Bytes encode_framed(const auto& value) {
    Writer io;
    io.number("length", std::uint32_t{0});
    layout(io, value);
    io.patch(0, static_cast<std::uint32_t>(io.size()));
    return io.finish();
}

} // namespace

Decoded<Request> decode_request(const Bytes& packet) { return decode_framed<Request>(packet); }

Decoded<Reply> decode_reply(const Bytes& packet) { return decode_framed<Reply>(packet); }

Bytes encode_packet(const Request& request) { return encode_framed(request); }

Bytes encode_packet(const Reply& reply) { return encode_framed(reply); }

} // namespace ctdbd::protocol::eventd
