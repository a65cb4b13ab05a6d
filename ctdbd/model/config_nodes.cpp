#include "ctdbd/model/config_nodes.h"

#include "ctdbd/model/config_text.h"
#include "ctdbd/protocol/numbers.h"

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ctdbd::config {
namespace {

std::optional<IpAddress> address_of(const std::string& text) {
    boost::system::error_code error;
    const IpAddress ip = boost::asio::ip::make_address(text, error);
    if (error) return std::nullopt;
    return protocol::canonical(ip);
}

// Calls `visit(line, number)` for each line that is not blank, without the blanks around it.
void for_each_line(std::string_view text, const auto& visit) {
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        const std::string line = boost::algorithm::trim_copy(std::string(text.substr(0, end)));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        if (!line.empty()) visit(line, number);
    }
}

void refuse_second(const auto& earlier_lines, const IpAddress& address, const Place& place) {
    for (const auto& earlier : earlier_lines)
        if (earlier.address == address)
            throw ConfigError(place,
                              fmt::format("Address {} stands there twice", address.to_string()),
                              fmt::format("it is on line {} already", earlier.line));
}

std::vector<std::string> words_of(const std::string& text, const char* separators) {
    std::vector<std::string> words;
    boost::algorithm::split(words, text, boost::algorithm::is_any_of(separators),
                            boost::algorithm::token_compress_on);
    std::erase(words, "");
    return words;
}

// "10.0.0.1/24" into its two halves.
std::optional<std::pair<IpAddress, std::uint32_t>> prefix_of(const std::string& text) {
    const std::size_t slash = text.find('/');
    if (slash == text.npos) return std::nullopt;
    const std::optional<IpAddress> ip = address_of(text.substr(0, slash));
    const std::string_view bits = std::string_view(text).substr(slash + 1);
    std::uint32_t mask = 0;
    const char* end = bits.data() + bits.size();
    const auto [stopped, error] = std::from_chars(bits.data(), end, mask);
    if (!ip || error != std::errc{} || stopped != end) return std::nullopt;
    return std::pair(*ip, mask);
}

PublicAddressLine public_address_of(const std::string& line,
                                    const Place& place,
                                    const InterfaceExists& interface_exists) {
    constexpr const char* remedy =
        "a line reads \"10.0.0.1/24 eth0\", several interfaces apart by commas";
    const std::vector<std::string> words = words_of(line, " \t");
    const auto prefix = prefix_of(words.front());
    if (!prefix)
        throw ConfigError(place, fmt::format("\"{}\" is no ADDRESS/BITS", words.front()), remedy);
    const std::uint32_t bits_max = prefix->first.is_v4() ? 32 : 128;
    if (prefix->second > bits_max)
        throw ConfigError(place, fmt::format("\"{}\" has too many mask bits", words.front()),
                          fmt::format("they go up to {}", bits_max));
    PublicAddressLine result = {.address = prefix->first,
                                .mask_bits = prefix->second,
                                .ifaces = words.size() > 1 ? words_of(words[1], ",")
                                                           : std::vector<std::string>{},
                                .line = place.line};
    if (result.ifaces.empty())
        throw ConfigError(place, fmt::format("No interface for {}", words.front()), remedy);
    for (const std::string& iface : result.ifaces)
        if (!interface_exists(iface))
            throw ConfigError(place,
                              fmt::format("Unknown interface {} for public address {}", iface,
                                          prefix->first.to_string()),
                              "`ip link` lists the interfaces of this host");
    return result;
}

} // namespace

std::vector<NodeLine> parse_node_lines(std::string_view text, const std::string& file) {
    std::vector<NodeLine> nodes;
    for_each_line(text, [&](const std::string& line, unsigned number) {
        const auto pnn = static_cast<std::uint32_t>(nodes.size());
        if (line[0] == '#') return nodes.push_back({pnn, std::nullopt, number});
        const Place place = {file, number, line};
        const std::optional<IpAddress> address = address_of(line);
        if (!address)
            throw ConfigError(
                place, fmt::format("\"{}\" is no IPv4 or IPv6 address", line),
                "a line of the nodes file is one address and nothing else; put # before "
                "the address of a deleted node");
        refuse_second(nodes, *address, place);
        nodes.push_back({pnn, address, number});
    });
    return nodes;
}

std::vector<NodeLine> parse_nodes(std::string_view text, const std::string& file) {
    std::vector<NodeLine> nodes = parse_node_lines(text, file);
    if (std::ranges::none_of(nodes, [](const NodeLine& node) { return node.address.has_value(); }))
        throw ConfigError({.file = file}, "The nodes file names no node",
                          "write the address of every node of the cluster, one a line");
    return nodes;
}

namespace {

std::string text_of_nodes(const fs::path& path) {
    std::optional<std::string> text = read_file(path);
    if (!text)
        throw ConfigError({.file = path.string()},
                          fmt::format("Failed to read nodes file \"{}\"", path.string()),
                          "write the address of every node of the cluster into it, one a line");
    return *std::move(text);
}

} // namespace

std::vector<NodeLine> load_nodes(const fs::path& path) {
    return parse_nodes(text_of_nodes(path), path.string());
}

std::vector<NodeLine> load_node_lines(const fs::path& path) {
    return parse_node_lines(text_of_nodes(path), path.string());
}

protocol::NodeMap node_map_of(const std::vector<NodeLine>& nodes) {
    protocol::NodeMap map;
    for (const NodeLine& node : nodes)
        map.nodes.push_back({.pnn = node.pnn,
                             .flags = node.address ? 0 : protocol::node_flag::deleted,
                             .address = {node.address.value_or(boost::asio::ip::address_v4::any()),
                                         protocol::node_port}});
    return map;
}

std::vector<PublicAddressLine> parse_public_addresses(std::string_view text,
                                                      const std::string& file,
                                                      const InterfaceExists& interface_exists) {
    std::vector<PublicAddressLine> addresses;
    for_each_line(text, [&](const std::string& line, unsigned number) {
        if (line[0] == '#') return;
        const Place place = {file, number, line};
        PublicAddressLine parsed = public_address_of(line, place, interface_exists);
        refuse_second(addresses, parsed.address, place);
        addresses.push_back(std::move(parsed));
    });
    return addresses;
}

std::vector<PublicAddressLine> load_public_addresses(const fs::path& path,
                                                     const InterfaceExists& interface_exists) {
    const std::optional<std::string> text = read_file(path);
    if (!text) return {};
    return parse_public_addresses(*text, path.string(), interface_exists);
}

} // namespace ctdbd::config
