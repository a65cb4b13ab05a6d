#include "bench/ctdb_crew.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

namespace {

struct Pipe {
    std::array<int, 2> ends{};

    Pipe() {
        if (::pipe(ends.data()) != 0)
            throw ClientError(fmt::format("pipe: {}", std::strerror(errno)));
    }

    void close_end(std::size_t which) {
        if (ends[which] >= 0) ::close(std::exchange(ends[which], -1));
    }
};

// What a worker says at the end: one line a figure or a sample, or the reason why not.
std::string text_of(const Findings& findings) {
    std::string text;
    for (const auto& [name, value] : findings.figures)
        text += fmt::format("figure\t{}\t{}\n", name, value);
    for (const auto& [name, samples] : findings.samples)
        for (const double sample : samples)
            text += fmt::format("sample\t{}\t{}\n", name, sample);
    return text + "end\n";
}

Findings findings_of(const std::string& text) {
    Findings findings;
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line) && line != "end") {
        std::istringstream words(line);
        std::string kind, name;
        std::getline(words, kind, '\t');
        std::getline(words, name, '\t');
        if (kind == "failed") throw ClientError("a client failed: " + name);
        double value = 0;
        words >> value;
        if (kind == "figure")
            findings.figures[name] = value;
        else
            findings.samples[name].push_back(value);
    }
    if (line != "end") throw ClientError("a client died");
    return findings;
}

void write_all(int fd, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
        if (n < 0 && errno != EINTR) return;
        if (n > 0) done += static_cast<std::size_t>(n);
    }
}

std::string read_all(int fd) {
    std::string text;
    std::array<char, 65536> buffer{};
    for (;;) {
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(n));
    }
}

std::string work(const Crew& crew, unsigned number, const Task& task, int ready_fd, int go_fd) {
    try {
        const unsigned node = number % static_cast<unsigned>(crew.sockets.size());
        Client client(crew.sockets[node]);
        Worker worker(number, node, client, ready_fd, go_fd);
        task(worker);
        return text_of(worker.findings);
    } catch (const std::exception& error) {
        write_all(ready_fd, "f"); // nobody shall wait for us
        return fmt::format("failed\t{}\n", error.what());
    }
}

} // namespace

void Worker::ready() const {
    char byte = 'r';
    if (::write(ready_fd_, &byte, 1) != 1) throw ClientError("nobody waits for this client");
    while (::read(go_fd_, &byte, 1) < 0 && errno == EINTR) {
    } // the end of the file is the signal
}

void Findings::add(const Findings& other) {
    for (const auto& [name, value] : other.figures)
        figures[name] += value;
    for (const auto& [name, values] : other.samples)
        samples[name].insert(samples[name].end(), values.begin(), values.end());
}

std::vector<Findings> run(const Crew& crew, const Task& task, const Meanwhile& meanwhile) {
    const auto count = crew.clients_per_node * static_cast<unsigned>(crew.sockets.size());
    Pipe readiness, go;
    std::vector<Pipe> results(count);
    std::vector<pid_t> children;
    for (unsigned number = 0; number < count; ++number) {
        const pid_t child = ::fork();
        if (child < 0) throw ClientError(fmt::format("fork: {}", std::strerror(errno)));
        if (child == 0) {
            go.close_end(1);
            write_all(results[number].ends[1],
                      work(crew, number, task, readiness.ends[1], go.ends[0]));
            ::_exit(0);
        }
        children.push_back(child);
        results[number].close_end(1);
    }
    readiness.close_end(1);
    go.close_end(0);
    for (unsigned ready = 0; ready < count; ++ready)
        if (char byte = 0; ::read(readiness.ends[0], &byte, 1) != 1) break; // somebody failed
    go.close_end(1);
    if (meanwhile) meanwhile();
    std::vector<std::string> said;
    for (Pipe& result : results) {
        said.push_back(read_all(result.ends[0]));
        result.close_end(0);
    }
    for (const pid_t child : children)
        ::waitpid(child, nullptr, 0);
    readiness.close_end(0);
    std::vector<Findings> all;
    for (const std::string& text : said)
        all.push_back(findings_of(text));
    return all;
}

Findings sum(const std::vector<Findings>& all) {
    Findings total;
    for (const Findings& one : all)
        total.add(one);
    return total;
}

double quantile(std::vector<double> samples, double part) {
    if (samples.empty()) return 0;
    const auto at = std::min(samples.size() - 1,
                             static_cast<std::size_t>(part * static_cast<double>(samples.size())));
    std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(at),
                     samples.end());
    return samples[at];
}

} // namespace bench
