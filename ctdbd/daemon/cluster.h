// Where the daemon meets the ring: what is delivered goes through the replicated services, what
// they decide comes out as effects, what they want ordered goes to the ring, and the voting history
// to the disk (design.md, Worlds and Replicated state machines).
//
// All of it happens in the daemon's loop. The order of effects is the order of the ring: they are
// performed after each delivery, before the next one is looked at.
#pragma once

#include "ctdbd/daemon/disk_thread.h"
#include "ctdbd/daemon/letters.h"
#include "ctdbd/daemon/vigil.h"
#include "net/node.h"
#include "statedb/databases.h"
#include "statedb/host.h"
#include "statedb/locks.h"
#include "statedb/nodes.h"
#include "statedb/records.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

namespace ctdbd::daemon {

using Pnn = std::uint32_t;

[[nodiscard]] inline Pnn pnn_of(totem::ProcessorId processor) { return processor.node - 1; }

// The component as clients are told of it.
struct ClusterView {
    statedb::HostPhase phase = statedb::HostPhase::waiting;
    std::uint64_t epoch = 0;
    totem::RingId ring;
    std::vector<totem::ProcessorId> members; // of the ring
    std::string quorum;                      // why it may act or may not
    // What is asked of a witness, if we are to ask one (statedb::HostStatus).
    bool testimony_wanted = false;
    bool testimony_counts = false;
    std::optional<statedb::Primary> attempt;

    [[nodiscard]] bool serving() const { return phase == statedb::HostPhase::active; }

    friend bool operator==(const ClusterView&, const ClusterView&) = default;
};

// The daemon's side.
class ClusterWorld {
public:
    virtual ~ClusterWorld() = default;
    virtual void perform(statedb::DatabaseEffect effect) = 0;
    virtual void perform(statedb::RecordEffect effect) = 0;
    virtual void perform(statedb::LockEffect effect) = 0;
    virtual void perform(statedb::NodeEffect effect) = 0;
    virtual void letter_arrived(Pnn from, Letter letter) = 0;
    virtual void view_changed(const ClusterView& before, const ClusterView& now) = 0;
    // The cluster has other nodes than before, or what stands against those we go by has changed.
    virtual void cluster_changed(const statedb::ClusterStatus& now) = 0;
    // Too much waits for the ring, or no longer.
    virtual void congested(bool is) = 0;
    virtual void left_the_ring() = 0;
    virtual void ring_broke(const std::string& why) = 0;
};

struct ClusterSettings {
    net::NodeOptions node;
    statedb::QuorumRule quorum = statedb::QuorumRule::dynamic;
    statedb::History history; // as it was read
    std::filesystem::path votes;
    statedb::NodesSettings nodes;   // but who we are
    statedb::ClusterList cluster;   // that we go by
    bool permission_needed = false; // to become primary: permit()
    bool has_witness = false;       // likewise: testify()
    bool direct_moves = false;      // of records, past the order
};

class Cluster {
public:
    // Opens the ring's sockets and storage; throws std::runtime_error. Nothing moves before
    // start(). `vigil` and `world` are borrowed.
    Cluster(boost::asio::io_context& loop,
            Vigil& vigil,
            DiskThread& disk,
            ClusterSettings settings,
            ClusterWorld& world);
    ~Cluster();

    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    // Before start(): the databases that the disk holds are told to it.
    [[nodiscard]] statedb::Databases& databases();
    void start();

    // Requests to the services, and answers to their effects.
    void ask(const std::function<void(statedb::Databases&, statedb::Outbox&)>& request);
    void ask(const std::function<void(statedb::Records&, statedb::Outbox&)>& request);
    void ask(const std::function<void(statedb::Locks&, statedb::Outbox&)>& request);
    void ask(const std::function<void(statedb::Nodes&, statedb::Outbox&)>& request);
    // Only to other nodes; what they answer may come any time, or never if they go.
    void send(std::span<const Pnn> to, const Letter& letter);

    // See statedb::Host::go_by.
    void go_by(statedb::ClusterList list);
    [[nodiscard]] const statedb::ClusterStatus& agreed_nodes() const;
    // Who is on the ring's network; throws std::runtime_error.
    void set_addresses(const std::map<totem::NodeId, std::string>& addresses);

    // See statedb::Host.
    void permit(bool may);
    void testify(const statedb::History& witness);
    // This life of another node's daemon is certainly over.
    void mourn(totem::ProcessorId dead);

    [[nodiscard]] const ClusterView& view() const;
    [[nodiscard]] const statedb::Locks& locks() const;
    [[nodiscard]] const statedb::Records& records() const;
    [[nodiscard]] const statedb::Nodes& nodes() const;
    // After the loss of a node, until it has surely noticed.
    [[nodiscard]] std::chrono::milliseconds notice_period() const;
    [[nodiscard]] net::NodeReport report() const;
    [[nodiscard]] statedb::HostStatus status() const;

    // Gives our records to the others, takes our vote out and leaves; ends with left_the_ring(), or
    // never if the ring is gone.
    void leave();

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace ctdbd::daemon
