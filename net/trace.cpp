#include "net/trace.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>

namespace net {

namespace {

std::string message_name(const ProcessorId& origin, std::uint64_t counter) {
    return fmt::format("{}.{}.{}", origin.node, origin.incarnation, counter);
}

std::string place(const RingId& ring, const Position& position) {
    return fmt::format(R"("ring":"{}","position":[{},{}])", describe(ring), position.seq.value,
                       position.index);
}

std::string nodes_of(const std::vector<ProcessorId>& members) {
    std::vector<NodeId> nodes;
    for (const ProcessorId& member : members)
        nodes.push_back(member.node);
    return fmt::format("[{}]", fmt::join(nodes, ","));
}

} // namespace

Trace::Trace(const std::filesystem::path& path, ProcessorId self, std::size_t nodes)
    : self_(self), nodes_(nodes) {
    if (path.empty()) return;
    file_ = Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (file_.get() < 0)
        throw std::runtime_error(fmt::format("{}: cannot write the trace: {}; correct the path",
                                             path.string(), std::strerror(errno)));
}

void Trace::line(Instant now, const char* event, const std::string& more) {
    text_ += fmt::format(R"({{"t":{},"node":{},"life":{},"event":"{}"{}{}}})"
                         "\n",
                         now.time_since_epoch().count(), self_.node, self_.incarnation, event,
                         more.empty() ? "" : ",", more);
}

void Trace::start(Instant now) {
    if (file_.get() >= 0) line(now, "start", "");
}

void Trace::submitted(Instant now, std::uint64_t counter, Service service, std::size_t size) {
    if (file_.get() < 0) return;
    line(now, "submit",
         fmt::format(R"("message":"{}","guarantee":"{}","size":{})", message_name(self_, counter),
                     describe(service), size));
}

void Trace::originated(Instant now, const membership::Originated& originated) {
    if (file_.get() < 0) return;
    line(now, "originate",
         fmt::format(R"("message":"{}","guarantee":"{}",{})",
                     message_name(self_, originated.counter), describe(originated.service),
                     place(originated.ring, originated.position)));
}

void Trace::delivered(Instant now, const Delivery& delivery) {
    if (file_.get() < 0) return;
    line(now, "deliver",
         fmt::format(R"("message":"{}","guarantee":"{}",{})",
                     message_name(delivery.origin, delivery.counter), describe(delivery.service),
                     place(delivery.ring, delivery.position)));
}

void Trace::configured(Instant now, const Configuration& configuration) {
    if (file_.get() < 0) return;
    const std::string members = nodes_of(configuration.members);
    if (configuration.kind == Configuration::Kind::regular)
        line(now, "regular",
             fmt::format(R"("ring":"{}","members":{},"primary":{})", describe(configuration.ring),
                         members, configuration.members.size() > nodes_ / 2));
    else
        line(now, "transitional",
             fmt::format(R"("ring":"{}","from":"{}","members":{})", describe(configuration.ring),
                         describe(configuration.previous), members));
}

void Trace::flush() {
    for (std::string_view rest = text_; file_.get() >= 0 && !rest.empty();) {
        const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
        if (written < 0 && errno != EINTR) break; // a full disk must not stop the ring
        if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
    }
    text_.clear();
}

} // namespace net
