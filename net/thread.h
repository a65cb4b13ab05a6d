// Threads of our own: named, and deaf to signals, which belong to the application's thread.
#pragma once

#include <csignal>
#include <pthread.h>
#include <thread>
#include <utility>

namespace net {

// `name`: at most 15 bytes, as `top -H` shows it.
template <class Thread, class Function>
[[nodiscard]] Thread start_thread(const char* name, Function&& function) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); // a new thread inherits the mask of its maker
    Thread thread(std::forward<Function>(function));
    pthread_setname_np(thread.native_handle(), name);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
}

} // namespace net
