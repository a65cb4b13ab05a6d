// The body of any packet. The first byte is its type (0 is none), the rest is the body: a data
// packet, wrapped or not, or one of the Protobuf messages of totem/wire.proto.
#include "tests/fuzz/input.h"
#include "totem/chunks.h"
#include "totem/wire.h"

using namespace fuzz;
using namespace totem;

namespace {

void round_trip(const Packet& packet, std::size_t size) {
    std::vector<std::uint8_t> written(2 * size + 256); // other spellings may have been shorter
    const auto written_size = encode(packet, written);
    check(written_size.has_value(), "what was read can be written");
    const auto bytes = std::span<const std::uint8_t>(written).first(*written_size);
    if (type_of(packet) != PacketType::data)
        check(encoded_size(packet) == bytes.size(), "the size of a packet is known before");
    const auto again = decode(type_of(packet), Bytes::copy_of(bytes));
    check(again.has_value() && *again == packet, "a packet survives being written");
    check(!describe(packet).empty(), "a packet can be told");
}

// Every chunk can be read, and assembling them keeps within what came.
void take_apart(const DataPacket& packet) {
    check(well_formed(packet), "only well-formed packets are accepted");
    std::vector<Delivery> messages;
    Assembly assembly;
    assembly.take(packet, messages);
    assembly.take(packet, messages); // its own continuation, or a misfit
    for (const Delivery& message : messages)
        check(message.payload.size() <= 2 * packet.chunks.size(), "no byte comes from nowhere");
    if (!packet.wrapped) return;
    const auto inner = unwrap(packet);
    check(inner.has_value(), "an accepted wrapper can be unwrapped");
    check(!inner->wrapped, "there is one wrapper at most");
    check(wrap(*inner) == packet.chunks, "an old packet survives another recovery");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    const auto type = static_cast<PacketType>(in.byte());
    const Bytes body = in.rest();
    const auto packet = decode(type, body);
    if (!packet) return 0;
    check(type_of(*packet) == type, "a packet is of the type that the envelope says");
    round_trip(*packet, body.size());
    if (const auto* message = std::get_if<DataPacket>(&*packet)) take_apart(*message);
    return 0;
}
