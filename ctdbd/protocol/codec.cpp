#include "ctdbd/protocol/codec.h"

#include "ctdbd/protocol/layout.h"

#include <boost/throw_exception.hpp>

#include <stdexcept>

namespace ctdbd::protocol {
namespace {

std::string_view sentence(Problem problem) {
    switch (problem) {
    case Problem::too_short:
        return "does not fit into what arrived";
    case Problem::too_long:
        return "comes before the bytes do";
    case Problem::inconsistent:
        return "contradicts another field";
    case Problem::unterminated:
        return "has no NUL";
    case Problem::unknown:
        return "has an unknown value";
    }
    return "is wrong";
}

} // namespace

void throw_exception_from_error(const DecodeError& error, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error(fmt::format("{}", error)), where);
}

Decoded<std::optional<std::string>> decode_string(const Bytes& bytes) {
    if (bytes.empty()) return std::optional<std::string>{};
    Reader reader(bytes);
    std::string text;
    reader.text("string", text, bytes.size());
    return reader.finish(std::optional(std::move(text)), Tail::refused);
}

Bytes encode_string(const std::optional<std::string>& text) {
    if (!text) return {};
    Writer writer;
    writer.text("string", *text, text->size() + 1);
    return writer.finish();
}

template Decoded<std::uint32_t> decode(const Bytes&);
template Decoded<std::int32_t> decode(const Bytes&);
template Decoded<std::uint64_t> decode(const Bytes&);
template Decoded<double> decode(const Bytes&);

template Bytes encode(const std::uint32_t&);
template Bytes encode(const std::int32_t&);
template Bytes encode(const std::uint64_t&);
template Bytes encode(const double&);

} // namespace ctdbd::protocol

fmt::format_context::iterator
fmt::formatter<ctdbd::protocol::DecodeError>::format(const ctdbd::protocol::DecodeError& error,
                                                     fmt::format_context& context) const {
    return fmt::format_to(context.out(), "{} at offset {} {}", error.field, error.offset,
                          ctdbd::protocol::sentence(error.problem));
}
