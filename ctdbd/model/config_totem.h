// totem.conf: what the ring needs to know and CTDB never asked for. Every option is optional, and
// so is the file. It is ours, so it is strict: an unknown section or option is an error like a
// wrong value.
#pragma once

#include "ctdbd/model/config_error.h"
#include "ctdbd/model/config_paths.h"
#include "ctdbd/protocol/addresses.h"
#include "ctdbd/protocol/numbers.h"
#include "net/logs.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ctdbd::config {

enum class RingTransport : std::uint8_t { multicast, unicast };
enum class QuorumRule : std::uint8_t { dynamic, majority };

// [ring]
struct Ring {
    std::string cluster = "totem-ctdb"; // `cluster name`: rings of other names are not heard
    RingTransport transport = RingTransport::multicast;
    protocol::IpAddress multicast_group = boost::asio::ip::make_address_v4("239.192.43.79");
    int multicast_ttl = 1;
    std::uint16_t port = 4379; // data and membership
    std::uint16_t token_port = 4380;
    std::uint16_t obituary_port = 4381; // where the guards of others tell that their daemon is dead
    std::uint16_t direct_port = 4382;   // past the ring, from node to node
    bool direct_moves = true;           // of records, past the order
    // The loop looks on for so long for what it asked another node, before it sleeps.
    std::chrono::microseconds direct_spin{100};
    std::uint32_t mtu = 0;              // `auto`: ask the kernel
    fs::path key_file; // empty: packets are not sealed, only the nodes file's addresses are heard
    std::chrono::milliseconds token_loss_timeout{300};
    std::uint32_t window = 0;       // `auto`, or packets of all members in one rotation
    std::uint32_t visit_window = 0; // `auto`, or packets of one member in one visit
    // Per cent of a visit's packets that follow the token instead of preceding it.
    std::uint32_t accelerated_window = 80;
    std::chrono::microseconds spin{0}; // the ring's thread looks on for so long before it sleeps
    bool new_identity = false; // no stored identity: start as a new processor rather than refuse
    fs::path trace_file;       // empty: none
};

struct TotemConf {
    Ring ring;
    QuorumRule quorum_rule = QuorumRule::dynamic;          // [quorum] rule
    fs::path witness;                                      // [quorum] witness; empty: none
    std::chrono::milliseconds lock_patience{10000};        // [quorum] lock patience
    fs::path lock_socket;                                  // [lock] control socket
    std::map<logs::Facility, protocol::DebugLevel> levels; // [logging]; others: as in ctdb.conf
};

// Throws ConfigError. `run` is where sockets live when no path is given.
[[nodiscard]] TotemConf
parse_totem_conf(std::string_view text, const std::string& file, const fs::path& run);

// A missing file is all defaults.
[[nodiscard]] TotemConf load_totem_conf(const Paths& paths);

} // namespace ctdbd::config
