// Sequence numbers of TDB files (ctdb-behaviour.md 1.5.6, 2.9): clients compare the number of their
// local file to learn whether anything in the database has changed, on whichever node.
//
// A change of a volatile database happens on one node; the others are told now and then, and move
// their own number. Persistent and replicated databases need no telling: each commit is made in
// every node's file. Not to be mixed up with the record `__db_sequence_number__`.
#pragma once

#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/daemon/database_table.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>

namespace ctdbd::daemon {

class SequenceNumbers {
public:
    SequenceNumbers(boost::asio::io_context& loop, Daemon& daemon);

    // Clients that open the file from now on count in it.
    void enable(DatabaseEntry& entry);
    // Something in this database was changed on another node.
    void changed_elsewhere(DatabaseId id);
    // It was detached.
    void forget(DatabaseId id);

private:
    struct Watched {
        // The number up to which the others know of our changes.
        int told = 0;
        // Their changes that our number does not show yet: somebody had it locked.
        int owed = 0;
    };

    void look(DatabaseId id, Watched& watched);
    void pay(TdbFile& file, Watched& watched);
    void watch();

    Daemon& daemon_;
    std::map<DatabaseId, Watched> watched_;
    boost::asio::steady_timer timer_;
    bool timer_set_ = false;
};

} // namespace ctdbd::daemon
