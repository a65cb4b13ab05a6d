// The C interface over net::Node: translation only. No exception leaves these functions, and no C++
// type is seen outside.
#include "capi/totem.h"

#include "base/match.h"
#include "net/node.h"

#include <charconv>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <string_view>

static_assert(TOTEM_SAFE == static_cast<int>(totem::Service::safe));

struct totem_options {
    net::NodeOptions node;
};

struct totem_ring {
    totem_ring(const net::NodeOptions& options,
               const totem_callbacks& their_callbacks,
               void* their_user)
        : node(options), user(their_user) {
        // A program that was built with an older header hands over less.
        std::memcpy(&callbacks, &their_callbacks, std::min(their_callbacks.size, sizeof callbacks));
    }

    void handle(const net::Event& event);

    net::Node node;
    totem_callbacks callbacks{};
    void* user;
    bool ended = false;
};

namespace {

totem_processor processor(const totem::ProcessorId& id) { return {id.node, id.incarnation}; }

template <class Function, class... Arguments>
void call(Function* function, const Arguments&... arguments) {
    if (function != nullptr) function(arguments...);
}

void tell(const totem_ring& ring, const totem::Delivery& delivery) {
    const totem_delivery told{.origin = processor(delivery.origin),
                              .counter = delivery.counter,
                              .service = static_cast<totem_service>(delivery.service),
                              .payload = delivery.payload.data(),
                              .size = delivery.payload.size()};
    call(ring.callbacks.deliver, ring.user, &told);
}

void tell(const totem_ring& ring, const totem::Configuration& configuration) {
    std::vector<totem_processor> members;
    for (const totem::ProcessorId& member : configuration.members)
        members.push_back(processor(member));
    const totem_configuration told{
        .transitional = configuration.kind == totem::Configuration::Kind::transitional ? 1 : 0,
        .ring_seq = configuration.ring.seq,
        .representative = processor(configuration.ring.representative),
        .members = members.data(),
        .members_count = members.size()};
    call(ring.callbacks.configuration, ring.user, &told);
}

// -- options

template <class Number>
bool read_number(std::string_view text, Number& out, Number most) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number > most) return false;
    out = number;
    return true;
}

bool choose(const std::string& text, const char* yes, const char* no, bool& out) {
    if (text != yes && text != no) return false;
    out = text == yes;
    return true;
}

using Setter = bool (*)(net::NodeOptions&, const std::string&);

const std::map<std::string_view, Setter> setters = {
    {"node",
     [](auto& o, auto& v) { return read_number(v, o.self, ~totem::NodeId{0}) && o.self != 0; }},
    {"cluster", [](auto& o, auto& v) { return !(o.cluster = v).empty(); }},
    {"state", [](auto& o, auto& v) { return !(o.state_file = v).empty(); }},
    {"new identity", [](auto& o, auto& v) { return choose(v, "1", "0", o.new_identity); }},
    {"key file", [](auto& o, auto& v) { return o.key_file = v, true; }},
    {"transport",
     [](auto& o, auto& v) {
         bool multicast = true;
         if (!choose(v, "multicast", "unicast", multicast)) return false;
         o.transport = multicast ? net::Transport::multicast : net::Transport::unicast;
         return true;
     }},
    {"multicast group", [](auto& o, auto& v) { return !(o.multicast_group = v).empty(); }},
    {"port", [](auto& o, auto& v) { return read_number(v, o.port, std::uint16_t{65535}); }},
    {"token port",
     [](auto& o, auto& v) { return read_number(v, o.token_port, std::uint16_t{65535}); }},
    {"mtu", [](auto& o, auto& v) { return read_number(v, o.mtu, std::size_t{65535}); }},
    {"spin",
     [](auto& o, auto& v) {
         std::uint32_t microseconds = 0;
         if (!read_number(v, microseconds, std::uint32_t{10000})) return false;
         o.spin = std::chrono::microseconds(microseconds);
         return true;
     }},
    {"thread", [](auto& o, auto& v) { return choose(v, "own", "caller", o.own_thread); }},
};

} // namespace

