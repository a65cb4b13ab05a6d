#include "net/datagrams.h"

#include "base/check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

namespace net {

using base::check;

// -- Inbox

struct Inbox::Headers {
    struct alignas(cmsghdr) Control {
        std::array<std::uint8_t, 64> bytes;
    };

    struct Parts {
        std::array<iovec, 2> part{};
    };

    std::array<mmsghdr, batch> messages{};
    std::array<Parts, batch> vectors{};
    std::array<sockaddr_storage, batch> names{};
    std::array<Control, batch> controls{};
};

Inbox::Inbox(base::BlockPool& pool, bool coalescing)
    : pool_(pool), rest_pool_(coalescing ? run_max : 0), headers_(new Headers),
      slots_(coalescing ? coalescing_batch : batch), prepared_(slots_.size()) {}

Inbox::~Inbox() = default;

// A slot whose block was taken gets a new one; the kernel overwrote the lengths.
void Inbox::prepare(std::size_t index) {
    Slot& slot = slots_[index];
    auto& parts = headers_->vectors[index].part;
    if (slot.front.data() == nullptr) {
        slot.front = pool_.allocate();
        parts[0] = {slot.front.data(), slot.front.capacity()};
    }
    if (rest_pool_.block_size() > 0 && slot.back.data() == nullptr) {
        slot.back = rest_pool_.allocate();
        parts[1] = {slot.back.data(), slot.back.capacity()};
    }
    msghdr& header = headers_->messages[index].msg_hdr;
    header.msg_name = &headers_->names[index];
    header.msg_namelen = sizeof(sockaddr_storage);
    header.msg_iov = parts.data();
    header.msg_iovlen = rest_pool_.block_size() > 0 ? 2 : 1;
    header.msg_control = headers_->controls[index].bytes.data();
    header.msg_controllen = headers_->controls[index].bytes.size();
    header.msg_flags = 0;
}

bool Inbox::receive(int fd) {
    check(empty(), "a batch is taken before the next is received");
    for (std::size_t i = 0; i < prepared_; ++i)
        prepare(i);
    // An error that came back for an earlier unicast is reported here once; the next call reads on.
    constexpr int attempts = 8;
    int received = -1;
    for (int i = 0; i < attempts && received < 0; ++i) {
        received = ::recvmmsg(fd, headers_->messages.data(), static_cast<unsigned>(slots_.size()),
                              MSG_DONTWAIT, nullptr);
        if (received < 0 && (errno == EAGAIN || errno == EBADF)) break;
    }
    next_ = 0;
    filled_ = received > 0 ? static_cast<std::size_t>(received) : 0;
    prepared_ = filled_;
    return filled_ > 0;
}

void Inbox::read_controls(std::size_t slot) {
    msghdr& header = headers_->messages[slot].msg_hdr;
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr;
         item = CMSG_NXTHDR(&header, item)) {
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SO_RXQ_OVFL)
            std::memcpy(&overruns_, CMSG_DATA(item), sizeof overruns_);
        if (item->cmsg_level == IPPROTO_UDP && item->cmsg_type == UDP_GRO) {
            int segment = 0;
            std::memcpy(&segment, CMSG_DATA(item), sizeof segment);
            if (segment > 0) run_.segment = static_cast<std::size_t>(segment);
        }
    }
}

void Inbox::open_run() {
    const mmsghdr& message = headers_->messages[next_];
    Slot& slot = slots_[next_];
    run_ = Run{};
    run_.size = run_.segment = message.msg_len;
    read_controls(next_);
    const std::size_t in_front = std::min(run_.size, slot.front.capacity());
    run_.front_bytes = slot.front.data();
    run_.front = slot.front.freeze(in_front);
    if (run_.size > in_front) {
        run_.back_bytes = slot.back.data();
        run_.back = slot.back.freeze(run_.size - in_front);
    }
    const std::size_t name_size =
        std::min<std::size_t>(message.msg_hdr.msg_namelen, run_.from.capacity());
    std::memcpy(run_.from.data(), &headers_->names[next_], name_size);
    if (name_size > 0) run_.from.resize(name_size);
    run_open_ = true;
}

