// Which daemons are certainly dead, with their public addresses off their interfaces, since their
// guards said so (obituary.h). What that is good for: takeover.h need not wait for them,
// nor the ring for a token that they may have had.
//
// A guard that does not get through, be it that its machine is gone too or that a firewall is in
// the way, says nothing: then time has to prove it.
#pragma once

#include "ctdbd/daemon/cluster.h"
#include "ctdbd/daemon/obituary.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

namespace ctdbd::daemon {

class Daemon;

class Obituaries {
public:
    Obituaries(boost::asio::io_context& loop, Daemon& daemon);

    void begin(); // listens, on a port of its own
    // Those who are there are told what will prove our death, and our guard whom to tell of it.
    void ring_changed();
    void arrived(Pnn from, const Testament& testament);

    [[nodiscard]] bool tell_of(totem::ProcessorId who) const;

private:
    void listen();
    void heard(std::string_view text);

    Daemon& daemon_;
    boost::asio::ip::udp::socket socket_;
    boost::asio::ip::udp::endpoint sender_;
    std::array<char, 256> datagram_{};
    Secret secret_ = draw_secret();
    std::map<Pnn, Testament> testaments_; // of the last life that we know of
    std::map<Pnn, std::uint32_t> dead_;   // the incarnation of the last life that ended
};

} // namespace ctdbd::daemon
