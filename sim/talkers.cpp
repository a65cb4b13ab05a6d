#include "sim/talkers.h"

#include <fmt/format.h>

#include <algorithm>

namespace sim {

namespace {

class Talker final : public Application {
public:
    Talker(Surroundings& around, const TalkPlan& plan) : around_(around), plan_(plan) {}

    void start(const Stored&) override {
        const NodeId self = around_.self().node;
        if (plan_.messages_per_second > 0 && (plan_.only == 0 || plan_.only == self))
            schedule_talk();
    }

    [[nodiscard]] bool primary(const Configuration& configuration) const override {
        return configuration.members.size() * 2 > around_.nodes().size();
    }

    void on_configuration(const Configuration& configuration) override {
        if (configuration.kind == Configuration::Kind::regular && !quiet_ &&
            around_.random().chance(plan_.configuration_burst))
            talk_burst();
    }

    void on_delivered(const Delivery& message) override {
        if (message.payload != spoken(message.origin, message.counter, message.payload.size()))
            around_.violated("P7", fmt::format("the content of {} is not what was submitted",
                                               describe(message)));
        consume_one();
        if (!quiet_ && around_.random().chance(plan_.echo_share)) talk_once();
    }

    void on_room() override { full_ = false; }

    void on_timer(TimerId timer) override {
        if (timer == consume_timer) {
            consume();
            return;
        }
        if (quiet_) return;
        if (!resting()) {
            if (around_.random().chance(plan_.burst_share))
                talk_burst();
            else
                talk_once();
        }
        schedule_talk();
    }

    void say(std::uint32_t count, std::size_t size, Service service) override {
        while (count-- > 0)
            submit(size, service);
    }

    void stop_consuming(bool stop) override {
        stopped_ = stop;
        if (!stop) consume();
    }

    void wind_down() override { quiet_ = true; }

private:
    static constexpr TimerId talk_timer = 1, consume_timer = 2;

    void schedule_talk() {
        const auto mean = Duration{static_cast<Duration::rep>(1e9 / plan_.messages_per_second)};
        around_.set_timer(talk_timer, around_.now() + around_.random().exponential(mean));
    }

    // Talking and silence take turns, so that the ring falls idle and is woken up again.
    [[nodiscard]] bool resting() const {
        if (plan_.pause_every == Duration{}) return false;
        return around_.now().time_since_epoch() / plan_.pause_every % 2 == 1;
    }

    void talk_once() {
        Random& chance = around_.random();
        const std::size_t size =
            chance.chance(plan_.large_share)
                ? chance.between(std::uint64_t{0}, plan_.large_max)
                : chance.between(std::uint64_t{plan_.size_min}, std::uint64_t{plan_.size_max});
        submit(size, chance.chance(plan_.safe_share) ? Service::safe : Service::agreed);
    }

    void talk_burst() {
        for (std::uint64_t left = around_.random().between(std::uint64_t{1}, plan_.burst_max);
             left > 0; --left)
            talk_once();
    }

    void submit(std::size_t size, Service service) {
        if (full_ || said_ >= plan_.messages_max) return;
        const auto submission = around_.submit(spoken(around_.self(), said_ + 1, size), service);
        if (submission.counter) {
            ++said_;
            if (*submission.counter != said_)
                around_.violated("P1", "submissions are not counted one by one");
        } else if (submission.refusal == SendQueue::Refusal::full) {
            full_ = true;
        }
    }

    void consume_one() {
        ++unconsumed_;
        if (stopped_) return;
        if (plan_.consume_within == Duration{}) {
            consume();
        } else if (unconsumed_ == 1) {
            const Duration after = around_.random().between(Duration{}, plan_.consume_within);
            around_.set_timer(consume_timer, around_.now() + after);
        }
    }

    void consume() {
        if (stopped_ || unconsumed_ == 0) return;
        around_.consumed(std::exchange(unconsumed_, 0));
    }

    Surroundings& around_;
    TalkPlan plan_;
    bool quiet_ = false;
    bool full_ = false; // until there is room again
    bool stopped_ = false;
    std::uint64_t said_ = 0;
    std::uint64_t unconsumed_ = 0;
};

} // namespace

std::unique_ptr<Application> Talkers::make(Surroundings& surroundings) {
    return std::make_unique<Talker>(surroundings, plan_);
}

Bytes spoken(const ProcessorId& speaker, std::uint64_t counter, std::size_t size) {
    if (size == 0) return {};
    WritableBytes bytes(size);
    Jitter words{(std::uint64_t{speaker.node} << 32 | speaker.incarnation) ^
                 (counter * 0x9e3779b97f4a7c15) ^ size};
    std::uint8_t* at = bytes.data();
    for (std::size_t left = size; left > 0;) {
        const std::uint64_t word = words.next();
        const std::size_t part = std::min<std::size_t>(left, sizeof word);
        std::memcpy(at, &word, part);
        at += part;
        left -= part;
    }
    return bytes.freeze(size);
}

} // namespace sim
