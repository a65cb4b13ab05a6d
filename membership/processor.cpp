// The front of the processor: a door to Protocol, and the arithmetic of stable storage (3.6).
#include "membership/processor.h"

#include "membership/protocol.h"

namespace membership {

StableRecord next_life(const StableRecord& stored) {
    return {.incarnation = stored.incarnation + 1,
            .ring_seq_lease = stored.ring_seq_lease + ring_seq_lease_step};
}

// A lost life counted its incarnations from its own such moment, by ones: the seconds that have
// passed since are more. The same goes for its rings, of which no second sees 2^14.
StableRecord new_identity(std::uint32_t seconds) {
    return {.incarnation = seconds, .ring_seq_lease = std::uint64_t{seconds} << 16};
}

struct Processor::State : Protocol {
    using Protocol::Protocol;
};

Processor::Processor(const Settings& settings, const Identity& identity)
    : state_(std::make_unique<State>(settings, identity)) {}

Processor::~Processor() = default;
Processor::Processor(Processor&&) noexcept = default;
Processor& Processor::operator=(Processor&&) noexcept = default;

void Processor::start(Instant now, Actions& out) { state_->start(now, out); }

void Processor::step(Instant now, const Event& event, Actions& out) {
    state_->step(now, event, out);
}

Submission Processor::submit(Instant now, Bytes message, Service service, Actions& out) {
    return state_->submit(now, std::move(message), service, out);
}

std::optional<Instant> Processor::deadline() const { return state_->deadline(); }

ProcessorId Processor::self() const { return state_->self(); }

Phase Processor::phase() const { return state_->phase(); }

RingId Processor::ring() const { return state_->ring(); }

std::span<const ProcessorId> Processor::members() const { return state_->installed().members(); }

const Statistics& Processor::statistics() const { return state_->statistics(); }

const Coverage& Processor::coverage() const { return state_->coverage(); }

Processor::View Processor::view() const { return state_->view(); }

bool Processor::holds(Seq seq) const { return state_->holds(seq); }

std::vector<Suspicion::Suspect> Processor::suspects(Instant now) const {
    return state_->suspects(now);
}

std::string Processor::explain(Instant now) const { return state_->explain(now); }

} // namespace membership
