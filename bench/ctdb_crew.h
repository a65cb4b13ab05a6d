// Many clients at once, as they are in life: each a process of its own with its own connection and
// its own handles of the TDB files, for libtdb's locks are between processes.
//
// All are told to begin when all are ready, and each hands back what it found. What they do is not
// known here.
#pragma once

#include "bench/ctdb_client.h"

#include <chrono>
#include <map>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// Figures of one client; of many, their sum.
struct Findings {
    std::map<std::string, double> figures;
    std::map<std::string, std::vector<double>> samples;

    void add(const Findings& other);
};

class Worker {
public:
    Worker(unsigned which, unsigned node_index, Client& its_client, int ready_fd, int go_fd)
        : number(which), node(node_index), client(its_client), ready_fd_(ready_fd), go_fd_(go_fd) {}

    const unsigned number; // among all
    const unsigned node;   // index of the socket
    Client& client;
    Findings findings;

    // What has to be there before time counts is there; returns when all are so far.
    void ready() const;

private:
    int ready_fd_, go_fd_;
};

struct Crew {
    std::vector<std::string> sockets;
    unsigned clients_per_node = 1;
};

using Task = std::function<void(Worker&)>;
// Called in the parent when all have begun.
using Meanwhile = std::function<void()>;

// Each worker's findings, in order of their numbers; worker i is at node i modulo their count.
// A task that throws ends everything with its reason.
[[nodiscard]] std::vector<Findings>
run(const Crew& crew, const Task& task, const Meanwhile& meanwhile = {});

[[nodiscard]] Findings sum(const std::vector<Findings>& all);

// The value below which this part of the samples lies; 0 of none.
[[nodiscard]] double quantile(std::vector<double> samples, double part);

} // namespace bench
