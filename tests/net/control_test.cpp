// The tools' door: its server and client, totem-lock and totemctl, with real sockets and processes.
#include "net/control.h"
#include "net/control_client.h"
#include "net/control_text.h"
#include "net/locked_command.h"
#include "tests/net/scratch.h"

#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <doctest/doctest.h>

#include <csignal>
#include <fcntl.h>
#include <future>
#include <map>
#include <optional>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace net;
using namespace std::chrono_literals;
namespace json = boost::json;
using tests::complaint;
using tests::says;

namespace {

// A daemon with one queue a lock and nobody else in the cluster, on a thread of its own.
class Daemon {
public:
    Daemon() : server_(context_, path()) {
        server_.on("lock", [this](const json::object& request, ControlConnection& from) {
            const auto name = json::value_to<std::string>(request.at("name"));
            queues_[name].push_back(from);
            if (queues_[name].size() == 1) from.answer({{"granted", name}});
        });
        server_.on("unlock", [this](const json::object& request, ControlConnection& from) {
            leave(json::value_to<std::string>(request.at("name")), from);
        });
        server_.on("locks", [this](const json::object&, ControlConnection& from) { list(from); });
        server_.on("silence", [](const json::object&, ControlConnection&) {});
        server_.on("call me", [this](const json::object&, ControlConnection& from) {
            caller_ = from;
            from.answer({{"yes", "later"}});
        });
        server_.on_gone([this](ControlConnection& who) {
            for (const auto& [name, queue] : std::map(queues_))
                leave(name, who);
            ++gone_;
        });
        thread_ = std::thread([this] { context_.run(); });
    }

    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    ~Daemon() {
        context_.stop();
        thread_.join();
    }

    [[nodiscard]] std::filesystem::path path() const { return scratch_ / "socket"; }

    [[nodiscard]] std::filesystem::path beside(const std::string& name) const {
        return scratch_ / name;
    }

    template <class Function>
    auto ask(Function function) {
        std::packaged_task<decltype(function())()> task(std::move(function));
        auto result = task.get_future();
        boost::asio::post(context_, [&task] { task(); });
        return result.get();
    }

    void tell_holder(const std::string& name, const json::object& what) {
        ask([&] { queues_.at(name).front().answer(what); });
    }

    void call_back(const json::object& what) {
        ask([&] { caller_.value().answer(what); });
    }

    [[nodiscard]] std::size_t claims(const std::string& name) {
        return ask([&] { return queues_[name].size(); });
    }

    [[nodiscard]] int gone() {
        return ask([&] { return gone_; });
    }

private:
    void leave(const std::string& name, const ControlConnection& who) {
        auto& queue = queues_[name];
        const bool held = !queue.empty() && queue.front() == who;
        std::erase(queue, who);
        if (held && !queue.empty()) queue.front().answer({{"granted", name}});
    }

    void list(const ControlConnection& to) {
        json::array locks;
        for (const auto& [name, queue] : queues_) {
            json::array claims;
            for (const auto& claim : queue)
                claims.push_back(json::object{{"node", 0}, {"ticket", claim.number()}});
            locks.push_back(json::object{{"name", name}, {"queue", claims}});
        }
        to.answer({{"locks", locks}});
    }

    tests::Scratch scratch_;
    boost::asio::io_context context_;
    ControlServer server_;
    std::map<std::string, std::vector<ControlConnection>> queues_;
    std::optional<ControlConnection> caller_;
    int gone_ = 0;
    std::thread thread_;
};

// Waits for what another thread or process is about to do; false after a time no machine needs.
template <class Condition>
bool comes_true(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

std::optional<json::object> soon(ControlClient& client) { return client.next(20s); }

const json::object lock_r1{{"verb", "lock"}, {"name", "R1"}};
const json::object granted_r1{{"granted", "R1"}};

// What no ControlClient would send.
class RawClient {
public:
    explicit RawClient(const std::filesystem::path& path)
        : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                          sizeof address) == 0);
    }

    // False: the other side does not want all of it.
    bool send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t size = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (size < 0) return false;
            text.remove_prefix(static_cast<std::size_t>(size));
        }
        return true;
    }

    void finish() { ::shutdown(socket_.get(), SHUT_WR); }

    // Everything until the other side closes.
    std::string rest() {
        std::string text;
        char buffer[4096];
        for (ssize_t size = 0; (size = ::recv(socket_.get(), buffer, sizeof buffer, 0)) > 0;)
            text.append(buffer, static_cast<std::size_t>(size));
        return text;
    }

private:
    Descriptor socket_;
};

