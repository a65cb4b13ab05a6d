#include "statedb/outgoing.h"

namespace statedb {

void Outgoing::push(Lane lane, Bytes payload, Service guarantee) {
    bytes_ += payload.size();
    auto& queue = lane == Lane::ordered ? ordered_ : always_;
    queue.push_back({.message = {.payload = std::move(payload), .guarantee = guarantee},
                     .serial = ++last_serial_,
                     .host = lane == Lane::host});
}

const Host::Pending* Outgoing::next(bool ordered_too) {
    shown_ = always_.empty() ? nullptr : &always_;
    const bool ordered_may_go = ordered_too && !ordered_.empty();
    if (ordered_may_go && (shown_ == nullptr || ordered_.front().serial < always_.front().serial))
        shown_ = &ordered_;
    return shown_ != nullptr ? &shown_->front().message : nullptr;
}

void Outgoing::pop() {
    check(shown_ != nullptr && !shown_->empty(), "only a message that was shown is taken");
    bytes_ -= shown_->front().message.payload.size();
    shown_->pop_front();
    shown_ = nullptr;
}

void Outgoing::forget_host_messages() {
    std::erase_if(always_, [&](const Entry& entry) {
        if (entry.host) bytes_ -= entry.message.payload.size();
        return entry.host;
    });
    shown_ = nullptr;
}

} // namespace statedb
