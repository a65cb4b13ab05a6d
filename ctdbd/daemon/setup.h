// Everything a daemon knows before it begins: its configuration, who it is, where its state is.
//
// Read once, at start; what may change at run time (tunables, flags, log level) is copied from here
// by those who own it.
#pragma once

#include "ctdbd/model/config_ctdb.h"
#include "ctdbd/model/config_nodes.h"
#include "ctdbd/model/config_paths.h"
#include "ctdbd/model/config_totem.h"
#include "ctdbd/model/config_tunables.h"
#include "net/node.h"
#include "statedb/quorum.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace ctdbd::daemon {

struct Setup {
    config::Paths paths;
    config::CtdbConf conf;
    config::TotemConf totem;
    std::vector<config::NodeLine> nodes;
    std::vector<config::PublicAddressLine> public_addresses;
    config::Tunables tunables;
    std::vector<config::Warning> warnings; // to be logged once logging is open
    std::uint32_t pnn = 0;
};

// Reads all files. Throws config::ConfigError. The number of this node is not known yet.
[[nodiscard]] Setup read_configuration();

// The line of the nodes file that is this machine: the configured one, or the first whose address
// is local and whose ring port is free (several daemons may share a machine in tests). Throws
// config::ConfigError.
[[nodiscard]] std::uint32_t find_own_line(const Setup& setup);

// The environment of programs that we start (ctdb-wire.md 7; ctdb-behaviour.md 7.8). Before there
// is a second thread.
void tell_children(const Setup& setup);

// What must survive a restart, one file of each kind a node: which lives it has had (the ring's
// identity), which primary components it was in (its voting history), and what was committed
// (committed_files.h).
struct StateFiles {
    std::filesystem::path directory, ring, votes, journal;
};

[[nodiscard]] StateFiles state_files_of(const Setup& setup);

struct Past {
    statedb::History history;
    bool new_identity = false;
};

// A node without either file is new, or its state directory is, and begins a new life by itself. A
// node that has lost one of the two does not know what it once promised: throws
// config::ConfigError, unless totem.conf says `new identity`.
[[nodiscard]] Past read_past(const Setup& setup, const StateFiles& files);

[[nodiscard]] net::NodeOptions
ring_options(const Setup& setup, const StateFiles& files, bool new_identity); // but addresses

} // namespace ctdbd::daemon
