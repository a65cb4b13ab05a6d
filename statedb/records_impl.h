// The insides of Records, shared by its files and nobody else: records.cpp (requests and commands),
// records_answers.cpp (what the world answered), records_direct.cpp (asking and giving outside of
// the order), records_moves.cpp (how the directory learns of it), records_absence.cpp (being cut
// off, and coming back), records_search.cpp (looking for what departed nodes had),
// records_leaving.cpp (leaving for good), records_delegations.cpp (copies for those who only read).
#pragma once

#include "statedb/record_commands.h"
#include "statedb/records.h"

#include <deque>
#include <map>
#include <set>

namespace statedb {

// What is going on with a record on this node. Only `held` and the absence of ownership last.
enum class Phase : std::uint8_t {
    held,       // nothing: ours if the directory says so
    taking,     // TakeOver was emitted; the waiting clients have not had their turn yet
    giving,     // GiveAway or PartWith was emitted
    offered,    // our HandOff or Bequest waits for its place in the order
    retiring,   // Retire was emitted
    retired,    // empty and nobody's in the file; our Vacuum waits for its place in the order
    lacking,    // our Missing waits for its place in the order
    sharing,    // Share was emitted
    delegating, // our Delegate waits for its place in the order
};

struct Records::State {
    struct Local {
        bool wanted = false;  // local clients wait for it
        bool claimed = false; // our Claim waits for its place in the order
        bool renew = false;   // ours, but the file may not say so: claimed to be taken over anew
        Phase phase = Phase::held;
        Grant grant = 0; // the ownership that the phase belongs to

        // Outside of the order.
        bool asked = false;              // we asked whoever has it
        unsigned attempts = 0;           // so often
        Instant answer_due;              // then we ask again, or claim it in the order
        ProcessorId giving_to;           // giving: whom; nobody: to the first that waits
        std::vector<ProcessorId> asking; // who asked us for it, first come, first served
    };

    // The last that we know to have happened to a record beyond what the directory says.
    struct Move {
        Grant grant = 0;
        ProcessorId to; // ourselves: we have it. Else we had it, and gave it away
        Bytes data;     // given: until the order knows, in case it did not arrive
        Instant since;  // when it happened, or was last told
    };

    struct PendingRead {
        RecordName record;
        ProcessorId asked; // who will answer; nobody: not ordered yet, or the record is lost
        bool keep = false;
    };

    explicit State(RecordSettings the_settings) : settings(the_settings) {}

    // -- records.cpp
    void pursue(const RecordName& record, Outbox& out);
    void claim(const RecordName& record, bool create, Outbox& out);
    void renew(const RecordName& record, Outbox& out);
    void pass_on(const RecordName& record);
    void settle(const Directory::Outcome& outcome, Outbox& out);
    void settle(const Directory::Granted& granted, Outbox& out);
    void settle(const Directory::Moved& moved, const std::optional<Bytes>& data, Outbox& out);
    void ask_for_copies(std::span<const RecordName> lost);
    void give_up(const RecordName& record);
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
    void on(ProcessorId sender, const record_command::Moved& command, Outbox& out);
    void on(ProcessorId sender, const record_command::Search& command, Outbox& out);

    // -- records_answers.cpp
    void send_vacuum(Outbox& out);
    void send_copies(Outbox& out);
    void lack(const RecordName& record, Grant grant, Outbox& out);

    // -- records_direct.cpp
    void on(ProcessorId from, const record_command::Ask& ask, Outbox& out);
    void on(ProcessorId from, const record_command::Give& give, Outbox& out);
    void on(ProcessorId from, const record_command::Decline& decline, Outbox& out);
    void say(ProcessorId to, decltype(record_command::Direct::content) content);
    [[nodiscard]] bool may_ask(const RecordName& record) const;
    void ask(const RecordName& record, Outbox& out);
    void ask_again(Outbox& out);
    void pass_on_question(const record_command::Ask& ask);
    void pass_on_questions(const RecordName& record);
    [[nodiscard]] bool may_give(const RecordName& record, Grant grant) const;
    void begin_giving(const RecordName& record, Local& local, Grant grant);
    void give(const RecordName& record, Local& local, Move move, Outbox& out);
    [[nodiscard]] bool ship(ProcessorId to, record_command::Give give);
    void forget_questions();

