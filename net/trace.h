// What a live node writes down, as JSON lines, so that a checker can judge it as it judges the
// simulator's runs: start, regular, transitional, submit, originate, deliver. Lines are gathered in
// memory and written before anybody outside can know of what they tell.
#pragma once

#include "membership/processor.h"
#include "net/file.h"

#include <filesystem>
#include <string>

namespace net {

using namespace totem;

class Trace {
public:
    // An empty path: no trace, and every call is nearly free. Appends to a file that is there: the
    // lives of one node make one trace. `nodes`: how many the cluster has.
    Trace(const std::filesystem::path& path, ProcessorId self, std::size_t nodes);

    void start(Instant now);
    void submitted(Instant now, std::uint64_t counter, Service service, std::size_t size);
    void originated(Instant now, const membership::Originated& originated);
    void delivered(Instant now, const Delivery& delivery);
    // The ring knows no quorum: `primary` says here that the members are a majority of the nodes.
    void configured(Instant now, const Configuration& configuration);

    void flush();

private:
    void line(Instant now, const char* event, const std::string& more);

    Descriptor file_;
    ProcessorId self_;
    std::size_t nodes_;
    std::string text_;
};

} // namespace net
