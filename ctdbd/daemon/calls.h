// REQ_CALL: clients ask for a record to come here, or for what is in it (ctdb-wire.md 2.1;
// ctdb-behaviour.md 3.1, 3.2).
//
// Only the null call migrates; a fetch is answered from where the record is. In a database whose
// records are delegated it may leave a read-only copy here, whether or not the client said that it
// would be content with one: a client says so only if it has an older copy, and a record that
// nobody wrote here never leaves one.
#pragma once

#include "ctdbd/daemon/client.h"
#include "ctdbd/protocol/packets.h"

namespace ctdbd::daemon {

class Daemon;

class Calls {
public:
    explicit Calls(Daemon& daemon) : daemon_(daemon) {}

    void asked(Client& client, const protocol::Header& header, const protocol::Call& call);

private:
    Daemon& daemon_;
};

} // namespace ctdbd::daemon
