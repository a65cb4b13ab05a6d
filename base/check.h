// Promises that we make to ourselves. A broken one stops the process before the lie spreads: a
// crash costs one reconfiguration, a divergent replica costs the data. On in every build; never
// validates input.
#pragma once

#include <boost/assert/source_location.hpp>

namespace base {

[[noreturn]] void check_failed(const char* promise, const boost::source_location& where);

inline void check(bool condition,
                  const char* promise,
                  const boost::source_location& where = BOOST_CURRENT_LOCATION) {
    if (!condition) [[unlikely]]
        check_failed(promise, where);
}

// Called with the finished sentence before the process aborts; null (the default) writes it to
// standard error. The simulator and the daemon install their own to say which seed or node it was.
using CheckObserver = void (*)(const char* sentence);
void observe_failed_checks(CheckObserver observer);

} // namespace base
