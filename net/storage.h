// Stable storage of a node's identity (totem.md 3.6): which life this is, and how far ring numbers
// may have got. Two copies that are written in turn, FILE.a and FILE.b, each replaced as a whole.
//
// At start the record is written before the first packet; later leases are written by a thread of
// their own, because the ring never waits for a disk (pitfall 27).
#pragma once

#include "net/stable_codec.h"

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace net {

class StableStorage {
public:
    // Reads both copies. Throws std::runtime_error with file and remedy if a copy belongs to
    // another cluster or node, or cannot be read for another reason than not being there.
    StableStorage(std::filesystem::path path, std::string cluster, NodeId node);

    // The newest record, or nothing: a first start, or a lost disk. Where one copy is damaged, the
    // other may be older by one write, so what that write may have held is counted as used.
    [[nodiscard]] std::optional<membership::StableRecord> record() const { return record_; }

    // Durable when it returns; throws std::runtime_error.
    void write(const membership::StableRecord& record);

    // The record of the life that begins now, written: the next one of the stored identity or, if
    // there is none and `new_identity` allows it, a new one. `before` is what Identity's
    // high_ring_seq starts from. Throws if there is no record and no permission.
    struct Life {
        membership::StableRecord record;
        std::uint64_t high_ring_seq = 0;
    };

    [[nodiscard]] Life begin_life(bool new_identity);

private:
    struct Slot {
        std::filesystem::path path;
        bool present = false;
        std::optional<StableCopy> copy;
    };

    [[nodiscard]] Slot read_slot(const char* suffix) const;
    [[nodiscard]] std::string no_record_sentence() const;

    std::filesystem::path path_;
    std::string cluster_;
    NodeId node_;
    Slot slots_[2];
    std::optional<membership::StableRecord> record_;
    std::uint64_t write_number_ = 0; // of the newest copy
};

// Writes records in the background, the newest wish only, until it succeeds.
class BackgroundWriter {
public:
    // `stored` and `failed` are called on the writer's thread.
    BackgroundWriter(StableStorage& storage,
                     std::function<void()> stored,
                     std::function<void(const std::string& why)> failed);
    ~BackgroundWriter(); // finishes a write in progress, starts no other

    void write(const membership::StableRecord& record); // never blocks on the disk

private:
    void run(const std::stop_token& stop);

    StableStorage& storage_;
    std::function<void()> stored_;
    std::function<void(const std::string&)> failed_;
    std::mutex mutex_;
    std::condition_variable_any wished_;
    std::optional<membership::StableRecord> wish_;
    std::jthread thread_; // last: it uses all of the above
};

} // namespace net