    // -- records_moves.cpp
    [[nodiscard]] std::optional<Grant> holding(const RecordName& record) const;
    [[nodiscard]] ProcessorId holder(const RecordName& record) const;
    void note_move(const RecordName& record, Move move);
    void forget_move(const RecordName& record);
    void forget_overtaken(const RecordName& record);
    void forget_all_overtaken();
    void forget_all_moves();
    [[nodiscard]] std::map<RecordName, Grant> held_records() const;
    void tell_moves(Outbox& out);
    void tell_moves_at_once(Outbox& out);
    void tell(std::vector<record_command::Moved::Move> told, Outbox& out);
    [[nodiscard]] record_command::Moved::Move as_told(const RecordName& record,
                                                      const Move& move) const;
    [[nodiscard]] bool is_member(ProcessorId who) const;

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
    void keep_unheard_of(const std::map<RecordName, Grant>& had, Outbox& out);
    void resume(Outbox& out);
    [[nodiscard]] bool still_meant(const record_command::Any& command) const;
    void send_refused(Outbox& out);
    [[nodiscard]] bool we_tell_notices() const;

    // -- records_search.cpp
    void search_on(Outbox& out);
    [[nodiscard]] bool we_search() const;
    [[nodiscard]] std::optional<Instant> search_due() const;
    [[nodiscard]] bool piece_is_over(Instant now) const;
    // -- records_delegations.cpp
    void on(ProcessorId sender, const record_command::Delegate& command, Outbox& out);
    void on(ProcessorId sender, const record_command::CopiesDropped& command, Outbox& out);
    [[nodiscard]] bool may_share(const RecordName& record, Grant grant, ProcessorId reader) const;
    void share(ProcessorId reader, const record_command::Read& read, Grant grant);
    [[nodiscard]] bool is_shared(const RecordName& record) const;
    void keep_copy(ProcessorId owner, const record_command::Delegate& command, bool delegated);
    void drop_copy(const RecordName& record, Outbox& out);
    void drop_revoked_copies(Outbox& out);
    void send_dropped(Outbox& out);
    void forget_copies();

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

    // Ours, and our file says that there are delegations, under this grant. Under the same one it
    // is never written again: who wants to write claims it.
    std::map<RecordName, Grant> shared;
    std::set<std::pair<RecordName, Grant>> dropping; // our CopiesDropped has had no place yet
    std::vector<record_command::Owned> dropped;      // not read here any more; nobody was told
    bool dropped_sent = false;

    // Invariant: a move is under the ownership that the directory knows, and later than it says;
    // so an entry that catches up takes its move away (forget_overtaken).
    std::map<RecordName, Move> moves;
    std::size_t bytes_kept = 0;                           // the data of moves
    std::set<RecordName> to_tell;                         // taken since the last Moved
    std::optional<Instant> tell_at;                       // when they are due
    std::deque<std::pair<Instant, RecordName>> tell_late; // moves that nobody has told by then
    std::multimap<Instant, RecordName> questions_due;     // asked in vain until then
    std::vector<DirectMessage> messages;
    std::map<RecordName, Grant> unheard_of; // ours under grants that the state we loaded lacks

    RingId ring;
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

    // Looking for what nobody waits for: piece by piece.
    struct Piece {
        bool ordered = false; // our Search has had its place in the order
        Instant began;
        std::size_t left_over = 0; // so many others were being looked for by then
    };

    std::optional<Piece> piece;  // that is under way
    Instant next_piece;          // not before
    bool search_hurries = false; // somebody waits until nothing is lost

    std::map<ProcessorId, Instant> notice_due; // when the notice period of a departed one is over
    std::set<ProcessorId> notice_sent;
};

} // namespace statedb
