// Every file that an operator may write. The first byte chooses which; it is read, or refused with
// a sentence that says where.
#include "ctdbd/model/config_ctdb.h"
#include "ctdbd/model/config_nodes.h"
#include "ctdbd/model/config_totem.h"
#include "ctdbd/model/config_tunables.h"
#include "tests/fuzz/input.h"

namespace {

using namespace fuzz;
using namespace ctdbd::config;

PathKind any_path(const fs::path& path) {
    return static_cast<PathKind>(path.native().size() % 5); // the disk is the fuzzer's as well
}

void ctdb_conf(const std::string& text) {
    const CtdbConf conf = parse_ctdb_conf(text, "ctdb.conf", "/etc/ctdb", any_path);
    for (const Assignment& given : conf.given)
        check(conf.was_given(given.section, given.name), "what was given is known");
}

void totem_conf(const std::string& text) {
    const TotemConf conf = parse_totem_conf(text, "totem.conf", "/run");
    check(conf.ring.accelerated_window <= 100, "a share is a share");
}

void nodes(const std::string& text) {
    const std::vector<NodeLine> lines = parse_nodes(text, "nodes");
    check(!lines.empty(), "a cluster has a node");
    for (std::size_t i = 0; i < lines.size(); ++i)
        check(lines[i].pnn == i, "a node's number is its place");
    check(node_map_of(lines).nodes.size() == lines.size(), "every line is in the map");
}

void public_addresses(const std::string& text) {
    const auto exists = [](const std::string& name) { return name.size() % 2 == 0; };
    for (const PublicAddressLine& line : parse_public_addresses(text, "public_addresses", exists)) {
        check(!line.ifaces.empty(), "an address has an interface");
        check(line.mask_bits <= (line.address.is_v4() ? 32U : 128U), "a mask fits its address");
    }
}

void tunables(const std::string& text) {
    Tunables values;
    for (const Warning& warning : parse_tunables(text, "ctdb.tunables", values))
        check(!fmt::format("{}", warning).empty(), "a warning can be told");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    const std::uint8_t chosen = in.byte() % 6;
    const std::string text = in.rest_as_text();
    try {
        switch (chosen) {
        case 0:
            ctdb_conf(text);
            break;
        case 1:
            totem_conf(text);
            break;
        case 2:
            nodes(text);
            break;
        case 3:
            public_addresses(text);
            break;
        case 4:
            tunables(text);
            break;
        default:
            (void)parse_text(text, "any.conf");
        }
    } catch (const ConfigError& refusal) {
        check(!refusal.place().file.empty(), "a refusal says where");
    }
    return 0;
}