Received Inbox::take() {
    check(!empty(), "only what was received is taken");
    if (!run_open_) open_run();
    const std::size_t begin = run_.taken;
    const std::size_t end = std::min(begin + run_.segment, run_.size);
    const std::size_t border = run_.front.size();
    Received received;
    if (end <= border) {
        received.bytes = {run_.front_bytes + begin, end - begin};
        received.block = run_.front;
    } else if (begin >= border && end - begin <= pool_.block_size()) {
        received.bytes = {run_.back_bytes + (begin - border), end - begin};
        received.block = run_.back;
    } else {
        received = across(begin, end);
    }
    received.from = run_.from;
    received.truncated =
        received.truncated || (headers_->messages[next_].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    run_.taken = end;
    if (end == run_.size) {
        run_open_ = false;
        run_.front = run_.back = base::Bytes{};
        ++next_;
    }
    return received;
}

// The datagram that lies across the border; or one that is larger than any of ours.
Received Inbox::across(std::size_t begin, std::size_t end) {
    Received received;
    const std::size_t border = run_.front.size();
    const std::size_t size = std::min(end - begin, pool_.block_size());
    received.truncated = size < end - begin;
    base::WritableBytes joint = pool_.allocate();
    const std::size_t in_front = begin < border ? std::min(border - begin, size) : 0;
    if (in_front > 0) std::memcpy(joint.data(), run_.front_bytes + begin, in_front);
    if (size > in_front)
        std::memcpy(joint.data() + in_front, run_.back_bytes + (begin + in_front - border),
                    size - in_front);
    received.bytes = {joint.data(), size};
    received.block = joint.freeze(size);
    return received;
}

std::vector<Endpoint> take_refused_destinations(int fd) {
    std::vector<Endpoint> refused;
    for (;;) {
        Endpoint destination;
        std::uint8_t body[64]; // the beginning of what could not be delivered; not needed
        alignas(cmsghdr) std::uint8_t control[512];
        iovec vector{body, sizeof body};
        msghdr header{};
        header.msg_name = destination.data();
        header.msg_namelen = static_cast<socklen_t>(destination.capacity());
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = sizeof control;
        if (::recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return refused;
        for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr;
             item = CMSG_NXTHDR(&header, item)) {
            const bool v4 = item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR;
            const bool v6 = item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_RECVERR;
            if (!v4 && !v6) continue;
            sock_extended_err error{};
            std::memcpy(&error, CMSG_DATA(item), sizeof error);
            if (error.ee_errno == ECONNREFUSED && header.msg_namelen > 0) {
                destination.resize(header.msg_namelen);
                refused.push_back(destination);
            }
        }
    }
}

// -- Outbox

namespace {

constexpr std::size_t segments_max = 64;        // the kernel's UDP_MAX_SEGMENTS, before Linux 6.9
constexpr std::size_t offload_size_max = 65000; // one IP packet, with its headers, before cutting

} // namespace

struct Outbox::Headers {
    struct alignas(cmsghdr) Control {
        std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> bytes;
    };

    std::array<mmsghdr, batch> messages{};
    std::array<iovec, batch> vectors{};
    std::array<Control, batch> controls{};

    void set(std::size_t slot, const Endpoint& to, const Run& run, std::uint8_t* bytes) {
        vectors[slot] = {bytes, run.size};
        msghdr& header = messages[slot].msg_hdr;
        header = {};
        header.msg_name = const_cast<sockaddr*>(to.data());
        header.msg_namelen = static_cast<socklen_t>(to.size());
        header.msg_iov = &vectors[slot];
        header.msg_iovlen = 1;
        if (run.datagrams == 1) return;
        header.msg_control = controls[slot].bytes.data();
        header.msg_controllen = controls[slot].bytes.size();
        cmsghdr* item = CMSG_FIRSTHDR(&header);
        item->cmsg_level = IPPROTO_UDP;
        item->cmsg_type = UDP_SEGMENT;
        item->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
        const auto segment = static_cast<std::uint16_t>(run.segment);
        std::memcpy(CMSG_DATA(item), &segment, sizeof segment);
    }
};

Outbox::Outbox(std::size_t datagram_max, bool segmentation_offload)
    : Outbox(datagram_max, segmentation_offload, &::sendmmsg) {}

Outbox::Outbox(std::size_t datagram_max, bool segmentation_offload, SendMany send_many)
    : datagram_max_(datagram_max), segmentation_offload_(segmentation_offload),
      send_many_(send_many), slab_(batch * datagram_max), headers_(new Headers) {
    sizes_.reserve(batch);
    runs_.reserve(batch);
}

Outbox::~Outbox() = default;

std::span<std::uint8_t> Outbox::room() { return std::span(slab_).subspan(used_, datagram_max_); }

void Outbox::add(std::size_t size) {
    check(!full() && size <= datagram_max_, "a datagram fits the outbox");
    sizes_.push_back(size);
    used_ += size;
}

void Outbox::form_runs() {
    runs_.clear();
    std::size_t offset = 0;
    for (const std::size_t size : sizes_) {
        Run* last = runs_.empty() ? nullptr : &runs_.back();
        const bool joins = segmentation_offload_ && last != nullptr && size <= last->segment &&
                           last->size == last->datagrams * last->segment &&
                           last->size + size <= offload_size_max && last->datagrams < segments_max;
        if (joins) {
            last->size += size;
            ++last->datagrams;
        } else {
            runs_.push_back({offset, size, size, 1});
        }
        offset += size;
    }
}

void Outbox::flush(int fd, std::span<const Endpoint> destinations) {
    form_runs();
    for (const Endpoint& destination : destinations)
        send_runs(fd, destination);
    sizes_.clear();
    used_ = 0;
}

void Outbox::send_runs(int fd, const Endpoint& destination) {
    for (std::size_t done = 0; done < runs_.size();) {
        const std::size_t count = runs_.size() - done;
        for (std::size_t i = 0; i < count; ++i)
            headers_->set(i, destination, runs_[done + i], &slab_[runs_[done + i].offset]);
        const int sent =
            send_many_(fd, headers_->messages.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
        if (sent < 0) {
            const int error = errno;
            if (segmentation_offload_ && (error == EIO || error == EINVAL)) {
                // This device cannot cut packets. What is left goes one by one, now and for ever.
                segmentation_offload_ = false;
                const std::size_t offset = runs_[done].offset;
                form_runs();
                done = static_cast<std::size_t>(std::ranges::find(runs_, offset, &Run::offset) -
                                                runs_.begin());
            } else if (!survive(fd, error, runs_[done])) {
                ++done;
            }
            continue;
        }
        for (int i = 0; i < sent; ++i)
            counts_.sent += runs_[done++].datagrams;
    }
}

// True: the same run is worth another attempt now.
bool Outbox::survive(int fd, int error, const Run& run) {
    if (error == EINTR || error == ECONNREFUSED) return true; // an earlier datagram's fate
    if (error == EAGAIN || error == ENOBUFS) {
        constexpr int patience_ms = 2; // far below a token loss; a device drains its queue in less
        pollfd waiting{fd, POLLOUT, 0};
        if (::poll(&waiting, 1, patience_ms) > 0 && error == EAGAIN) return true;
    }
    counts_.lost += run.datagrams;
    counts_.last_error = error;
    if (error == EMSGSIZE) counts_.too_large += run.datagrams;
    return false;
}

} // namespace net
