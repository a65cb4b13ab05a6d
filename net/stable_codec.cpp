#include "net/stable_codec.h"

#include "net/stable.pb.h"
#include "totem/envelope.h"

#include <algorithm>
#include <cstring>

namespace net {

namespace {

constexpr std::array<std::uint8_t, 8> magic = {'T', 'O', 'T', 'E', 'M', 'S', 'T', '1'};
constexpr std::size_t header_size = magic.size() + 8;

void store_u32(std::uint32_t value, std::uint8_t* out) {
    for (int i = 0; i < 4; ++i)
        out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint32_t load_u32(const std::uint8_t* in) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
        value |= std::uint32_t{in[i]} << (8 * i);
    return value;
}

} // namespace

std::vector<std::uint8_t> encode(const StableCopy& copy) {
    pb::StableCopy message;
    message.set_cluster(copy.cluster);
    message.set_node(copy.node);
    message.set_incarnation(copy.record.incarnation);
    message.set_ring_seq_lease(copy.record.ring_seq_lease);
    message.set_write_number(copy.write_number);
    const std::string body = message.SerializeAsString();
    std::vector<std::uint8_t> bytes(header_size + body.size());
    std::ranges::copy(magic, bytes.begin());
    std::ranges::copy(body, bytes.begin() + header_size);
    store_u32(static_cast<std::uint32_t>(body.size()), bytes.data() + magic.size());
    store_u32(crc32c(std::span(bytes).subspan(header_size)), bytes.data() + magic.size() + 4);
    return bytes;
}

std::optional<StableCopy> decode_stable(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < header_size || !std::ranges::equal(bytes.first(magic.size()), magic))
        return {};
    const auto body = bytes.subspan(header_size);
    if (load_u32(bytes.data() + magic.size()) != body.size() ||
        load_u32(bytes.data() + magic.size() + 4) != crc32c(body))
        return {};
    pb::StableCopy message;
    if (!message.ParseFromArray(body.data(), static_cast<int>(body.size()))) return {};
    return StableCopy{message.cluster(),
                      message.node(),
                      {message.incarnation(), message.ring_seq_lease()},
                      message.write_number()};
}

} // namespace net
