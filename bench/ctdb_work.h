// What ctdb-bench measures: one function a piece of work, each on a whole cluster, each returning
// its figures. They work on any ctdbd and know no difference between them.
//
// Databases and keys are new in each run (Workplace::tag), so that no run finds what another left.
#pragma once

#include "bench/ctdb_crew.h"

#include <string>
#include <sys/types.h>
#include <vector>

namespace bench {

struct Workplace {
    std::vector<std::string> sockets; // the nodes' daemons
    double seconds = 3;
    unsigned clients = 1; // per node, where a piece of work has no number of its own
    unsigned records = 3000;
    std::size_t value_size = 200; // about that of an open file's record
    std::string tag;
};

struct Figure {
    std::string name;
    double value = 0;
    std::string unit;
};

using Figures = std::vector<Figure>;

// -- records
// All nodes fetch-lock one record: how often it changes hands, and how evenly it is had.
[[nodiscard]] Figures hot_record(const Workplace& place);
// Records that another node owns, fetch-locked once each; and records that nobody has yet.
[[nodiscard]] Figures cold_records(const Workplace& place);
// Each node works on records of its own.
[[nodiscard]] Figures own_records(const Workplace& place);

// -- messages
// Each node sends to the next one, as much as the receivers keep up with; and one message to and
// fro.
[[nodiscard]] Figures messages(const Workplace& place);

// -- databases
// One client; many of one database, whose lock lets one at a time; many, each of its own database.
[[nodiscard]] Figures transactions(const Workplace& place);
[[nodiscard]] Figures attaching(const Workplace& place);
// What `records` more records cost in memory, and how fast they came.
[[nodiscard]] Figures memory(const Workplace& place);

// -- failures
struct Victim {
    std::string socket;
    bool killed = true; // else nothing is done to it: somebody else does, while we watch
};

// What clients of the other nodes notice when the victim's daemon is killed with SIGKILL.
[[nodiscard]] Figures stall(const Workplace& survivors, const Victim& victim);

} // namespace bench
