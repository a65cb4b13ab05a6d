// Messages between clients of different nodes.
#include "bench/ctdb_work.h"

#include <fmt/format.h>

#include <string>

namespace bench {

namespace {

constexpr std::size_t message_size = 200;
constexpr unsigned window = 1024; // messages under way that the receiver has not acknowledged
constexpr unsigned acknowledged_at_once = 64;
constexpr unsigned pings = 2000;

constexpr char load = 'l', acknowledgement = 'a', last = 'z';

std::uint64_t srvid_of(unsigned worker) { return 0x62656e6368000000ULL + worker; }

Bytes message(char kind) {
    std::string text(message_size, '.');
    text.front() = kind;
    return Bytes::copy_of(text);
}

// A client that sends to the next node's and receives from the previous one's.
class Correspondent {
public:
    Correspondent(Worker& worker, unsigned nodes)
        : client_(worker.client), next_((worker.node + 1) % nodes),
          previous_((worker.node + nodes - 1) % nodes) {
        client_.must(protocol::Opcode::register_srvid, {}, srvid_of(worker.node));
    }

    // For so long, then until all has arrived. Returns what was received.
    double correspond(double seconds) {
        const auto end = Clock::now() + Seconds(seconds);
        while (Clock::now() < end) {
            if (under_way_ < window) {
                client_.send_message(next_, srvid_of(next_), load_);
                ++under_way_;
            } else {
                receive();
            }
        }
        client_.send_message(next_, srvid_of(next_), message(last));
        while (!heard_last_)
            receive();
        return received_;
    }

private:
    void receive() {
        const protocol::Message got = client_.next_message();
        switch (static_cast<char>(got.data.data()[0])) {
        case acknowledgement:
            under_way_ -= acknowledged_at_once;
            return;
        case last:
            heard_last_ = true;
            return;
        default:
            ++received_;
            if (static_cast<std::uint64_t>(received_) % acknowledged_at_once == 0)
                client_.send_message(previous_, srvid_of(previous_), message(acknowledgement));
        }
    }

    Client& client_;
    unsigned next_, previous_; // pnns: the nodes are in their order
    Bytes load_ = message(load);
    unsigned under_way_ = 0;
    double received_ = 0;
    bool heard_last_ = false;
};

} // namespace

Figures messages(const Workplace& place) {
    const auto nodes = static_cast<unsigned>(place.sockets.size());
    const auto flood = [&](Worker& worker) {
        Correspondent correspondent(worker, nodes);
        worker.ready();
        const auto begin = Clock::now();
        const double received = correspondent.correspond(place.seconds);
        worker.findings.figures["rate"] = received / Seconds(Clock::now() - begin).count();
    };
    const Findings flooded = sum(run({place.sockets, 1}, flood));

    // Between the first two nodes.
    const auto ping = [&](Worker& worker) {
        worker.client.must(protocol::Opcode::register_srvid, {}, srvid_of(worker.node));
        worker.ready();
        const unsigned other = 1 - worker.node;
        for (unsigned i = 0; i < pings; ++i) {
            const auto begin = Clock::now();
            if (worker.node == 0) worker.client.send_message(other, srvid_of(other), message(load));
            worker.client.next_message();
            if (worker.node == 1) worker.client.send_message(other, srvid_of(other), message(load));
            if (worker.node == 0)
                worker.findings.samples["there and back"].push_back(
                    std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
        }
    };
    Findings pinged = sum(run({{place.sockets[0], place.sockets[1]}, 1}, ping));
    return {{"messages", flooded.figures.at("rate"), "1/s"},
            {"there and back p50", quantile(pinged.samples["there and back"], 0.5), "ms"},
            {"there and back p99", quantile(pinged.samples["there and back"], 0.99), "ms"}};
}

} // namespace bench
