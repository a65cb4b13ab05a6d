// The insides of Records, shared by its files and nobody else: records.cpp (requests and commands),
// records_answers.cpp (what the world answered), records_absence.cpp (being cut off, and coming
// back), records_leaving.cpp (leaving for good).
#pragma once

#include "statedb/record_commands.h"
#include "statedb/records.h"

#include <map>
#include <set>

namespace statedb {

// What is going on with a record on this node. Only `held` and the absence of ownership last.
enum class Phase : std::uint8_t {
    held,     // nothing: ours if the directory says so
    taking,   // TakeOver was emitted; the waiting clients have not had their turn yet
    giving,   // GiveAway or PartWith was emitted
    offered,  // our HandOff or Bequest waits for its place in the order
    retiring, // Retire was emitted
    retired,  // empty and nobody's in the file; our Vacuum waits for its place in the order
    lacking,  // our Missing waits for its place in the order
};

struct Records::State {
    struct Local {
        bool wanted = false;  // local clients wait for it
        bool claimed = false; // our Claim waits for its place in the order
        Phase phase = Phase::held;
        Grant grant = 0; // the ownership that the phase belongs to
    };

    struct PendingRead {
        RecordName record;
        ProcessorId asked; // who will answer; nobody: not ordered yet, or the record is lost
    };

    explicit State(RecordSettings the_settings) : settings(the_settings) {}

    // -- records.cpp
    void pursue(const RecordName& record, Outbox& out);
    void pass_on(const RecordName& record);
    void settle(const Directory::Outcome& outcome, Outbox& out);
    void settle(const Directory::Granted& granted, Outbox& out);
    void ask_for_copies(std::span<const RecordName> lost);
    void read_again(const RecordName& record, Outbox& out);
    void send_read(std::uint64_t ticket, Outbox& out);
    void tidy(const RecordName& record);

    void on(ProcessorId sender, const record_command::Claim& command, Outbox& out);
    void on(ProcessorId sender, const record_command::HandOff& command, Outbox& out);
    void on(ProcessorId sender, const record_command::Missing& command, Outbox& out);
    void on(ProcessorId sender, const record_command::Vacuum& command, Outbox& out);
    void on(ProcessorId sender, const record_command::Drop& command, Outbox& out);
    void on(ProcessorId sender, const record_command::Copies& command, Outbox& out);
    void on(ProcessorId sender, const record_command::NoticeOver& command, Outbox& out);
    void on(ProcessorId sender, const record_command::Returned& command, Outbox& out);
    void on(ProcessorId sender, const record_command::Read& command, Outbox& out);
    void on(ProcessorId sender, const record_command::ReadReply& command, Outbox& out);
    void on(ProcessorId sender, const record_command::Bequest& command, Outbox& out);

    // -- records_answers.cpp
    void send_vacuum(Outbox& out);
    void send_copies(Outbox& out);
    void lack(const RecordName& record, Grant grant, Outbox& out);

    // -- records_absence.cpp
    void notice_time(Outbox& out);
    void freeze();
    void thaw();
    void probe(Outbox& out, bool reconcile);
    void send_returned(Outbox& out);
    void reconcile_files(Outbox& out);
    void watch_departed(const View& view, Outbox& out);
    void forget_noticed();
    void forget_phases();
    void reload(Outbox& out);
    void resume(Outbox& out);
    [[nodiscard]] bool still_meant(const record_command::Any& command) const;
    void send_refused(Outbox& out);
    [[nodiscard]] bool we_tell_notices() const;

    // -- records_leaving.cpp
    void part();
    [[nodiscard]] bool may_part() const;

    void send(const record_command::Any& command, Outbox& out, Service how = Service::agreed) {
        out.submit(ServiceId::records, encode(command), how);
    }

    template <class Effect>
    void emit(Effect effect) {
        effects.push_back(std::move(effect));
    }

    // Whether what the directory says is what our files say, or will once they have caught up.
    [[nodiscard]] bool active() const { return primary && returned_awaited == 0; }

    RecordSettings settings;
    Directory directory; // replicated; everything else is this node's own

    std::map<RecordName, Local> locals;
    std::map<std::uint64_t, PendingRead> reads;
    std::vector<RecordEffect> effects;

    // Invariant: a vacuum, like a report of copies, is one message at a time; what comes meanwhile
    // goes into the next.
    std::vector<record_command::Owned> to_vacuum;
    bool vacuum_sent = false;
    std::vector<Directory::Report> to_report;
    bool report_sent = false;
    std::set<std::pair<RecordName, Grant>> asked; // whose copies our world was asked for

    std::vector<ProcessorId> members;
    bool primary = false;
    bool frozen = true;
    std::optional<Instant> freeze_at; // cut off, perhaps: freeze then
    std::optional<Instant> last_seen; // when we were last called: a long gap is a pause
    // While non-zero our Returned of this number waits for its place in the order: until then
    // commands of ours from before may still arrive, and our files are not touched.
    std::uint64_t returned_awaited = 0;
    std::uint64_t last_returned = 0;
    bool returned_sent = false;
    bool must_reconcile = false; // when Returned arrives
    std::vector<Bytes> refused;  // to be submitted again in the next primary component

    // Leaving for good: what we still have to part with, as it was when we looked; and how many of
    // these our world is at, or are in a Bequest that waits for its place in the order.
    bool leaving = false;
    std::vector<RecordName> to_part;
    std::size_t parting = 0;

    std::map<ProcessorId, Instant> notice_due; // when the notice period of a departed one is over
    std::set<ProcessorId> notice_sent;
};

} // namespace statedb
