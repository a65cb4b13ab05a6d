// The door for tools on this machine, a real unix socket: whatever a client says, in pieces of any
// size, is answered or ends its connection, and the server goes on. The last input that a tool gets
// to see, the daemon's answer, is printed or refused.
#include "net/control.h"
#include "net/control_text.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/scratch.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>

namespace {

using namespace fuzz;
namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

// One server for the whole run, as in life: what one client did must not harm the next.
struct House {
    House() : server(context, scratch / "door") {
        server.on("lock", [this](const boost::json::object& request, net::ControlConnection& from) {
            ++asked;
            from.answer({{"granted", request.contains("name") ? request.at("name") : nullptr}});
        });
        server.on("never",
                  [this](const boost::json::object&, net::ControlConnection&) { ++asked; });
        server.on_gone([this](net::ControlConnection&) { ++gone; });
    }

    Scratch scratch;
    asio::io_context context;
    net::ControlServer server;
    std::uint64_t asked = 0, gone = 0;
};

void visit(House& house, Input& in) {
    const std::uint64_t gone = house.gone;
    {
        Socket client(house.context);
        client.connect((house.scratch / "door").string());
        client.non_blocking(true);
        while (!in.at_end()) {
            const Bytes piece = in.some_bytes(255);
            boost::system::error_code ended;
            asio::write(client, asio::buffer(piece.data(), piece.size()), ended);
            house.context.restart();
            house.context.poll();
            if (ended) break;
        }
    }
    for (int turns = 0; house.gone == gone; ++turns) {
        check(turns < 1000, "every connection ends");
        house.context.restart();
        house.context.poll();
    }
}

void print(const std::string& text) {
    boost::json::error_code wrong;
    const boost::json::value answer = boost::json::parse(text, wrong);
    if (wrong || !answer.is_object()) return;
    (void)net::describe_status(answer.get_object());
    try {
        (void)net::describe_locks(answer.get_object());
    } catch (const std::runtime_error&) { // another object: says so
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static House house;
    Input in({data, size});
    if (in.coin())
        print(in.rest_as_text());
    else
        visit(house, in);
    return 0;
}
