// Every structure that a control, a message or eventd may carry. The first byte chooses one; what
// its decoder accepts must survive being written and read again.
#include "ctdbd/protocol/eventd.h"
#include "tests/ctdbd/genuine.h"
#include "tests/fuzz/input.h"

namespace {

using namespace fuzz;
using namespace ctdbd::protocol;

// Compared as bytes: a NaN is not even equal to itself.
template <class T>
void round_trip(const Bytes& bytes) {
    const auto value = decode<T>(bytes);
    if (!value) return;
    const Bytes written = encode(*value);
    const auto again = decode<T>(written);
    check(again.has_value() && encode(*again) == written, "a structure survives being written");
}

// Bodies are written as part of a packet.
template <class T>
void body_round_trip(const Bytes& bytes) {
    const auto value = decode<T>(bytes);
    if (!value) return;
    if constexpr (std::is_same_v<T, ReplyControl>)
        if (value->status != 0 && !value->data.empty()) return; // nobody may write that
    for (const Padding padding : {Padding::none, Padding::tool, Padding::daemon}) {
        if constexpr (requires { value->record_flags; })
            if (padding != Padding::none) continue; // whose zeros are flags, where there are none
        const Bytes packet = encode_packet({}, *value, padding);
        const auto again = decode<T>(packet.slice(header_size, packet.size() - header_size));
        check(again.has_value() && *again == *value, "a body survives being sent");
    }
}

void strings(const Bytes& bytes) {
    const auto text = decode_string(bytes);
    if (!text) return;
    const auto again = decode_string(encode_string(*text));
    check(again.has_value() && *again == *text, "a string survives being written");
}

void eventd_packets(const Bytes& bytes) {
    if (const auto request = eventd::decode_request(bytes)) {
        const auto again = eventd::decode_request(eventd::encode_packet(*request));
        check(again.has_value() && *again == *request, "a request survives being sent");
    }
    if (const auto reply = eventd::decode_reply(bytes)) {
        const auto again = eventd::decode_reply(eventd::encode_packet(*reply));
        check(again.has_value() && *again == *reply, "a reply survives being sent");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    const std::uint8_t chosen = in.byte();
    const Bytes bytes = in.rest();
    std::uint8_t index = 0;
    for_each_type(Structures{}, [&]<class T>() {
        if (index++ == chosen) round_trip<T>(bytes);
    });
    for_each_type(Bodies{}, [&]<class T>() {
        if (index++ == chosen) body_round_trip<T>(bytes);
    });
    if (index == chosen) strings(bytes);
    if (index < chosen) eventd_packets(bytes);
    return 0;
}
