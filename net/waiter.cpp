#include "net/waiter.h"

#include "net/clock.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace net {

namespace {

constexpr std::uint32_t alarm_bit = 0; // none of the caller's

Descriptor opened(int fd, const char* what) {
    if (fd < 0)
        throw std::runtime_error(
            fmt::format("{}: {}; raise the limit of open files", what, std::strerror(errno)));
    return Descriptor(fd);
}

} // namespace

// The alarm counts while the machine is suspended, as net/clock.h does.
Waiter::Waiter(Duration spin)
    : spin_(spin), epoll_(opened(::epoll_create1(EPOLL_CLOEXEC), "epoll")),
      alarm_(opened(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd")) {
    watch(alarm_.get(), alarm_bit);
}

void Waiter::watch(int fd, std::uint32_t bit) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = bit;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        throw std::runtime_error(
            fmt::format("epoll: {}; raise fs.epoll.max_user_watches", std::strerror(errno)));
}

void Waiter::forget(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

Waiter::Ready Waiter::wait(bool sleeping) {
    Ready ready;
    if (!sleeping) {
        (void)collect(0, ready);
    } else if (spin_ == Duration::zero()) {
        (void)collect(-1, ready);
    } else if (!spinning_pays_ || !spin(ready)) {
        const Instant asleep = BootClock::now();
        (void)collect(-1, ready);
        spinning_pays_ = BootClock::now() - asleep < spin_;
    }
    return ready;
}

bool Waiter::spin(Ready& ready) {
    const Instant end = BootClock::now() + spin_;
    while (collect(0, ready) <= 0)
        if (BootClock::now() >= end) return false;
    return true;
}

int Waiter::collect(int timeout_ms, Ready& ready) {
    std::array<epoll_event, 8> events{};
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        ready.bits |= event.data.u32;
        if ((event.events & EPOLLERR) != 0) ready.failed |= event.data.u32;
        if (event.data.u32 != alarm_bit) continue;
        std::uint64_t expirations = 0;
        [[maybe_unused]] const auto taken = ::read(alarm_.get(), &expirations, sizeof expirations);
        alarm_at_.reset();
    }
    return count;
}

void Waiter::wake_at(std::optional<Instant> deadline) {
    if (!deadline || (alarm_at_ && *alarm_at_ <= *deadline)) return;
    alarm_at_ = deadline;
    const auto since_boot = std::max<Duration>(deadline->time_since_epoch(), 1ns); // 0 would disarm
    itimerspec setting{};
    setting.it_value.tv_sec = since_boot / 1s;
    setting.it_value.tv_nsec = (since_boot % 1s) / 1ns;
    ::timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
}

} // namespace net
