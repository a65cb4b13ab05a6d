#include "bench/ring_tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <ctime>
#include <sys/resource.h>

namespace bench {

namespace {

double cpu_seconds() {
    rusage use{};
    ::getrusage(RUSAGE_SELF, &use);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(use.ru_utime) + seconds(use.ru_stime);
}

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15;
    return hash ^ (hash >> 29);
}

std::uint64_t word_at(const std::uint8_t* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

} // namespace

std::uint64_t monotonic_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec);
}

// -- Histogram

void Histogram::add(std::uint64_t ns) {
    // ns >> octave is 16..31: sixteen steps an octave.
    const auto octave = ns < 32 ? 0U : static_cast<unsigned>(std::bit_width(ns)) - 5;
    const std::size_t bucket = octave * 32 + ((ns >> octave) & 31);
    ++buckets_[std::min(bucket, buckets_.size() - 1)];
    ++count_;
    max_ = std::max(max_, ns);
}

double Histogram::percentile_us(double share) const {
    if (count_ == 0) return 0;
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        below += buckets_[i];
        if (below > wanted)
            return (static_cast<double>(i % 32) + 0.5) *
                   static_cast<double>(std::uint64_t{1} << (i / 32)) / 1000;
    }
    return max_us();
}

// -- Tally

Tally::Tally(const RingWork& work) : work_(work) {}

double Tally::elapsed() const {
    if (started_ns_ == 0) return 0;
    const std::uint64_t end = done() ? stopped_ns_ : monotonic_ns();
    return static_cast<double>(end - started_ns_) * 1e-9;
}

void Tally::delivered(std::span<const std::uint8_t> message) {
    Header header;
    if (message.size() < sizeof header) {
        ++malformed_;
        return;
    }
    std::memcpy(&header, message.data(), sizeof header);
    if (header.magic != Header::right_magic || header.size != message.size() ||
        header.node >= next_seq_.size()) {
        ++malformed_;
        return;
    }
    switch (header.kind) {
    case Kind::start:
        if (started_ns_ != 0) return;
        started_ns_ = monotonic_ns();
        hash_ = 1;
        cpu_at_start_ = cpu_seconds();
        return;
    case Kind::stop:
        if (running()) stopped_ns_ = monotonic_ns();
        return;
    case Kind::data:
        if (header.node == work_.node) ++own_delivered_;
        if (running()) count(header, message);
        return;
    }
    ++malformed_;
}

void Tally::count(const Header& header, std::span<const std::uint8_t> message) {
    const std::uint64_t now = monotonic_ns();
    hash_ = mixed(hash_, word_at(message.data()));
    hash_ = mixed(hash_, header.seq);
    hash_ = mixed(hash_, word_at(message.data() + message.size() - sizeof(std::uint64_t)));
    std::uint64_t& expected = next_seq_[header.node];
    if (header.seq != expected) ++fifo_errors_;
    expected = header.seq + 1;
    ++messages_;
    bytes_ += message.size();
    if (static_cast<double>(now - started_ns_) <= work_.warm * 1e9) return;
    latency_.add(now - header.sent_ns);
    if (header.node == work_.node) own_latency_.add(now - header.sent_ns);
}

std::string Tally::result(std::uint64_t own_sent, std::uint64_t refused) const {
    const double seconds = elapsed();
    const auto rate = [&](std::uint64_t count) {
        return seconds > 0 ? static_cast<double>(count) / seconds : 0;
    };
    return fmt::format(
        R"({{"event":"result","stack":"{}","node":{},"nodes":{},"size":{},"senders":"{}",)"
        R"("mode":"{}","complete":{},"seconds":{:.3f},"msgs":{},"msgs_per_s":{:.0f},)"
        R"("MBps":{:.2f},"lat_p50":{:.1f},"lat_p90":{:.1f},"lat_p99":{:.1f},"lat_p999":{:.1f},)"
        R"("lat_max":{:.1f},"rlat_p50":{:.1f},"rlat_p99":{:.1f},"rlat_max":{:.1f},)"
        R"("own_sent":{},"again":{},"hash":"{:016x}","fifo_errors":{},"bad":{},)"
        R"("client_cpu_s":{:.3f}}})",
        work_.stack, work_.node, work_.nodes, work_.size, work_.all_send ? "all" : "one",
        work_.mode_name, done(), seconds, messages_, rate(messages_), rate(bytes_) / 1e6,
        own_latency_.percentile_us(.5), own_latency_.percentile_us(.9),
        own_latency_.percentile_us(.99), own_latency_.percentile_us(.999), own_latency_.max_us(),
        latency_.percentile_us(.5), latency_.percentile_us(.99), latency_.max_us(), own_sent,
        refused, hash_, fifo_errors_, malformed_, cpu_seconds() - cpu_at_start_);
}

} // namespace bench
