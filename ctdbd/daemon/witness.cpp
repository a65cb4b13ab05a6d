#include "ctdbd/daemon/witness.h"

#include "net/file.h"
#include "net/logs.h"

#include <boost/algorithm/hex.hpp>
#include <boost/asio/read.hpp>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;
using statedb::History;

constexpr auto patience = 10s; // with the file system
constexpr std::string_view well = "well ";

std::string hex_of(const base::Bytes& bytes) {
    std::string text;
    boost::algorithm::hex_lower(bytes.view(), std::back_inserter(text));
    return text;
}

std::string read_hex(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in && !std::filesystem::exists(file)) return {};
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    if (in.bad() || content.empty())
        throw std::runtime_error(fmt::format("{} cannot be read", file.string()));
    return hex_of(base::Bytes::copy_of(std::string_view(content)));
}

} // namespace

// -- the process that touches the file

int touch_witness(const std::vector<std::string>& arguments) {
    try {
        if (arguments.size() == 2 && arguments[0] == "read") {
            fmt::print("{}{}", well, read_hex(arguments[1]));
            return 0;
        }
        if (arguments.size() == 3 && arguments[0] == "write") {
            const std::string content = boost::algorithm::unhex(arguments[2]);
            net::durable_write(arguments[1],
                               base::Bytes::copy_of(std::string_view(content)).span());
            fmt::print("{}", well);
            return 0;
        }
        throw std::runtime_error("read FILE, or write FILE HISTORY");
    } catch (const std::exception& error) {
        fmt::print(stderr, "witness: {}\n", error.what());
        return 1;
    }
}

std::optional<History> parse_witness(const std::string& said) {
    if (!said.starts_with(well)) return std::nullopt;
    const std::string hex = said.substr(well.size());
    if (hex.empty()) return History{};
    std::string content;
    try {
        content = boost::algorithm::unhex(hex);
    } catch (const boost::algorithm::hex_decode_error&) {
        return std::nullopt;
    }
    return statedb::decode_history(base::Bytes::copy_of(std::string_view(content)).span());
}

// -- the daemon's side

Witness::Witness(boost::asio::io_context& loop, std::filesystem::path file)
    : loop_(loop), file_(std::move(file)), output_(loop), limit_timer_(loop) {}

Witness::~Witness() { *alive_ = false; }

void Witness::read(std::function<void(std::optional<History>)> done) {
    run({"read", file_.string()},
        [done = std::move(done)](const std::string& said) { done(parse_witness(said)); });
}

void Witness::write(const History& memory, std::function<void(bool well)> done) {
    run({"write", file_.string(), hex_of(statedb::encode(memory))},
        [done = std::move(done)](const std::string& said) { done(said.starts_with(well)); });
}

void Witness::give_up() {
    ++attempt_;
    limit_timer_.cancel();
    boost::system::error_code ignored;
    output_.close(ignored);
    child_.reset();
}

void Witness::run(std::vector<std::string> arguments, Done done) {
    give_up();
    said_.clear();
    arguments.insert(arguments.begin(), {"/proc/self/exe", witness_option});
    std::array<int, 2> ends{-1, -1};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        throw std::system_error(errno, std::generic_category(), "pipe");
    output_.assign(ends[0]);
    try {
        child_ = std::make_unique<Child>(loop_, Command{.arguments = std::move(arguments),
                                                        .extra_descriptor = -1,
                                                        .environment = {},
                                                        .output_descriptor = ends[1],
                                                        .dies_with_us = true});
    } catch (const std::system_error& error) {
        logs::cluster().error("witness: {}", error.what());
    }
    close(ends[1]);
    const auto finish = [this, alive = alive_, attempt = attempt_,
                         done = std::move(done)](const std::string& said) {
        if (!*alive || attempt != attempt_) return;
        give_up();
        done(said);
    };
    limit_timer_.expires_after(patience);
    limit_timer_.async_wait([this, finish](const boost::system::error_code& error) {
        if (error) return;
        logs::cluster().error("{} does not answer within {} s: is its file system dead?",
                              file_.string(), patience.count());
        finish({});
    });
    boost::asio::async_read(
        output_, boost::asio::dynamic_buffer(said_),
        [this, alive = alive_, finish](const boost::system::error_code& error, std::size_t) {
            if (error == boost::asio::error::operation_aborted || !*alive) return;
            finish(std::string(said_));
        });
}

} // namespace ctdbd::daemon
