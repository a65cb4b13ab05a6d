#include "ctdbd/daemon/post.h"

#include "base/check.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ctdbd::daemon {

namespace {

// [number of addressees: 1][their node ids: 4 each][letter]
constexpr std::size_t node_id_size = 4;
constexpr std::size_t addressees_max = 255;

} // namespace

void Post::send(std::span<const totem::NodeId> to,
                const base::Bytes& letter,
                statedb::Outbox& out) {
    base::check(to.size() <= addressees_max, "a ring has fewer members than a letter addressees");
    const std::size_t head = 1 + to.size() * node_id_size;
    base::WritableBytes envelope(head + letter.size());
    envelope.data()[0] = static_cast<std::uint8_t>(to.size());
    for (std::size_t i = 0; i < to.size(); ++i)
        std::memcpy(envelope.data() + 1 + i * node_id_size, &to[i], node_id_size);
    std::copy(letter.span().begin(), letter.span().end(), envelope.data() + head);
    out.submit(id(), envelope.freeze(head + letter.size()), totem::Service::agreed);
}

void Post::apply(const statedb::Command& command, statedb::Outbox& /*out*/) {
    const base::Bytes& payload = command.payload;
    if (payload.empty()) return;
    const std::size_t addressees = payload.data()[0];
    const std::size_t head = 1 + addressees * node_id_size;
    if (payload.size() < head) return; // no daemon of ours sends this
    for (std::size_t i = 0; i < addressees; ++i) {
        totem::NodeId addressee = 0;
        std::memcpy(&addressee, payload.data() + 1 + i * node_id_size, node_id_size);
        if (addressee != self_) continue;
        arrived_.push_back({command.sender, payload.slice(head, payload.size() - head)});
        return;
    }
}

std::vector<Post::Arrived> Post::take_arrived() { return std::exchange(arrived_, {}); }

} // namespace ctdbd::daemon