// totem-lock as a process. Its standard error goes to a file.
class Program {
public:
    Program(std::vector<std::string> words, const std::filesystem::path& errors) {
        words.insert(words.begin(), std::string(BINARY_DIR) + "/totem-lock");
        std::vector<char*> argv;
        for (std::string& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 2, errors.c_str(), O_WRONLY | O_CREAT, 0600);
        const int error = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        REQUIRE(error == 0);
    }

    void send(int signal) const { ::kill(pid_, signal); }

    int exit() {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

private:
    pid_t pid_ = 0;
};

// A shell's waiting for a file; also ended by the end of the test.
std::string until(const std::filesystem::path& file) {
    return "while [ -d " + file.parent_path().string() + " ] && [ ! -e " + file.string() +
           " ]; do sleep 0.01; done";
}

LockedCommand locked(const Daemon& daemon, const std::string& script) {
    return {.socket = daemon.path(), .lock = "R1", .command = {"sh", "-c", script}, .patience = {}};
}

} // namespace

TEST_CASE("control: only our own user may connect, and a dead daemon's socket is replaced") {
    const tests::Scratch scratch;
    const auto path = scratch / "socket";
    boost::asio::io_context context;
    {
        const ControlServer server(context, path);

        struct stat status {};

        REQUIRE(::lstat(path.c_str(), &status) == 0);
        CHECK(S_ISSOCK(status.st_mode));
        CHECK((status.st_mode & 07777) == 0600);
        CHECK(says(complaint([&] { ControlServer(context, path); }),
                   {path.c_str(), "another daemon listens there"}));
    }
    CHECK_FALSE(std::filesystem::exists(path));

    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    {
        const Descriptor dead(::socket(AF_UNIX, SOCK_STREAM, 0));
        REQUIRE(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    REQUIRE(std::filesystem::exists(path));
    { const ControlServer server(context, path); }

    tests::put(path, "a letter");
    CHECK(says(complaint([&] { ControlServer(context, path); }), {path.c_str(), "no socket"}));
    CHECK(tests::content_of(path) == "a letter");
}

TEST_CASE("control: a lock is granted at once or later, and closing is unlocking") {
    Daemon daemon;
    ControlClient second(daemon.path());
    {
        ControlClient first(daemon.path());
        first.send(lock_r1);
        CHECK(soon(first) == granted_r1);
        second.send(lock_r1);
        REQUIRE(comes_true([&] { return daemon.claims("R1") == 2; }));
        CHECK_FALSE(second.next(0ms).has_value());
    }
    CHECK(soon(second) == granted_r1);
    CHECK(daemon.gone() == 1);
    daemon.tell_holder("R1", {{"lost", "R1"}});
    CHECK(soon(second) == json::object{{"lost", "R1"}});
    second.send({{"verb", "unlock"}, {"name", "R1"}});
    CHECK(comes_true([&] { return daemon.claims("R1") == 0; }));
}

TEST_CASE("control: an answer to a client that is gone is no harm") {
    Daemon daemon;
    {
        ControlClient client(daemon.path());
        client.send({{"verb", "call me"}});
        CHECK(soon(client).has_value());
        daemon.call_back({{"now", 1}});
        CHECK(soon(client) == json::object{{"now", 1}});
    }
    REQUIRE(comes_true([&] { return daemon.gone() == 1; }));
    ControlClient other(daemon.path());
    daemon.call_back({{"now", 2}});
    other.send({{"verb", "locks"}});
    CHECK(soon(other) == json::object{{"locks", json::array()}});
}

TEST_CASE("control: what is no request is refused and ends the connection, the server goes on") {
    Daemon daemon;
    for (const char* line : {"{", "[1, 2]", "{}", "{\"verb\": 7}", "\"status\"", "", "\xff\xfe",
                             "{\"verb\": \"locks\"} {\"verb\": \"locks\"}"}) {
        CAPTURE(line);
        RawClient client(daemon.path());
        client.send(std::string(line) + "\n{\"verb\": \"locks\"}\n");
        const std::string answer = client.rest();
        CHECK(says(answer, {"{\"error\":\"a request is a JSON object with a verb"}));
        CHECK(std::ranges::count(answer, '\n') == 1);
    }
    ControlClient client(daemon.path());
    client.send({{"verb", "sing"}});
    CHECK(says(complaint([&] { (void)soon(client); }), {"socket", "unknown verb `sing`"}));
    client.send({{"verb", "locks"}}); // that was a request, so we may go on
    CHECK(soon(client).has_value());
}

TEST_CASE("control: a line has a bound") {
    Daemon daemon;
    const auto line_of = [](std::size_t size) {
        const std::string start = R"({"verb":"locks","padding":")";
        return start + std::string(size - start.size() - 3, 'x') + "\"}\n";
    };
    RawClient good(daemon.path());
    good.send(line_of(control_line_max));
    good.finish();
    CHECK(good.rest() == "{\"locks\":[]}\n");

    RawClient bad(daemon.path());
    bad.send(line_of(control_line_max + 1));
    CHECK(says(bad.rest(), {"{\"error\":\"a request is one line of at most 65536 bytes\"}\n"}));

    RawClient endless(daemon.path());
    while (endless.send(std::string(4096, 'x'))) {
    }
    CHECK(comes_true([&] { return daemon.gone() == 3; }));
}

TEST_CASE("control: who asks and never reads is sent away") {
    Daemon daemon;
    ControlClient talker(daemon.path());
    talker.send({{"verb", "lock"}, {"name", std::string(60000, 'n')}});
    RawClient deaf(daemon.path());
    while (deaf.send("{\"verb\": \"locks\"}\n")) {
    }
    CHECK(comes_true([&] { return daemon.gone() == 1; }));
}

TEST_CASE("control: where nobody listens, the tools say so") {
    const tests::Scratch scratch;
    const auto path = scratch / "socket";
    const std::string missing = complaint([&] { ControlClient client(path); });
    CHECK(missing == path.string() + ": No such file or directory: is ctdbd running?");
    std::optional<Daemon> daemon(std::in_place);
    ControlClient client(daemon->path());
    client.send({{"verb", "silence"}});
    daemon.reset();
    CHECK(says(complaint([&] { (void)soon(client); }), {"socket", "closed the connection"}));
}

TEST_CASE("locked command: it runs while we hold the lock, one after the other") {
    Daemon daemon;
    const std::string log = daemon.beside("log").string();
    const std::string script = "echo in >>" + log + "; sleep 0.05; echo out >>" + log + "; exit 7";
    std::vector<std::future<int>> exits;
    for (int i = 0; i < 4; ++i)
        exits.push_back(
            std::async(std::launch::async, [&] { return run_locked(locked(daemon, script)); }));
    for (auto& exit : exits)
        CHECK(exit.get() == 7);
    CHECK(tests::content_of(log) == "in\nout\nin\nout\nin\nout\nin\nout\n");
    CHECK(comes_true([&] { return daemon.claims("R1") == 0; }));
}

TEST_CASE("locked command: its exit status is that of a shell") {
    const Daemon daemon;
    CHECK(run_locked(locked(daemon, "exit 0")) == 0);
    CHECK(run_locked(locked(daemon, "exit 3")) == 3);
    CHECK(run_locked(locked(daemon, "kill -TERM $$")) == 128 + SIGTERM);
    LockedCommand what = locked(daemon, "");
    what.command = {"no-such-command-anywhere"};
    CHECK(run_locked(what) == 127);
    what.command = {daemon.beside("text").string()};
    tests::put(what.command[0], "not executable");
    CHECK(run_locked(what) == 126);
}

TEST_CASE("locked command: patience ends with the conflict's exit, and withdraws the claim") {
    Daemon daemon;
    ControlClient holder(daemon.path());
    holder.send(lock_r1);
    REQUIRE(soon(holder) == granted_r1);
    LockedCommand what = locked(daemon, "exit 0");
    what.patience = 20ms;
    CHECK(run_locked(what) == 1);
    what.conflict_exit_code = 42;
    CHECK(run_locked(what) == 42);
    CHECK(comes_true([&] { return daemon.claims("R1") == 1; }));
}

TEST_CASE("locked command: a lost lock is the exit 5, when the command ended or was ended") {
    Daemon daemon;
    const auto started = daemon.beside("started");
    const auto enough = daemon.beside("enough");
    const auto script = "echo >" + started.string() + "; " + until(enough) + "; exit 0";
    SUBCASE("it may end by itself") {
        auto exit =
            std::async(std::launch::async, [&] { return run_locked(locked(daemon, script)); });
        REQUIRE(comes_true([&] { return std::filesystem::exists(started); }));
        daemon.tell_holder("R1", {{"lost", "R1"}});
        daemon.tell_holder("R1", granted_r1); // changes nothing: somebody may have been between
        tests::put(enough, "");
        CHECK(exit.get() == 5);
    }
    SUBCASE("it is ended") {
        LockedCommand what = locked(daemon, script);
        what.kill_on_loss = true;
        auto exit = std::async(std::launch::async, [&] { return run_locked(what); });
        REQUIRE(comes_true([&] { return std::filesystem::exists(started); }));
        daemon.tell_holder("R1", {{"lost", "R1"}});
        CHECK(exit.get() == 5);
        CHECK_FALSE(std::filesystem::exists(enough));
    }
}

TEST_CASE("totem-lock: the program") {
    Daemon daemon;
    const auto errors = daemon.beside("errors");
    const std::string socket = daemon.path().string();
    const auto in_lock = [&](const std::string& script) {
        return Program({"--socket", socket, "R1", "--", "sh", "-c", script}, errors);
    };
    SUBCASE("passes the status on") { CHECK(in_lock("exit 9").exit() == 9); }
    SUBCASE("the command's words are its own") {
        Program program({"--socket", socket, "R1", "--", "sh", "-c",
                         "[ \"$*\" = '-- --timeout {}' ]", "sh", "--", "--timeout", "{}"},
                        errors);
        CHECK(program.exit() == 0);
    }
    SUBCASE("passes signals on to the command") {
        const auto ready = daemon.beside("ready");
        Program program = in_lock("trap 'exit 33' TERM; echo >" + ready.string() + "; " +
                                  until(daemon.beside("never")));
        REQUIRE(comes_true([&] { return std::filesystem::exists(ready); }));
        program.send(SIGTERM);
        CHECK(program.exit() == 33);
    }
    SUBCASE("a signal ends the waiting, and the claim") {
        ControlClient holder(daemon.path());
        holder.send(lock_r1);
        REQUIRE(soon(holder) == granted_r1);
        Program program = in_lock("exit 0");
        REQUIRE(comes_true([&] { return daemon.claims("R1") == 2; }));
        program.send(SIGINT);
        CHECK(program.exit() == 128 + SIGINT);
        CHECK(comes_true([&] { return daemon.claims("R1") == 1; }));
    }
    SUBCASE("killed, it leaves the lock with the command") {
        const auto ready = daemon.beside("ready");
        const auto enough = daemon.beside("enough");
        Program program = in_lock("echo >" + ready.string() + "; " + until(enough));
        REQUIRE(comes_true([&] { return std::filesystem::exists(ready); }));
        program.send(SIGKILL);
        CHECK(program.exit() == -SIGKILL);
        ControlClient next(daemon.path());
        next.send(lock_r1);
        CHECK_FALSE(next.next(50ms).has_value());
        tests::put(enough, "");
        CHECK(soon(next) == granted_r1);
    }
    SUBCASE("what is left in the background does not keep the lock") {
        const auto enough = daemon.beside("enough");
        CHECK(in_lock("(" + until(enough) + ") &").exit() == 0);
        CHECK(comes_true([&] { return daemon.claims("R1") == 0; }));
        tests::put(enough, "");
    }
    SUBCASE("misuse") {
        CHECK(Program({"--socket", socket, "R1", "true"}, errors).exit() == 64);
        CHECK(Program({"--socket", socket, "R1", "--"}, errors).exit() == 64);
        CHECK(Program({"--socket", socket + ".not", "R1", "--", "true"}, errors).exit() == 69);
        CHECK(says(tests::content_of(errors), {"is ctdbd running?"}));
    }
}

TEST_CASE("totemctl: locks are printed by name and place, whatever order the answer has") {
    const json::value answer = json::parse(R"({"locks": [
        {"name": "R2", "queue": [{"node": 1, "ticket": 4}]},
        {"name": "R1", "queue": [{"node": 2, "ticket": 7}, {"node": 0, "ticket": 3}]},
        {"name": "R0", "queue": []}]})");
    CHECK(describe_locks(answer.as_object()) == "R1 1 node 2 holds\n"
                                                "R1 2 node 0 waits\n"
                                                "R2 1 node 1 holds\n");
    CHECK(describe_locks({{"locks", json::array()}}).empty());
    CHECK(says(complaint([] { (void)describe_locks({{"lock", 1}}); }), {"not a list of locks"}));
}

TEST_CASE("totemctl: status is printed as readable lines") {
    const json::value answer = json::parse(R"({"phase": "operational", "sealed": true,
        "members": [{"node": 0, "processor": "0.5"}, {"node": 1, "processor": "1.2"}],
        "nodes": [0, 1], "nobody": [], "packets": {"sent": 7, "received": 9}})");
    CHECK(describe_status(answer.as_object()) == "phase: operational\n"
                                                 "sealed: true\n"
                                                 "members:\n"
                                                 "  node 0, processor 0.5\n"
                                                 "  node 1, processor 1.2\n"
                                                 "nodes: 0, 1\n"
                                                 "nobody: none\n"
                                                 "packets:\n"
                                                 "  sent: 7\n"
                                                 "  received: 9\n");
}
