// What a persistent file is taken to hold when it is opened, by what the journal knows of it.
//
// A file that shows what the journal says is of that version; one that is a commit behind, since
// this daemon died in between, is brought up to it. The machine's death may have left any mixture
// of old and new in it: then it is written anew from the journal. What is neither was changed by
// another program, or put there by an administrator: it has no version, so it counts as older than
// what any other node has.
#pragma once

#include "ctdbd/daemon/projection.h"
#include "ctdbd/model/journal_past.h"

#include <ctime>

namespace ctdbd::daemon {

// After the machine's death, before the file is opened. One that was put in the place of the file
// that the journal knows, or was changed when we had long ceased to, is left alone. Throws TdbError
// or std::runtime_error.
void rebuild_if_torn(const TdbOptions& options,
                     const journal::Known& known,
                     std::time_t last_written);

// Reads and checks all of it; sets its version. `known`: null if the journal knows nothing of it.
// Throws DamagedFile.
[[nodiscard]] statedb::Content restore(Projection& projection, const journal::Known* known);

} // namespace ctdbd::daemon
