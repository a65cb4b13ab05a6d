// What the ring sleeps on: its descriptors and one deadline, behind a single descriptor that
// another poll loop can watch in turn. Level-triggered: what was not read is announced again, so
// nobody has to read a socket until it is empty.
//
// To be woken takes a thread some microseconds, of which a token's hop has few: where a core can be
// spared, the waiter may look on for a while before it sleeps (`spin`). It adapts: whenever it had
// to sleep for longer than that, looking on would have been in vain, and it sleeps at once until
// something comes sooner again. So an idle ring does not spin.
#pragma once

#include "base/instant.h"
#include "net/file.h"

#include <cstdint>
#include <optional>

namespace net {

using namespace base;

class Waiter {
public:
    explicit Waiter(Duration spin = {});

    // Which of the watched descriptors have something, as the bits they were given; `failed`: an
    // error waits at one of them.
    struct Ready {
        std::uint32_t bits = 0;
        std::uint32_t failed = 0;
    };

    void watch(int fd, std::uint32_t bit);
    void forget(int fd);

    // Sleeps until a descriptor or the deadline wants attention; without `sleeping` only looks.
    [[nodiscard]] Ready wait(bool sleeping);

    // On a busy ring the deadline moves with every token, nearly always to later: an alarm that is
    // set for an earlier time is left alone, wakes us for nothing now and then, and saves its
    // system call.
    void wake_at(std::optional<Instant> deadline);

    // Readable when wait() would not sleep.
    [[nodiscard]] int fd() const { return epoll_.get(); }

private:
    [[nodiscard]] int collect(int timeout_ms, Ready& ready); // how many had something
    [[nodiscard]] bool spin(Ready& ready);                   // true if that found something

    Duration spin_;
    bool spinning_pays_ = true;
    Descriptor epoll_;
    Descriptor alarm_; // a timerfd
    std::optional<Instant> alarm_at_;
};

} // namespace net
