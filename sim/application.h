// The application side of a virtual node: what stands above the ring in one life of one process.
// Two bodies exist: the talkers of ring-only runs (talkers.h) and the record service
// (records/record_runs.h).
//
// An application lives exactly as long as its process: a crash destroys it, and what it had not
// persisted is gone; the next life is a new application that finds what was durable. What belongs
// to the machine rather than to the process (files that other programs map, clients that outlive
// the daemon) is the Applications factory's, which lives as long as the world.
//
// Calls never nest: while one of its functions runs, an application may call its Surroundings
// freely; what follows from that (deliveries of a lone processor, for instance) comes later.
#pragma once

#include "membership/processor.h"
#include "sim/random.h"
#include "sim/trace.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sim {

using namespace totem;

// Stable storage as applications see it: values under names.
using Stored = std::map<std::string, Bytes>;

struct Write {
    std::string name;
    std::optional<Bytes> value; // nothing: remove the name
};

using Ticket = std::uint64_t;
using TimerId = std::uint64_t;

// What the world offers to one life of an application; outlives it.
class Surroundings {
public:
    virtual ~Surroundings() = default;

    [[nodiscard]] virtual ProcessorId self() const = 0;
    [[nodiscard]] virtual std::uint32_t life() const = 0;
    [[nodiscard]] virtual const std::vector<NodeId>& nodes() const = 0; // configured, sorted
    [[nodiscard]] virtual Instant now() const = 0;                      // the node's own clock
    [[nodiscard]] virtual Random& random() = 0;                         // this life's own chance

    // -- the ring

    // Accepted (with its counter) or refused with the reason; after `full` on_room() will come.
    virtual membership::Submission submit(Bytes message, Service service) = 0;
    // At most hint_size_max bytes; in Application::start it is in force before the first packet.
    virtual void set_hint(Bytes hint) = 0;
    // So many delivered messages are done with. An application that never says so is a slow
    // consumer.
    virtual void consumed(std::uint64_t messages) = 0;
    virtual void leave() = 0; // clean leave: ends this life

    // Past the ring, straight to a node: may be lost, doubled, late, or come in another order. The
    // network carries at most body_max bytes.
    virtual void send_direct(NodeId to, const Bytes& content) = 0;

    // -- time and disk

    virtual void set_timer(TimerId timer, Instant at) = 0; // replaces an earlier one of that id
    virtual void cancel_timer(TimerId timer) = 0;
    // All writes of one call become durable together, in the order of calls; on_persisted(ticket)
    // tells when. A crash before that loses them, whole.
    virtual Ticket persist(std::vector<Write> writes) = 0;

    // -- the record of the run

    // The component that it is in has become primary here. Not a call that any real process makes:
    // faults may wait for it.
    virtual void formed() = 0;

    virtual void emit(trace::Body event) = 0; // under this process's name
    // A line for the story people read; costs nothing unless somebody listens.
    virtual void narrate(const std::string& line) = 0;
    // The application's own promise is broken: ends the run as a violation of `property`.
    virtual void violated(const std::string& property, const std::string& sentence) = 0;
};

class Application {
public:
    virtual ~Application() = default;

    // The first call. `stored` is what is durable from earlier lives. The ring starts after it.
    virtual void start(const Stored& stored) = 0;

    // Whether a component with this configuration may act, for the trace: asked just before
    // on_configuration. Default in ring-only runs: a majority of the configured nodes.
    [[nodiscard]] virtual bool primary(const Configuration& configuration) const = 0;

    virtual void on_configuration(const Configuration& configuration) = 0;
    virtual void on_delivered(const Delivery& message) = 0;

    virtual void on_interrupted(membership::JoinReason why) { (void)why; }

    virtual void on_direct(ProcessorId from, const Bytes& content) { (void)from, (void)content; }

    virtual void on_room() {}

    virtual void on_leave_noticed(ProcessorId who) { (void)who; } // its LEAVE packet arrived

    virtual void on_timer(TimerId timer) { (void)timer; }

    virtual void on_persisted(Ticket ticket) { (void)ticket; }

    // The machine is about to stand still. Not a call that any real process gets: what others may
    // be told of its last moment is put in order here.
    virtual void on_pause() {}

    // Asked to leave the ring cleanly. False: it has farewells to say first, and will call
    // Surroundings::leave() itself.
    [[nodiscard]] virtual bool leaves_at_once() { return true; }

    // What a scenario's Say step asks for: so many messages, now.
    virtual void say(std::uint32_t count, std::size_t size, Service service) {
        (void)count, (void)size, (void)service;
    }

    // How fast it consumes what is delivered: normally at once; not at all while this is true.
    virtual void stop_consuming(bool stop) { (void)stop; }

    // Its memory goes wrong: part of what it believes is not what others believe any more.
    virtual void diverge() {}

    // The run nears its end: submit nothing more of one's own accord, finish what was begun.
    virtual void wind_down() {}

    // At the end of a healed run: the first sentence on what should be done by now and is not.
    [[nodiscard]] virtual std::optional<std::string> unfinished() const { return std::nullopt; }
};

// Makes the application of each life. Lives as long as the world.
class Applications {
public:
    virtual ~Applications() = default;
    virtual std::unique_ptr<Application> make(Surroundings& surroundings) = 0;

    // After the last event, all nodes seen together: the first broken promise, if any.
    struct Finding {
        std::string property, sentence;
    };

    [[nodiscard]] virtual std::optional<Finding> judge() { return std::nullopt; }
};

} // namespace sim
