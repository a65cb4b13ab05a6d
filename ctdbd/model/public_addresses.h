// The public addresses of this node: which it may host, over which interfaces, which it holds, and
// who holds the others as far as we were told (ctdb-behaviour.md 6.5, 6.8, 6.9;
// ctdb-wire.md 3.3.8).
//
// A table and its rules; who gives an address to whom is the leader's business (takeover.h), what
// is done to interfaces that of addresses.h.
#pragma once

#include "ctdbd/model/config_nodes.h"
#include "ctdbd/protocol/addresses.h"
#include "ctdbd/protocol/numbers.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ctdbd::config {

struct PublicAddress {
    IpAddress ip;
    std::uint32_t mask_bits = 0;
    std::vector<std::string> ifaces; // that it may be on
    // Where it is here; none: we do not hold it.
    std::optional<std::string> iface;
    std::uint32_t holder = protocol::pnn::unknown;
    bool busy = false;      // an event about it is running
    bool leaving = false;   // not configured any more: forgotten when it is released
    bool suspended = false; // taken off its interface for the time being, though still ours

    [[nodiscard]] bool held() const { return iface.has_value(); }

    friend bool operator==(const PublicAddress&, const PublicAddress&) = default;
};

// What TAKEOVER_IP means for an address now.
struct TakeDecision {
    enum class What : std::uint8_t {
        nothing, // it is held, and well
        take,
        update, // held, but on the wrong interface
        refuse, // busy, or no interface is up
    };

    What what = What::nothing;
    std::string iface; // to be on

    friend bool operator==(const TakeDecision&, const TakeDecision&) = default;
};

class PublicAddresses {
public:
    explicit PublicAddresses(const std::vector<PublicAddressLine>& lines);

    [[nodiscard]] const std::map<IpAddress, PublicAddress>& all() const { return addresses_; }

    [[nodiscard]] PublicAddress* find(const IpAddress& ip);
    // False if it is there already; one that is leaving stays after all.
    [[nodiscard]] bool add(const PublicAddressLine& line);
    // At once, or when it is released; false: there is no such address.
    [[nodiscard]] bool remove(const IpAddress& ip);

    // -- interfaces
    [[nodiscard]] std::vector<protocol::Iface> ifaces() const;
    [[nodiscard]] protocol::PublicIpInfo info(const PublicAddress& address) const;
    // False: no address names it.
    [[nodiscard]] bool set_link(const std::string& name, bool up);

    [[nodiscard]] bool has_iface(const std::string& name) const { return links_.contains(name); }

    // Whether some interface of it is up.
    [[nodiscard]] bool can_host(const PublicAddress& address) const;

    // -- changes
    [[nodiscard]] TakeDecision decide_take(const PublicAddress& address) const;
    void taken(PublicAddress& address, std::string iface, std::uint32_t self);
    // May forget it: the reference is not good any more.
    void released(PublicAddress& address, std::uint32_t holder);

private:
    [[nodiscard]] std::uint32_t references(const std::string& iface) const;
    [[nodiscard]] bool is_up(const std::string& iface) const;
    [[nodiscard]] std::optional<std::string> best_iface(const PublicAddress& address) const;
    [[nodiscard]] protocol::Iface describe(const std::string& iface) const;
    void forget_unused_links();

    std::map<IpAddress, PublicAddress> addresses_;
    std::map<std::string, bool> links_; // every interface that an address names: up?
    std::vector<std::string> order_;    // of links_, as they were first named
};

} // namespace ctdbd::config
