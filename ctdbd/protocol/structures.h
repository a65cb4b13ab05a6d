// All structures that controls and messages carry (ctdb-wire.md 3.1), by subject. Each header
// declares plain structs; decode<T>(bytes) and encode(value) of codec.h work for every one of them.
// The historical script list is absent: no live control carries it.
#pragma once

#include "ctdbd/protocol/addresses.h" // public addresses, interfaces, connections, tickles
#include "ctdbd/protocol/codec.h"     // decode, encode
#include "ctdbd/protocol/databases.h" // database map, transactions, pulls, traverses
#include "ctdbd/protocol/nodes.h" // node map, VNN map, flags, bans, uptime, elections, notifications
#include "ctdbd/protocol/records.h"    // records in buffers, keys for deletion
#include "ctdbd/protocol/statistics.h" // node and database statistics
#include "ctdbd/protocol/tunables.h"   // tunables by name and as a list
