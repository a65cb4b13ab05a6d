// How records and effects are spelled in logs and traces.
#include "statedb/databases.h"
#include "statedb/record_types.h"

#include <fmt/format.h>

namespace statedb {

namespace {

std::string hex(const std::string& key) {
    std::string text;
    for (const char byte : key)
        text += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
    return text;
}

const char* describe(TakeOver::Source source) {
    switch (source) {
    case TakeOver::Source::fresh:
        return "fresh";
    case TakeOver::Source::shipped:
        return "shipped";
    case TakeOver::Source::own_copy:
        return "own copy";
    }
    return "?";
}

std::string describe(const Version& version) {
    return fmt::format("{}.{}", version.epoch, version.index);
}

} // namespace

std::string describe(const RecordName& record) {
    return fmt::format("{:08x}:{}", record.db, hex(record.key));
}

std::string describe(const RecordEffect& effect) {
    return std::visit(
        Match{
            [](const TakeOver& e) {
                return fmt::format("TakeOver {} grant={} {} {} bytes", describe(e.record), e.grant,
                                   describe(e.source), e.data.size());
            },
            [](const GiveAway& e) {
                return fmt::format("GiveAway {} grant={} to={}", describe(e.record), e.grant, e.to);
            },
            [](const Retire& e) {
                return fmt::format("Retire {} grant={}", describe(e.record), e.grant);
            },
            [](const PartWith& e) { return fmt::format("PartWith {} records", e.records.size()); },
            [](const Remove& e) { return fmt::format("Remove {}", describe(e.record)); },
            [](const Ready& e) { return fmt::format("Ready {}", describe(e.record)); },
            [](const ReadLocal& e) {
                return fmt::format("ReadLocal {} for={}/{}", describe(e.record), e.reader,
                                   e.ticket);
            },
            [](const Share& e) {
                return fmt::format("Share {} for={}/{}", describe(e.record), e.reader, e.ticket);
            },
            [](const KeepCopy& e) {
                return fmt::format("KeepCopy {} grant={} of={} for={} {} bytes", describe(e.record),
                                   e.grant, e.owner, e.ticket, e.data.size());
            },
            [](const DropCopy& e) {
                return fmt::format("DropCopy {} grant={}", describe(e.record), e.grant);
            },
            [](const ReadAnswer& e) {
                return fmt::format("ReadAnswer {} {} bytes", e.ticket, e.data.size());
            },
            [](const Report& e) { return fmt::format("Report {} records", e.records.size()); },
            [](const Reconcile& e) { return fmt::format("Reconcile keep {}", e.kept.size()); },
            [](const Wipe& e) {
                return e.db ? fmt::format("Wipe {:08x}", *e.db) : std::string{"Wipe all"};
            },
            [](const Freeze& e) { return std::string{e.for_good ? "Freeze for good" : "Freeze"}; },
            [](const Thaw&) { return std::string{"Thaw"}; }},
        effect);
}

std::string describe(DatabaseKind kind) {
    switch (kind) {
    case DatabaseKind::is_volatile:
        return "volatile";
    case DatabaseKind::is_replicated:
        return "replicated";
    case DatabaseKind::is_persistent:
        return "persistent";
    }
    return "?";
}

std::string describe(const DatabaseEffect& effect) {
    return std::visit(
        Match{[](const Open& e) {
                  return fmt::format("Open {:08x} {} {}", e.id, e.name, describe(e.kind));
              },
              [](const Close& e) { return fmt::format("Close {:08x}", e.id); },
              [](const Apply& e) {
                  return fmt::format("Apply {:08x} {} {} writes", e.id, describe(e.version),
                                     e.writes.size());
              },
              [](const Replace& e) {
                  return fmt::format("Replace {:08x} {} {} records", e.id, describe(e.version),
                                     e.content.size());
              },
              [](const Confirm& e) {
                  return fmt::format("Confirm {:08x} {}", e.id, describe(e.version));
              },
              [](const Attached& e) { return fmt::format("Attached {} {:08x}", e.ticket, e.id); },
              [](const AttachRefused& e) {
                  return fmt::format("AttachRefused {}: {}", e.ticket, e.why);
              },
              [](const Detached& e) { return fmt::format("Detached {}", e.ticket); },
              [](const DetachRefused& e) {
                  return fmt::format("DetachRefused {}: {}", e.ticket, e.why);
              },
              [](const Committed& e) { return fmt::format("Committed {}", e.ticket); },
              [](const CommitRefused& e) {
                  return fmt::format("CommitRefused {}: {}", e.ticket, e.why);
              }},
        effect);
}

} // namespace statedb
