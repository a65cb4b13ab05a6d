// What the application was given and has not yet taken, in packets (totem.md 8.2, pitfall 36). The
// application counts messages, memory counts packets: this ledger remembers how many messages each
// delivered packet completed.
#pragma once

#include <cstdint>
#include <vector>

namespace totem {

class ConsumerLedger {
public:
    // A packet was delivered that completed so many messages. One that completed none counts with
    // the next that does: the application cannot take what it has not been given.
    void delivered(std::uint32_t messages) {
        ++open_packets_;
        if (messages == 0) return;
        push({.messages = messages, .packets = open_packets_});
        waiting_packets_ += open_packets_;
        open_packets_ = 0;
    }

    // The application has taken so many messages, oldest first.
    void consumed(std::uint64_t messages) {
        while (messages > 0 && size_ > 0) {
            Batch& oldest = batches_[first_];
            if (messages < oldest.messages) {
                oldest.messages -= static_cast<std::uint32_t>(messages);
                return;
            }
            messages -= oldest.messages;
            waiting_packets_ -= oldest.packets;
            first_ = (first_ + 1) % batches_.size();
            --size_;
        }
    }

    // Partial messages are gone with their ring.
    void forget_partial() { open_packets_ = 0; }

    [[nodiscard]] std::uint64_t waiting_packets() const { return waiting_packets_; }

private:
    struct Batch {
        std::uint32_t messages = 0;
        std::uint32_t packets = 0;
    };

    void push(Batch batch) {
        if (size_ == batches_.size()) grow();
        batches_[(first_ + size_) % batches_.size()] = batch;
        ++size_;
    }

    void grow() {
        std::vector<Batch> larger(batches_.empty() ? 64 : 2 * batches_.size());
        for (std::size_t i = 0; i < size_; ++i)
            larger[i] = batches_[(first_ + i) % batches_.size()];
        batches_ = std::move(larger);
        first_ = 0;
    }

    std::vector<Batch> batches_; // a circle: oldest at first_, size_ of them in use
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    std::uint64_t waiting_packets_ = 0;
    std::uint32_t open_packets_ = 0; // delivered since the last completed message
};

} // namespace totem
