#include "base/check.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace base {

namespace {
CheckObserver observer_of_failures = nullptr;
}

void observe_failed_checks(CheckObserver observer) { observer_of_failures = observer; }

void check_failed(const char* promise, const boost::source_location& where) {
    const std::string sentence =
        fmt::format("broken promise: {} ({}:{})", promise, where.file_name(), where.line());
    if (observer_of_failures != nullptr)
        observer_of_failures(sentence.c_str());
    else
        fmt::print(stderr, "{}\n", sentence);
    std::abort();
}

} // namespace base
