#include "ctdbd/protocol/records.h"

#include "ctdbd/protocol/layout.h"

namespace ctdbd::protocol {
namespace {

constexpr std::size_t record_head_size = 16;

} // namespace

// The length word counts head, key and data. Nothing else may hide in it: a client that walks a
// buffer by this word and one that walks it by the two others must see the same records.
void layout(auto& io, Is<RecordData> auto& record) {
    const std::uint64_t length =
        io.length("length", record_head_size + record.key.size() + record.data.size());
    io.number("reqid", record.reqid);
    const std::uint32_t key_size = io.length("keylen", record.key.size());
    const std::uint32_t data_size = io.length("datalen", record.data.size());
    io.expect("length", length == record_head_size + std::uint64_t{key_size} + data_size);
    io.blob("key", record.key, key_size);
    io.blob("data", record.data, data_size);
}

void layout(auto& io, Is<MarshallBuffer> auto& buffer) {
    io.number("db_id", buffer.db_id);
    list(io, "count", buffer.records, record_head_size);
}

template <>
inline constexpr Tail tail_of<MarshallBuffer> = Tail::ignored;

void layout(auto& io, Is<LtdbHeader> auto& header) {
    io.number("rsn", header.rsn);
    io.number("dmaster", header.dmaster);
    io.pad(4); // reserved
    io.number("flags", header.flags);
    io.pad(4);
}

void layout(auto& io, Is<KeyData> auto& data) {
    io.number("db_id", data.db_id);
    io.pad(4);
    layout(io, data.header);
    const std::uint32_t size = io.length("keylen", data.key.size());
    io.blob("key", data.key, size);
}

void layout(auto& io, Is<GLockEntry> auto& entry) {
    io.number("type", entry.type);
    io.pad(4);
    layout(io, entry.holder);
}

Bytes record_value(const LtdbHeader& header, std::span<const std::uint8_t> value) {
    const auto head = ltdb_header_bytes(header);
    base::WritableBytes bytes(head.size() + value.size());
    std::ranges::copy(head, bytes.data());
    std::ranges::copy(value, bytes.data() + head.size());
    return bytes.freeze(head.size() + value.size());
}

template Decoded<RecordData> decode(const Bytes&);
template Decoded<MarshallBuffer> decode(const Bytes&);
template Decoded<LtdbHeader> decode(const Bytes&);
template Decoded<KeyData> decode(const Bytes&);
template Decoded<GLockEntry> decode(const Bytes&);

template Bytes encode(const RecordData&);
template Bytes encode(const MarshallBuffer&);
template Bytes encode(const LtdbHeader&);
template Bytes encode(const KeyData&);
template Bytes encode(const GLockEntry&);

} // namespace ctdbd::protocol