void totem_ring::handle(const net::Event& event) {
    std::visit(base::Match{
                   [&](const totem::Delivery& delivery) { tell(*this, delivery); },
                   [&](const totem::Configuration& configuration) { tell(*this, configuration); },
                   [&](const net::Interrupted&) { call(callbacks.interrupted, user); },
                   [&](const net::RoomAvailable&) { call(callbacks.room, user); },
                   [&](const net::Left&) {
                       ended = true;
                       call(callbacks.ended, user, static_cast<const char*>(nullptr));
                   },
                   [&](const net::Broken& broken) {
                       ended = true;
                       call(callbacks.ended, user, broken.why.c_str());
                   },
               },
               event);
}

totem_options* totem_options_new() {
    auto* options = new (std::nothrow) totem_options;
    if (options != nullptr) options->node.cluster = "totem";
    return options;
}

void totem_options_free(totem_options* options) { delete options; }

totem_result totem_options_set(totem_options* options, const char* key, const char* value) {
    if (options == nullptr || key == nullptr || value == nullptr) return TOTEM_INVALID;
    const auto found = setters.find(key);
    if (found == setters.end()) return TOTEM_INVALID;
    return found->second(options->node, value) ? TOTEM_OK : TOTEM_INVALID;
}

totem_result totem_options_node(totem_options* options, uint32_t node, const char* address) {
    if (options == nullptr || node == 0 || address == nullptr) return TOTEM_INVALID;
    options->node.addresses[node] = address;
    return TOTEM_OK;
}

totem_ring* totem_open(const totem_options* options,
                       const totem_callbacks* callbacks,
                       void* user,
                       char* why,
                       size_t why_size) {
    const auto refuse = [&](std::string_view sentence) -> totem_ring* {
        if (why != nullptr && why_size > 0) {
            const std::size_t size = std::min(sentence.size(), why_size - 1);
            std::memcpy(why, sentence.data(), size);
            why[size] = 0;
        }
        return nullptr;
    };
    if (options == nullptr || callbacks == nullptr)
        return refuse("options and callbacks are needed");
    if (options->node.self == 0) return refuse("node: this node's number is needed");
    if (options->node.state_file.empty())
        return refuse("state: a file for this node's identity is needed");
    try {
        auto ring = std::make_unique<totem_ring>(options->node, *callbacks, user);
        ring->node.start({});
        return ring.release();
    } catch (const std::exception& error) {
        return refuse(error.what());
    }
}

void totem_close(totem_ring* ring) { delete ring; }

totem_processor totem_self(const totem_ring* ring) { return processor(ring->node.self()); }

int totem_fd(const totem_ring* ring) { return ring->node.event_fd(); }

size_t totem_dispatch(totem_ring* ring, size_t limit) {
    constexpr std::size_t sensible = 1024;
    return ring->node.poll([ring](net::Event&& event) { ring->handle(event); },
                           limit == 0 ? sensible : limit);
}

totem_result
totem_submit(totem_ring* ring, const void* payload, size_t size, totem_service service) {
    if (size > totem::message_size_max) return TOTEM_TOO_LARGE;
    if ((payload == nullptr && size > 0) || (service != TOTEM_AGREED && service != TOTEM_SAFE))
        return TOTEM_INVALID;
    if (ring->ended) return TOTEM_ENDED;
    const auto bytes =
        base::Bytes::copy_of(std::span(static_cast<const std::uint8_t*>(payload), size));
    return ring->node.submit(bytes, static_cast<totem::Service>(service)) ? TOTEM_OK : TOTEM_FULL;
}

size_t totem_message_size_max() { return totem::message_size_max; }

void totem_leave(totem_ring* ring) { ring->node.leave(); }
