// One machine's persistent databases: the files that local clients read, whole on the disk (the
// machine's stable storage, which survives its processes), and the service's changes on their way
// to it. Changes that queue up while the disk is busy share one transaction: after a crash it is
// there or not. A transaction may take its time before anything of it goes to the disk, while other
// files are written.
#pragma once

#include "sim/records/agenda.h"
#include "sim/records/database_judge.h"

namespace sim::records {

class CommittedFiles {
public:
    using Durable = std::function<void(DatabaseId, Version)>;

    CommittedFiles(Surroundings& around,
                   Agenda& agenda,
                   DatabaseJudge& judge,
                   Duration transaction_takes,
                   Durable durable)
        : around_(around), agenda_(agenda), judge_(judge), transaction_takes_(transaction_takes),
          durable_(std::move(durable)) {}

    struct Kept {
        DatabaseId id = 0;
        std::string name;
        Version version;
        Content content;
    };

    // What an earlier life has left on the disk.
    [[nodiscard]] std::vector<Kept> read(const Stored& stored);

    void open(DatabaseId db, const std::string& name);
    void perform(const statedb::Apply& apply);
    void perform(const statedb::Replace& replace);
    void perform(const statedb::Confirm& confirm);
    // True if the ticket was ours.
    [[nodiscard]] bool persisted(Ticket ticket);

    // As local clients see it; null: not open.
    [[nodiscard]] const Content* find(DatabaseId db) const;

private:
    struct File {
        std::string name;
        Content decided; // all changes that the service made
        Content visible; // those that are on the disk
    };

    struct Change {
        DatabaseId db = 0;
        Version version;
        Content content; // after it
        bool is_new = false;
    };

    void change(DatabaseId db, Version version, Content content, bool is_new);
    void write_what_waits();
    void write();

    Surroundings& around_;
    Agenda& agenda_;
    DatabaseJudge& judge_;
    Duration transaction_takes_;
    Durable durable_;
    std::map<DatabaseId, File> files_;
    std::vector<Change> waiting_, under_way_;
    std::vector<sim::Write> writes_; // of those that wait
    bool begun_ = false;             // the transaction that will take what waits
    std::optional<Ticket> ticket_;   // of what is under way
};

} // namespace sim::records
