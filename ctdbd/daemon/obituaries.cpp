#include "ctdbd/daemon/obituaries.h"

#include "ctdbd/daemon/daemon.h"
#include "net/logs.h"

#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace ctdbd::daemon {

using boost::asio::ip::udp;
using totem::ProcessorId;

Obituaries::Obituaries(boost::asio::io_context& loop, Daemon& daemon)
    : daemon_(daemon), socket_(loop) {}

void Obituaries::begin() {
    if (daemon_.setup.paths.test_mode) return; // there are no guards
    const udp::endpoint here(*daemon_.setup.nodes.at(daemon_.setup.pnn).address,
                             daemon_.setup.totem.ring.obituary_port);
    boost::system::error_code error;
    socket_.open(here.protocol(), error);
    if (!error) socket_.bind(here, error);
    if (error) {
        logs::addresses().warn("{} port {}: {}; of deaths we hear only from the ring",
                               here.address().to_string(), here.port(), error.message());
        socket_.close(error);
        return;
    }
    listen();
}

void Obituaries::listen() {
    socket_.async_receive_from(boost::asio::buffer(datagram_), sender_,
                               [this](const boost::system::error_code& error, std::size_t size) {
                                   if (error == boost::asio::error::operation_aborted) return;
                                   if (!error) heard({datagram_.data(), size});
                                   listen();
                               });
}

bool Obituaries::tell_of(ProcessorId who) const {
    const auto life = dead_.find(pnn_of(who));
    return life != dead_.end() && life->second == who.incarnation;
}

void Obituaries::heard(std::string_view text) {
    const auto obituary = decode_obituary(text);
    if (!obituary) return;
    const ProcessorId who = obituary->who;
    const auto testament = testaments_.find(pnn_of(who));
    if (testament == testaments_.end() || testament->second.incarnation != who.incarnation ||
        testament->second.commitment.view() != commitment_to(obituary->secret))
        return;
    const bool known = tell_of(who); // it was one of three copies
    dead_[pnn_of(who)] = who.incarnation;
    if (known) return;
    logs::addresses().info("node {} is dead, says its guard, and its public addresses are off",
                           pnn_of(who));
    daemon_.cluster.mourn(who);
    daemon_.takeover.death_is_certain();
}

void Obituaries::ring_changed() {
    if (daemon_.setup.paths.test_mode) return;
    const Pnn self = daemon_.nodes.self();
    const auto& members = daemon_.cluster.view().members;
    const auto own = std::ranges::find(members, self, pnn_of);
    if (own == members.end()) return;

    std::vector<udp::endpoint> heirs;
    for (const protocol::Node& node : daemon_.nodes.map().nodes)
        if (node.pnn != self && (node.flags & protocol::node_flag::deleted) == 0)
            heirs.emplace_back(node.address.ip, daemon_.setup.totem.ring.obituary_port);
    daemon_.addresses.bequeath({encode(Obituary{*own, secret_}), std::move(heirs)});

    std::vector<Pnn> others;
    for (const ProcessorId member : members)
        if (pnn_of(member) != self) others.push_back(pnn_of(member));
    if (others.empty()) return;
    const std::string commitment = commitment_to(secret_);
    daemon_.cluster.send(others,
                         Testament{own->incarnation, Bytes::copy_of(std::string_view(commitment))});
}

void Obituaries::arrived(Pnn from, const Testament& testament) {
    testaments_.insert_or_assign(from, testament);
}

} // namespace ctdbd::daemon
