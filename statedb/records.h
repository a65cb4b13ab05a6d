// Who owns which volatile record: the directory, replicated by agreed order (design.md Records,
// docs/adr/0003-records.md).
//
// Every node knows for every record its owner and the nodes that wait for it, in one order; so
// hand-over is fair and there is nothing to elect, forward or retry. The data is not here: it lives
// in the owner's TDB file, where clients change it without telling anybody; it travels only when
// the record is handed over: straight from its owner to a node that asks it for the record, or in
// the order, to the next that waits there (docs/adr/0016-direct-moves.md). Former owners keep what
// they had as stale copies, from which the record is recovered if its owner dies.
//
// Nodes that only read may have copies meanwhile, which are dropped before anybody writes
// (docs/adr/0017-read-only-delegations.md). Recovery of a departed node's records waits for the
// notice period; what that guarantees and what it cannot is in the ADR.
#pragma once

#include "statedb/record_types.h"
#include "statedb/service.h"

#include <memory>
#include <span>

namespace statedb {

// A node that is cut off freezes its databases `freeze_after` after its ring was interrupted, at
// once if it is told that it is not primary. The others hand its records to somebody else
// `notice_period` after they formed a component without it. So, with every number as far as clocks
// may drift apart:
//     notice_period >= twice the time in which a processor notices that its ring is gone
//                      (token loss) + freeze_after + the time that freezing takes.
// Twice, for the others need not have lost the token: somebody who joins or leaves makes them form
// anew at once, and the last token that the one cut off accepts may have been under way for as long
// as one is waited for.
struct RecordSettings {
    ProcessorId self;
    Duration freeze_after = 500ms;
    Duration notice_period = 3s;
    // Whether DirectMessages are carried; else every record is handed over in the order.
    bool direct = false;
    // What a DirectMessage can hold; a record that does not fit moves in the order.
    std::size_t direct_bytes_max = 1200;
};

struct RecordStatus {
    ProcessorId owner;
    Grant grant = 0;
    bool lost = false; // its owner departed; the newest copy is, or will be, looked for
    std::vector<ProcessorId> waiting; // first come, first served
};

struct RecordsStatus {
    std::size_t records = 0;
    std::size_t lost = 0;               // of them; not all of them are being looked for yet
    std::vector<ProcessorId> unnoticed; // departed silently; may not have frozen yet
    bool frozen = true;                 // our own databases
    Grant newest = 0;                   // no record has a higher one
};

class Records final : public StateMachine {
public:
    explicit Records(RecordSettings settings);
    ~Records() override;

    // -- local requests, any time
    // Local clients want a record whose header does not say that it is ours. One call is enough for
    // all of them, more do no harm. Ends with TakeOver or Ready.
    void want(const RecordName& record, Outbox& out);
    // Nobody here waits for it any more: it will be passed on at once when it comes.
    void unwant(const RecordName& record);
    // Reads without migration, at an ordered point; ends with ReadAnswer(ticket).
    void read(const RecordName& record, std::uint64_t ticket, Outbox& out);
    // The same, and if the record's owner delegates it our clients may read it here from then on:
    // ends with KeepCopy or ReadAnswer.
    void read_and_keep(const RecordName& record, std::uint64_t ticket, Outbox& out);
    // These may be empty: remove those that are ours and that nobody wants, everywhere.
    void vacuum(std::span<const RecordName> candidates, Outbox& out);
    // Forgets all records of a database, everywhere (wipe, detach): Wipe(db) on every member.
    void drop(DatabaseId db, Outbox& out);

    // Somebody waits until nothing is lost: what nobody asks for is looked for without pauses.
    void find_lost(Outbox& out);

    // The ring may take longer to notice its loss than it did: RecordSettings::notice_period.
    void allow_for(Duration notice_period);

    // We are about to leave: clients are kept out from now on, for good, and what is ours is given
    // to the other members, record by record.
    void retreat(Outbox& out);
    // Nothing is ours any more, or there is nobody to give it to. It may still be ours to wait for.
    [[nodiscard]] bool retreated() const;

    // -- answers of the world to effects
    void turn_over(const RecordName& record, Outbox& out);
    void handed_off(const RecordName& record, Grant grant, std::optional<Bytes> data, Outbox& out);
    void retired(const RecordName& record, Grant grant, bool was_empty, Outbox& out);

    struct Parted {
        RecordName record;
        Grant grant = 0;
        std::optional<Bytes> data; // behind the header; none: the file has not got it, or not ours
    };

    void parted(std::vector<Parted> records, Outbox& out);
    void read_local(const ReadLocal& request, std::optional<Bytes> data, Outbox& out);
    void shared(const Share& request, std::optional<Bytes> data, bool delegable, Outbox& out);
    void copy_dropped(const RecordName& record, Grant grant, Outbox& out);

    struct Copy {
        RecordName record;
        std::optional<Grant> rsn; // none: we have no copy
    };

    void copies(std::span<const Copy> held, Outbox& out);
    void reconciled(std::span<const RecordName> missing, Outbox& out);

    [[nodiscard]] std::vector<RecordEffect> take_effects();

    // -- outside of the order
    // A DirectMessage's content. True: it brought a record that was asked for.
    bool arrived(ProcessorId from, const Bytes& message, Outbox& out);
    [[nodiscard]] std::vector<DirectMessage> take_messages();

    // -- what is known
    // Who has it and who waits; none: there is no such record anywhere.
    [[nodiscard]] std::optional<RecordStatus> find(const RecordName& record) const;
    [[nodiscard]] RecordsStatus status() const;

    // -- StateMachine
    [[nodiscard]] ServiceId id() const override { return ServiceId::records; }

    void apply(const Command& command, Outbox& out) override;
    void configured(const View& view, Outbox& out) override;
    [[nodiscard]] Bytes save(const Summary& joiner) const override;
    [[nodiscard]] bool load(const Bytes& state, Outbox& out) override;
    void begin_epoch(std::span<const Summary> summaries, Outbox& out) override;

    [[nodiscard]] std::uint64_t digest() const override;

    void refused(const Bytes& payload, Outbox& out) override;
    void interrupted(Outbox& out) override;
    void tick(Outbox& out) override;
    [[nodiscard]] std::optional<Instant> deadline() const override;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace statedb
