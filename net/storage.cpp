#include "net/storage.h"

#include "net/file.h"
#include "net/thread.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace net {

namespace {

constexpr std::size_t copy_size_max = 4096;

// 3.6: seconds since 2020-01-01, so that a node that lost its disk is newer than all of its lives.
std::uint32_t seconds_since_2020() {
    using namespace std::chrono;
    constexpr sys_days start = 2020y / January / 1;
    const auto seconds = floor<std::chrono::seconds>(system_clock::now() - start).count();
    return static_cast<std::uint32_t>(std::max<std::int64_t>(seconds, 1));
}

} // namespace

StableStorage::StableStorage(std::filesystem::path path, std::string cluster, NodeId node)
    : path_(std::move(path)), cluster_(std::move(cluster)),
      node_(node), slots_{read_slot(".a"), read_slot(".b")} {
    for (const Slot& slot : slots_)
        if (slot.copy && slot.copy->write_number > write_number_) {
            write_number_ = slot.copy->write_number;
            record_ = slot.copy->record;
        }
    // Every write but the first leaves two copies. If one of them cannot be read now, it may have
    // been the newer: by one life, or by one lease.
    const bool both = slots_[0].copy && slots_[1].copy;
    if (record_ && !both && (write_number_ > 1 || (slots_[0].present && slots_[1].present))) {
        ++write_number_;
        record_->incarnation += 1;
        record_->ring_seq_lease += membership::ring_seq_lease_step;
    }
}

StableStorage::Slot StableStorage::read_slot(const char* suffix) const {
    Slot slot;
    slot.path = path_;
    slot.path += suffix;
    std::error_code error;
    slot.present = std::filesystem::exists(slot.path, error);
    if (error)
        throw std::runtime_error(fmt::format("{}: {}; look at the directory and its permissions",
                                             slot.path.string(), error.message()));
    if (!slot.present) return slot;
    const Descriptor file = open_for_reading(slot.path, "look at the directory");
    const std::string bytes = read_all(file, slot.path, copy_size_max);
    slot.copy = decode_stable({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    if (slot.copy && (slot.copy->cluster != cluster_ || slot.copy->node != node_))
        throw std::runtime_error(fmt::format(
            "{}: this is the identity of node {} of cluster `{}`, but we are node {} of cluster "
            "`{}`; correct the configuration, or move the file away if the node was renumbered",
            slot.path.string(), slot.copy->node, slot.copy->cluster, node_, cluster_));
    return slot;
}

void StableStorage::write(const membership::StableRecord& record) {
    // The copy that is damaged, missing or older is replaced; the other stays whole.
    const auto age = [](const Slot& slot) { return slot.copy ? slot.copy->write_number : 0; };
    Slot& slot = age(slots_[0]) <= age(slots_[1]) ? slots_[0] : slots_[1];
    const StableCopy copy{cluster_, node_, record, write_number_ + 1};
    durable_write(slot.path, encode(copy));
    slot.present = true;
    slot.copy = copy;
    record_ = record;
    ++write_number_;
}

StableStorage::Life StableStorage::begin_life(bool new_identity) {
    if (!record_) {
        if (!new_identity) throw std::runtime_error(no_record_sentence());
        const auto fresh = membership::new_identity(seconds_since_2020());
        write(fresh);
        return {fresh, fresh.ring_seq_lease};
    }
    const auto before = *record_;
    write(membership::next_life(before));
    return {*record_, before.ring_seq_lease};
}

std::string StableStorage::no_record_sentence() const {
    if (slots_[0].present || slots_[1].present)
        return fmt::format("{}.a, {}.b: no copy of this node's identity can be read; look at the "
                           "disk, then start once with a new identity (--new-identity)",
                           path_.string(), path_.string());
    return fmt::format("{}.a: this node's identity is not there; if this is its first start, or "
                       "its disk was replaced, start it once with a new identity (--new-identity)",
                       path_.string());
}

BackgroundWriter::BackgroundWriter(StableStorage& storage,
                                   std::function<void()> stored,
                                   std::function<void(const std::string&)> failed)
    : storage_(storage), stored_(std::move(stored)), failed_(std::move(failed)),
      thread_(start_thread<std::jthread>("totem-storage",
                                         [this](const std::stop_token& stop) { run(stop); })) {}

BackgroundWriter::~BackgroundWriter() = default;

void BackgroundWriter::write(const membership::StableRecord& record) {
    {
        const std::lock_guard lock(mutex_);
        wish_ = record;
    }
    wished_.notify_one();
}

void BackgroundWriter::run(const std::stop_token& stop) {
    constexpr auto retry_after = std::chrono::seconds(1); // a full disk is not emptied by haste
    std::unique_lock lock(mutex_);
    while (wished_.wait(lock, stop, [&] { return wish_.has_value(); })) {
        const auto record = *std::exchange(wish_, {});
        lock.unlock();
        try {
            storage_.write(record);
            stored_();
            lock.lock();
        } catch (const std::runtime_error& error) {
            failed_(error.what());
            lock.lock();
            if (!wish_) wish_ = record;
            wished_.wait_for(lock, stop, retry_after, [] { return false; });
        }
        if (stop.stop_requested()) return;
    }
}

} // namespace net
