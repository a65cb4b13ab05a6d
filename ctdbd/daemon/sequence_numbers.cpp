#include "ctdbd/daemon/sequence_numbers.h"

#include "ctdbd/daemon/daemon.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ctdbd::daemon {

SequenceNumbers::SequenceNumbers(boost::asio::io_context& loop, Daemon& daemon)
    : daemon_(daemon), timer_(loop) {}

void SequenceNumbers::enable(DatabaseEntry& entry) {
    if (entry.committed != nullptr) {
        entry.committed->enable_seqnum();
        return;
    }
    if (watched_.contains(entry.id)) return;
    TdbFile& file = daemon_.records.find(entry.id)->file();
    file.enable_seqnum();
    watched_[entry.id].told = file.seqnum();
    watch();
}

void SequenceNumbers::forget(DatabaseId id) { watched_.erase(id); }

// Whether any other node counts is unknown here; one that does not ignores the news.
void SequenceNumbers::look(DatabaseId id, Watched& watched) {
    VolatileFile* const file = daemon_.records.find(id);
    if (file == nullptr) return;
    const int now = file->file().seqnum();
    if (now != watched.told) {
        watched.told = now;
        daemon_.controls.tell(protocol::pnn::broadcast_active,
                              {.opcode = protocol::Opcode::update_seqnum,
                               .srvid = 0,
                               .client_id = 0,
                               .flags = protocol::control_flag::noreply,
                               .data = protocol::encode(id)});
    }
    pay(file->file(), watched);
}

// Only the steps that are made here are not told to others: a client may count at the same time, so
// what the number says afterwards is not what we made of it.
void SequenceNumbers::pay(TdbFile& file, Watched& watched) {
    while (watched.owed > 0) {
        const int before = file.seqnum();
        file.increment_seqnum();
        if (file.seqnum() == before) return; // locked: the next glance tries again
        --watched.owed;
        ++watched.told;
    }
}

// Any number of changes may show as one, for nobody counts them.
void SequenceNumbers::changed_elsewhere(DatabaseId id) {
    const auto found = watched_.find(id);
    if (found == watched_.end()) return;
    found->second.owed = 1;
    look(id, found->second);
}

void SequenceNumbers::watch() {
    if (watched_.empty() || std::exchange(timer_set_, true)) return;
    const std::uint32_t interval = daemon_.tunables[config::Tunable::seqnum_interval];
    timer_.expires_after(std::chrono::milliseconds(std::max(interval, 1U)));
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        timer_set_ = false;
        for (auto& [id, watched] : watched_)
            look(id, watched);
        watch();
    });
}

} // namespace ctdbd::daemon
