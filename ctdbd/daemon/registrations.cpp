#include "ctdbd/daemon/registrations.h"

#include "ctdbd/protocol/numbers.h"

#include <algorithm>
#include <utility>

namespace ctdbd::daemon {

void Registrations::add(ClientId client, Srvid srvid) { listeners_.emplace(srvid, client); }

bool Registrations::remove(ClientId client, Srvid srvid) {
    const auto [begin, end] = listeners_.equal_range(srvid);
    const auto found =
        std::find_if(begin, end, [&](const auto& entry) { return entry.second == client; });
    if (found == end) return false;
    listeners_.erase(found);
    return true;
}

bool Registrations::has(ClientId client, Srvid srvid) const {
    const auto [begin, end] = listeners_.equal_range(srvid);
    return std::any_of(begin, end, [&](const auto& entry) { return entry.second == client; });
}

std::vector<ClientId> Registrations::listeners(Srvid srvid, bool with_catch_all) const {
    std::vector<ClientId> clients;
    const auto collect = [&](Srvid address) {
        const auto [begin, end] = listeners_.equal_range(address);
        for (auto entry = begin; entry != end; ++entry)
            clients.push_back(entry->second);
    };
    collect(srvid);
    if (with_catch_all && srvid != protocol::srvid::all) collect(protocol::srvid::all);
    return clients;
}

bool Registrations::add_notification(ClientId client, protocol::NotifyData notification) {
    const Srvid srvid = notification.srvid;
    return notifications_[client].try_emplace(srvid, std::move(notification)).second;
}

bool Registrations::remove_notification(ClientId client, Srvid srvid) {
    const auto found = notifications_.find(client);
    return found != notifications_.end() && found->second.erase(srvid) == 1;
}

std::vector<protocol::NotifyData> Registrations::forget(ClientId client) {
    std::erase_if(listeners_, [&](const auto& entry) { return entry.second == client; });
    std::vector<protocol::NotifyData> to_send;
    if (auto found = notifications_.extract(client))
        for (auto& [srvid, notification] : found.mapped())
            to_send.push_back(std::move(notification));
    return to_send;
}

} // namespace ctdbd::daemon
