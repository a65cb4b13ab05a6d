#include "ctdbd/daemon/volatile_file.h"

#include <utility>

namespace ctdbd::daemon {

VolatileFile::VolatileFile(boost::asio::io_context& loop,
                           const LockSettings& settings,
                           TdbOptions options,
                           const std::string& database)
    : file_(std::move(options)), locks_(loop, settings, file_, database, statistics_) {}

void VolatileFile::with(const Bytes& key, Work work) {
    if (in_barrier_)
        behind_barrier_.push_back({key, std::move(work)});
    else
        locks_.with(key, std::move(work));
}

void VolatileFile::barrier(Work work) {
    if (in_barrier_)
        behind_barrier_.push_back({std::nullopt, std::move(work)});
    else
        start_barrier(std::move(work));
}

void VolatileFile::start_barrier(Work work) {
    in_barrier_ = true;
    locks_.freeze([this, work = std::move(work)] {
        work();
        end_barrier();
    });
}

void VolatileFile::end_barrier() {
    in_barrier_ = false;
    if (!shut_) locks_.thaw();
    while (!in_barrier_ && !behind_barrier_.empty()) {
        Waiting next = std::move(behind_barrier_.front());
        behind_barrier_.pop_front();
        if (next.key)
            locks_.with(*next.key, std::move(next.work));
        else
            start_barrier(std::move(next.work));
    }
}

void VolatileFile::when_shut(Work work) { locks_.freeze(std::move(work)); }

void VolatileFile::shut(bool shut) {
    if (std::exchange(shut_, shut) == shut) return;
    if (shut)
        locks_.freeze([] {});
    else if (!in_barrier_)
        locks_.thaw();
}

} // namespace ctdbd::daemon
