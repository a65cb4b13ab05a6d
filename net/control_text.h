// How totemctl prints what the daemon answers. Pure text: no socket here.
#pragma once

#include <boost/json/object.hpp>

#include <string>

namespace net {

// One line a claim, sorted by name and place: "R1 1 node 0 holds", "R1 2 node 2 waits". The same
// bytes on every node that knows the same queues. Throws std::runtime_error on another object.
[[nodiscard]] std::string describe_locks(const boost::json::object& answer);

// "key: value" lines. An object inside is indented below its key; a list of objects has one line
// an element, any other list is one line.
[[nodiscard]] std::string describe_status(const boost::json::object& answer);

} // namespace net
