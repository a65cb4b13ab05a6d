// The two lists of addresses: `nodes`, which says who the cluster is and which number each node
// has, and `public_addresses`, which says what this node may host (ctdb-behaviour.md 7.4).
#pragma once

#include "ctdbd/model/config_error.h"
#include "ctdbd/model/config_paths.h"
#include "ctdbd/protocol/addresses.h"
#include "ctdbd/protocol/nodes.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctdbd::config {

using protocol::IpAddress;

struct NodeLine {
    std::uint32_t pnn = 0;
    std::optional<IpAddress>
        address; // none: deleted (a line that begins with #), the number stays taken
    unsigned line = 0;

    friend bool operator==(const NodeLine&, const NodeLine&) = default;
};

// Every line that is not blank, in order: pnn is the index. Throws ConfigError on a line that is no
// address, on an address that stands there twice, and on a file without a node.
[[nodiscard]] std::vector<NodeLine> parse_nodes(std::string_view text, const std::string& file);

// The same of a file in which nothing may stand.
[[nodiscard]] std::vector<NodeLine> parse_node_lines(std::string_view text,
                                                     const std::string& file);

// Throws also if the file cannot be read.
[[nodiscard]] std::vector<NodeLine> load_nodes(const fs::path& path);
[[nodiscard]] std::vector<NodeLine> load_node_lines(const fs::path& path);

// As GET_NODES_FILE and GET_NODEMAP tell it: deleted nodes are 0.0.0.0 with flag DELETED.
[[nodiscard]] protocol::NodeMap node_map_of(const std::vector<NodeLine>& nodes);

struct PublicAddressLine {
    IpAddress address;
    std::uint32_t mask_bits = 0;
    std::vector<std::string> ifaces; // at least one, in the file's order
    unsigned line = 0;

    friend bool operator==(const PublicAddressLine&, const PublicAddressLine&) = default;
};

using InterfaceExists = std::function<bool(const std::string& name)>;

// Throws ConfigError on a malformed line, an unknown interface or an address that stands there
// twice.
[[nodiscard]] std::vector<PublicAddressLine> parse_public_addresses(
    std::string_view text, const std::string& file, const InterfaceExists& interface_exists);

// A missing file is no public addresses.
[[nodiscard]] std::vector<PublicAddressLine>
load_public_addresses(const fs::path& path, const InterfaceExists& interface_exists);

} // namespace ctdbd::config
