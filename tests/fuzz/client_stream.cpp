// A client's byte stream, in pieces of any size: how it is cut into packets does not depend on how
// it arrived, memory follows what came and not what a length field promises, and every packet's
// body is decoded or refused.
#include "ctdbd/protocol/packets.h"
#include "tests/ctdbd/genuine.h"
#include "tests/fuzz/input.h"

namespace {

using namespace fuzz;
using namespace ctdbd::protocol;

constexpr std::size_t limit = 1 << 16; // of one packet, so that the limit can be met

std::vector<Bytes> cut_at_once(const Bytes& stream) {
    Framer framer(limit);
    framer.push(stream.span());
    std::vector<Bytes> packets;
    while (auto packet = framer.next())
        packets.push_back(packet->bytes);
    return packets;
}

std::vector<Bytes> cut_in_pieces(const Bytes& stream, Input sizes) {
    Framer framer(limit);
    std::vector<Bytes> packets;
    std::size_t offset = 0;
    while (offset < stream.size() && !framer.broken()) {
        const std::span<std::uint8_t> room = framer.room();
        check(!room.empty() && room.size() <= 2 * limit, "there is room, but not for promises");
        const std::size_t size =
            std::min({std::size_t{1} + sizes.number(0, 255), room.size(), stream.size() - offset});
        std::copy_n(stream.data() + offset, size, room.data());
        framer.filled(size);
        offset += size;
        while (auto packet = framer.next())
            packets.push_back(packet->bytes);
    }
    return packets;
}

// What is inside ends with the header's bytes and a value or a reason.
void look_inside(const Bytes& whole) {
    const Bytes body = whole.slice(header_size, whole.size() - header_size);
    for_each_type(Bodies{}, [&]<class T>() {
        const auto value = decode<T>(body);
        if (!value) check(!fmt::format("{}", value.error()).empty(), "a reason can be told");
    });
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    const Bytes sizes = in.bytes(16);
    const Bytes stream = in.rest();
    const std::vector<Bytes> packets = cut_at_once(stream);
    check(packets == cut_in_pieces(stream, Input(sizes.span())), "pieces make no difference");
    for (const Bytes& packet : packets) {
        check(packet.size() >= header_size && packet.size() <= stream.size(), "packets are whole");
        look_inside(packet);
    }
    return 0;
}
