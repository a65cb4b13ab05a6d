// How a structure of CTDB's client protocol becomes bytes, and bytes become a structure or a
// reason.
//
// Everything on the unix socket is little endian (the native order of the one platform there is),
// laid out as a C compiler would, pads included. Each structure's layout is written down once, in
// the .cpp beside its header, and serves both directions; decode and encode below are instantiated
// there for every structure this folder declares. What a value means is not known here.
//
// Bytes from a client are hostile: every count and length is checked against what has really
// arrived before anything is reserved or read, and blobs in the result are slices of the input, not
// copies.
#pragma once

#include "base/bytes.h"

#include <boost/system/result.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctdbd::protocol {

using base::Bytes;

enum class Problem : std::uint8_t {
    too_short,    // the field does not fit into what is left
    too_long,     // bytes are left over after a structure that must fill its payload exactly
    inconsistent, // the field contradicts another one
    unterminated, // a string without its NUL
    unknown,      // a value that has no meaning: an address family
};

struct DecodeError {
    std::string_view field; // a literal: the name in ctdb-wire.md section 3
    Problem problem;
    std::size_t offset; // of the field, from the start of the structure

    friend bool operator==(const DecodeError&, const DecodeError&) = default;
};

template <class T>
using Decoded = boost::system::result<T, DecodeError>;

// result<T>::value() on a reason: a programming error, so it says so in an exception.
[[noreturn]] void throw_exception_from_error(const DecodeError& error,
                                             const boost::source_location& where);

// Structures of a fixed size, and those that state their own length, must fill `bytes` exactly; the
// few of which the stock daemon tolerates a tail say so where they are declared.
template <class T>
[[nodiscard]] Decoded<T> decode(const Bytes& bytes);

template <class T>
[[nodiscard]] Bytes encode(const T& value);

// Beside the structures, payloads that are one number: uint32_t, int32_t, uint64_t, double.

// `str`: the payload is the string with its NUL. No bytes at all is the null string, which some
// replies use for "none" (GET_RECLOCK_FILE) or "healthy" (DB_GET_HEALTH).
[[nodiscard]] Decoded<std::optional<std::string>> decode_string(const Bytes& bytes);
[[nodiscard]] Bytes encode_string(const std::optional<std::string>& text);

} // namespace ctdbd::protocol

template <>
struct fmt::formatter<ctdbd::protocol::DecodeError> : fmt::formatter<std::string_view> {
    fmt::format_context::iterator format(const ctdbd::protocol::DecodeError& error,
                                         fmt::format_context& context) const;
};
