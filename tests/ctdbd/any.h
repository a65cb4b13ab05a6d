// An arbitrary value of any structure of the protocol, for properties: every member is filled by
// what its type allows on the wire.
#pragma once

#include "ctdbd/protocol/packets.h"
#include "ctdbd/protocol/structures.h"

#include <boost/pfr.hpp>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace ctdbd::protocol {

template <class T>
T any();

inline Bytes any_bytes() {
    const auto bytes = *rc::gen::arbitrary<std::vector<std::uint8_t>>();
    return Bytes::copy_of(std::span(bytes));
}

// Text without NUL.
inline std::string any_text() {
    return *rc::gen::container<std::string>(
        rc::gen::distinctFrom(rc::gen::arbitrary<char>(), '\0'));
}

inline IpAddress any_ip() {
    if (*rc::gen::arbitrary<bool>())
        return boost::asio::ip::address_v4(*rc::gen::arbitrary<std::uint32_t>());
    return canonical(boost::asio::ip::address_v6(
        *rc::gen::container<std::array<std::uint8_t, 16>>(rc::gen::arbitrary<std::uint8_t>())));
}

// What is declared here is found by the template below, for the types of std and Boost as well.
inline void fill(Bytes& value);
inline void fill(std::string& value);
inline void fill(IpAddress& value);
inline void fill(Iface& iface);
inline void fill(ReplyControl& reply);
inline void fill(DbStatistics& all);
template <class T>
void fill(std::optional<T>& value);
template <class T, std::size_t size>
void fill(std::array<T, size>& values);
template <class T>
void fill(std::vector<T>& values);

template <class T>
void fill(T& value) {
    if constexpr (std::is_enum_v<T>)
        value = T{any<std::underlying_type_t<T>>()};
    else if constexpr (std::is_arithmetic_v<T>)
        value = *rc::gen::arbitrary<T>();
    else
        boost::pfr::for_each_field(value, [](auto& field) { fill(field); });
}

inline void fill(Bytes& value) { value = any_bytes(); }

inline void fill(std::string& value) { value = any_text(); }

inline void fill(IpAddress& value) { value = any_ip(); }

inline void fill(Iface& iface) {
    iface.name = any_text().substr(0, iface_name_max);
    fill(iface.link_state);
    fill(iface.references);
}

// A status other than 0 has no data, a promise that encode_packet checks.
inline void fill(ReplyControl& reply) {
    fill(reply.status);
    fill(reply.error);
    if (reply.status == 0) fill(reply.data);
}

// By hand: GCC 12 cannot count its members.
inline void fill(DbStatistics& all) {
    fill(all.locks);
    fill(all.vacuum_latency);
    fill(all.ro_delegations);
    fill(all.ro_revokes);
    fill(all.hop_count_buckets);
    fill(all.hottest);
}

template <class T>
void fill(std::optional<T>& value) {
    if (*rc::gen::arbitrary<bool>()) fill(value.emplace());
}

template <class T, std::size_t size>
void fill(std::array<T, size>& values) {
    for (T& value : values)
        fill(value);
}

template <class T>
void fill(std::vector<T>& values) {
    values.resize(*rc::gen::inRange<std::size_t>(0, 5));
    for (T& value : values)
        fill(value);
}

template <class T>
T any() {
    T value{};
    fill(value);
    return value;
}

} // namespace ctdbd::protocol
