// The recorded packets of genuine_packets.txt, by their names there; and every structure the
// protocol knows, for tests that want to treat all of them alike.
#pragma once

#include "ctdbd/protocol/packets.h"
#include "ctdbd/protocol/structures.h"

#include <map>
#include <string>

namespace ctdbd::protocol {

[[nodiscard]] const std::map<std::string, Bytes>& genuine_packets();
[[nodiscard]] const Bytes& genuine(const std::string& name);

template <class... T>
struct Types {};

using Structures = Types<SocketAddress,
                         PublicIp,
                         PublicIpList,
                         Iface,
                         IfaceList,
                         PublicIpInfo,
                         Connection,
                         TickleList,
                         AddrInfo,
                         DbMap,
                         TransDb,
                         PullDb,
                         SeqnumRequest,
                         DbVacuum,
                         TraverseStart,
                         TraverseStartExt,
                         TraverseAll,
                         TraverseAllExt,
                         Timeval,
                         Node,
                         NodeMap,
                         VnnMap,
                         NodeFlagChange,
                         BanState,
                         Uptime,
                         PidSrvid,
                         SrvidMessage,
                         DisableMessage,
                         ElectionMessage,
                         ServerId,
                         NotifyData,
                         EchoData,
                         RecordData,
                         MarshallBuffer,
                         LtdbHeader,
                         KeyData,
                         GLockEntry,
                         LatencyCounter,
                         Statistics,
                         StatisticsList,
                         DbStatistics,
                         TunableSet,
                         TunableGet,
                         TunableNames,
                         TunableValues,
                         std::uint32_t,
                         std::int32_t,
                         std::uint64_t,
                         double>;

using Bodies = Types<Call,
                     ReplyCall,
                     Dmaster,
                     ReplyDmaster,
                     ReplyError,
                     Message,
                     Control,
                     ReplyControl,
                     Keepalive,
                     Tunnel>;

template <class... T>
void for_each_type(Types<T...>, auto&& visit) {
    (visit.template operator()<T>(), ...);
}

} // namespace ctdbd::protocol
