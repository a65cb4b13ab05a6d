// One node of an ordered flood, the ring in process: the smallest application of net::Node there
// is, and what `totem-bench ring` runs. What it measures is ring_tally.h's business.
#pragma once

#include "bench/ring_tally.h"
#include "net/node.h"

namespace bench {

class RingClient {
public:
    RingClient(RingWork work, totem::Service service, net::NodeOptions options);

    // From the first packet to the last line of output. True if the measured window was opened and
    // closed by the ring's own messages.
    bool run();

private:
    void watch();
    void poll(int timeout_us);
    void handle(net::Event&& event);
    [[nodiscard]] bool submit(Kind kind, std::size_t size);

    void open_window();  // node 1, once all are there
    int send_what_may(); // returns how long to wait before more may be, in microseconds
    int send_burst();
    [[nodiscard]] bool may_send(std::uint64_t sent) const;

    RingWork work_;
    totem::Service service_;
    Tally tally_;
    net::Node node_;
    totem::BlockPool pool_; // of messages to submit
    std::vector<std::uint8_t> prototype_;
    std::string broken_;

    std::size_t members_ = 0;
    std::uint64_t all_there_ns_ = 0;
    bool start_sent_ = false, stop_sent_ = false;
    std::uint64_t own_sent_ = 0, refused_ = 0;
};

} // namespace bench
