// Ends the TCP connections that this machine has at one of its addresses, so that their clients
// hear of it and connect again where the address is then (ctdb-behaviour.md 6.5: what the scripts
// of an ordered release do with ctdb_killtcp).
//
// Only while the address is still on an interface can the kernel tell the other end. Needs root,
// and a kernel with INET_DIAG_DESTROY; another one leaves the clients to their own patience.
#pragma once

#include "ctdbd/protocol/addresses.h"

namespace ctdbd::daemon {

void reset_connections_at(const protocol::IpAddress& local);

} // namespace ctdbd::daemon
