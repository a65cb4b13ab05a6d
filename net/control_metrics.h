// The daemon's status as numbers: Prometheus text for those who collect them, and the screen of
// `totemctl top`. Which keys a status has is told by net/control.h's daemon; what is not there is
// left out. Pure text: no socket, no clock here.
#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <string>

namespace net {

// Text exposition format 0.0.4, each metric with its HELP and TYPE, labelled with the node's
// number. Throws std::runtime_error if the status does not say whose it is.
[[nodiscard]] std::string describe_metrics(const boost::json::object& status);

// One screen: where the ring stands, and what it did per second since the status `before`, which
// was asked for `elapsed` earlier. Counters that went back (the daemon was started anew) count from
// zero.
[[nodiscard]] std::string describe_top(const boost::json::object& before,
                                       const boost::json::object& now,
                                       std::chrono::duration<double> elapsed);

} // namespace net
