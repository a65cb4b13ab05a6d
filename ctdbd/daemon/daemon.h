// The daemon: the rooms it consists of, who is told what, and its life from the first client to the
// last (design.md, ctdbd/; ctdb-behaviour.md 5.1, 5.2, 5.14).
//
// The rooms do the work; here they are put together, packets and effects are handed to the one they
// concern, and it is noticed when the cluster begins or ceases to serve. There is one thread, the
// loop's; the ring and the disk have their own behind Cluster and DiskThread.
#pragma once

#include "ctdbd/daemon/addresses.h"
#include "ctdbd/daemon/attaching.h"
#include "ctdbd/daemon/calls.h"
#include "ctdbd/daemon/client.h"
#include "ctdbd/daemon/cluster.h"
#include "ctdbd/daemon/commits.h"
#include "ctdbd/daemon/connections.h"
#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/daemon/database_table.h"
#include "ctdbd/daemon/disk_thread.h"
#include "ctdbd/daemon/lifecycle.h"
#include "ctdbd/daemon/lock_keeper.h"
#include "ctdbd/daemon/logging.h"
#include "ctdbd/daemon/messenger.h"
#include "ctdbd/daemon/monitoring.h"
#include "ctdbd/daemon/node_life.h"
#include "ctdbd/daemon/node_table.h"
#include "ctdbd/daemon/nodes_file.h"
#include "ctdbd/daemon/obituaries.h"
#include "ctdbd/daemon/record_world.h"
#include "ctdbd/daemon/registrations.h"
#include "ctdbd/daemon/sections.h"
#include "ctdbd/daemon/sequence_numbers.h"
#include "ctdbd/daemon/setup.h"
#include "ctdbd/daemon/statistics_history.h"
#include "ctdbd/daemon/takeover.h"
#include "ctdbd/daemon/tool_door.h"
#include "ctdbd/daemon/traverses.h"
#include "ctdbd/daemon/tunnels.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>

namespace ctdbd::daemon {

class Daemon final : public ClientHandler, public ClusterWorld {
public:
    // Opens socket, ring and persistent databases; throws what they throw. `socket` first, for it
    // has an exit code of its own.
    Daemon(boost::asio::io_context& loop, Setup setup, Past past, Logging& logging);

    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    // Lives until the loop is stopped.
    void run();

    // Runs the last event, leaves the ring in order, then stops the loop; the process ends with
    // `exit_code`. A second call changes nothing.
    void shut_down(int exit_code, const std::string& why);
    // Ends at once: there is no way on.
    void give_up(int exit_code, const std::string& why);

    // -- what lifecycle decides
    void advance(protocol::RunState state); // never back
    // Accepts clients and joins the ring.
    void open_doors();

    [[nodiscard]] int exit_code() const { return exit_code_; }

    // -- state that clients are told
    [[nodiscard]] protocol::RunState run_state() const { return run_state_; }

    [[nodiscard]] protocol::RecoveryMode recovery_mode() const { return recovery_mode_; }

    [[nodiscard]] std::uint32_t generation() const;
    [[nodiscard]] protocol::VnnMap vnn_map() const;

    [[nodiscard]] const protocol::Uptime& times() const { return times_; }

    // Those rooms are told that do not look by themselves.
    void tunables_changed();
    // Whether we serve, and in which generation, may have changed.
    void look_at_recovery_mode();
    // Who leads, to a client that has just begun to listen.
    void tell_leader(ClientId client);

    // -- ClientHandler
    void packet_arrived(Client& client, const protocol::Packet& packet) override;
    void client_gone(Client& client) override;

    // -- ClusterWorld
    void perform(statedb::DatabaseEffect effect) override;
    void perform(statedb::RecordEffect effect) override;
    void perform(statedb::LockEffect effect) override;
    void perform(statedb::NodeEffect effect) override;
    void letter_arrived(Pnn from, Letter letter) override;
    void view_changed(const ClusterView& before, const ClusterView& now) override;
    void cluster_changed(const statedb::ClusterStatus& now) override;
    void congested(bool is) override;
    void left_the_ring() override;
    void ring_broke(const std::string& why) override;

    // -- the rooms, open to each other and to the controls
    boost::asio::io_context& loop;
    const Setup setup;
    Vigil vigil;
    Logging& logging;
    config::Tunables tunables;
    protocol::Statistics statistics; // of the present stretch: statistics_history.h
    NodeTable nodes;
    Clients clients;
    Registrations registrations;
    DiskThread disk;
    Cluster cluster;
    Messenger messenger;
    RecordWorld records;
    CommittedFiles committed_files;
    DatabaseTable databases;
    SequenceNumbers sequence_numbers;
    NodesFile nodes_file;
    NodeLife life;
    Lifecycle lifecycle;
    Monitoring monitoring;
    Addresses addresses;
    Connections connections;
    Takeover takeover;
    Obituaries obituaries;
    LockKeeper lock_keeper;
    Attaching attaching;
    Commits commits;
    Sections sections;
    Traverses traverses;
    Calls calls;
    Tunnels tunnels;
    StatisticsHistory statistics_history;
    ControlDesk controls;
    ToolDoor tools;

private:
    void begin_serving();
    void heartbeat();
    void listen_to_requests();
    void answer_disable_request(const Bytes& data);
    void leave();
    void finish();

    protocol::RunState run_state_ = protocol::RunState::unknown;
    std::uint32_t generation_ = protocol::invalid_generation; // that we served last
    protocol::RecoveryMode recovery_mode_ = protocol::RecoveryMode::active;
    protocol::Uptime times_;
    boost::asio::steady_timer heartbeat_timer_;
    boost::asio::steady_timer patience_timer_;
    bool shutting_down_ = false;
    int exit_code_ = 0;
};

[[nodiscard]] protocol::Timeval time_of_day();

} // namespace ctdbd::daemon
