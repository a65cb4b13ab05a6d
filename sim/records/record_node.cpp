#include "sim/records/record_node.h"

#include "statedb/locks_codec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace sim::records {

namespace {

constexpr std::string_view history_name = "history";
// Then the ring is left with our vote in it.
constexpr Duration resigning_max = 400ms;

History stored_history(const Stored& stored) {
    const auto at = stored.find(std::string(history_name));
    return at != stored.end() ? decode_history(at->second.span()).value() : History{};
}

} // namespace

RecordNode::RecordNode(Surroundings& around,
                       Judges& judges,
                       std::set<const RecordNode*>& alive,
                       const RecordPlan& plan)
    : around_(around), judges_(judges), alive_(alive), plan_(plan), locks_(around.self()),
      databases_(around.self(), plan.direct), records_({.self = around.self(),
                                                        .freeze_after = plan.freeze_after,
                                                        .notice_period = plan.notice_period,
                                                        .direct = plan.direct,
                                                        .direct_bytes_max = plan.direct_bytes_max}),
      messages_(around.self()), services_{&locks_, &databases_, &records_, &messages_},
      agenda_(around, agenda_timer),
      machine_(around,
               agenda_,
               judges.records,
               [this](const auto& ask) { request([&](Outbox& out) { ask(records_, out); }); }),
      committed_(around,
                 agenda_,
                 judges.databases,
                 plan.transaction_takes,
                 [this](DatabaseId db, Version version) {
                     request([&](Outbox& out) { databases_.durable(db, version, out); });
                 }),
      clients_(around, agenda_, *this, judges, plan) {
    alive_.insert(this);
}

RecordNode::~RecordNode() {
    alive_.erase(this);
    judges_.records.life_ended(around_.self().node);
    judges_.databases.life_ended(around_.self().node);
    judges_.census.life_ended(around_.self().node);
}

void RecordNode::start(const Stored& stored) {
    const History history = stored_history(stored);
    host_.emplace(HostSettings{.self = around_.self(),
                               .nodes = around_.nodes(),
                               .digest_interval = plan_.digest_interval},
                  history, services_);
    around_.set_hint(hint_of(history));
    for (CommittedFiles::Kept& kept : committed_.read(stored))
        databases_.loaded(kept.id, kept.name, DatabaseKind::is_persistent, kept.version,
                          std::move(kept.content));
    request([&](Outbox& out) {
        for (const DatabaseSpec& spec : database_specs())
            databases_.attach(spec.id, spec.name, spec.kind, spec.id, out);
    });
    clients_.begin();
}

// -- from the ring

bool RecordNode::primary(const Configuration& configuration) const {
    std::vector<NodeId> members;
    std::vector<History> histories;
    for (std::size_t i = 0; i < configuration.members.size(); ++i) {
        members.push_back(configuration.members[i].node);
        histories.push_back(decode_history(configuration.hints[i].span()).value_or(History{}));
    }
    return judge(QuorumRule::dynamic, {&around_.nodes(), 1}, members, histories).eligible;
}

void RecordNode::on_configuration(const Configuration& configuration) {
    host_->configured(around_.now(), configuration);
    settle();
}

void RecordNode::on_delivered(const Delivery& message) {
    ++unconsumed_;
    if (!stopped_) around_.consumed(std::exchange(unconsumed_, 0));
    host_->deliver(around_.now(), message);
    settle();
    watch_queues();
}

void RecordNode::on_interrupted(membership::JoinReason) {
    host_->interrupted(around_.now());
    settle();
}

void RecordNode::on_direct(ProcessorId from, const Bytes& content) {
    request([&](Outbox& out) {
        databases_.arrived(from, content);
        records_.arrived(from, content, out);
    });
}

void RecordNode::on_room() {
    no_room_ = false;
    settle();
}

void RecordNode::on_leave_noticed(ProcessorId who) { host_->noticed_leave(who); }

void RecordNode::stop_consuming(bool stop) {
    stopped_ = stop;
    if (!stop && unconsumed_ > 0) around_.consumed(std::exchange(unconsumed_, 0));
}

// -- time and disk

// The host's timer has the lower number: what is due for it comes before what clients do, as it
// must when the machine has stood still.
void RecordNode::on_timer(TimerId timer) {
    if (timer == host_timer) {
        host_->tick(around_.now());
        settle();
        judges_.records.runs_again(around_);
    } else {
        judges_.records.runs_again(around_);
        agenda_.keep();
        settle();
    }
}

void RecordNode::on_persisted(Ticket ticket) {
    if (const auto history = histories_.extract(ticket)) {
        around_.set_hint(history.mapped());
        host_->history_stored(around_.now());
    } else {
        check(committed_.persisted(ticket), "a ticket belongs to somebody");
    }
    settle();
}

void RecordNode::on_pause() {
    clients_.finish_holds();
    judges_.records.stands_still(around_.self().node);
}

// The ring may only be told a history that is on the disk.
void RecordNode::store_history() {
    while (const auto history = host_->history_to_store()) {
        const Ticket ticket = around_.persist({{std::string(history_name), encode(*history)}});
        histories_[ticket] = hint_of(*history);
    }
}

// -- until nothing is left to do

void RecordNode::settle() {
    if (std::exchange(settling_, true)) return;
    while (perform_effects()) {
    }
    settling_ = false;
    for (const DirectMessage& message : databases_.take_messages())
        around_.send_direct(message.to.node, message.content);
    for (const DirectMessage& message : records_.take_messages())
        around_.send_direct(message.to.node, message.content);
    store_history();
    submit_what_waits();
    go_on_leaving();
    report();
    if (const auto status = host_->status(); status.phase == HostPhase::active)
        components_ = {status.members};
    if (const auto deadline = host_->deadline()) around_.set_timer(host_timer, *deadline);
    while (const auto alarm = host_->take_alarm()) {
        if (!judges_.census.any_damaged()) around_.violated("equal replicas", *alarm);
        around_.narrate(*alarm);
    }
}

// The databases first: a record may be in one that was attached by the same delivery.
bool RecordNode::perform_effects() {
    bool any = false;
    const auto perform_all = [&](auto effects, auto&& how) {
        any = any || !effects.empty();
        for (auto& effect : effects)
            how(std::move(effect));
    };
    std::vector<RecordEffect> of_records = records_.take_effects();
    note_epoch(of_records);
    perform_all(databases_.take_effects(), [this](auto&& effect) { perform(std::move(effect)); });
    perform_all(std::move(of_records),
                [this](auto&& effect) { machine_.perform(std::move(effect)); });
    perform_all(locks_.take_effects(), [this](auto&& effect) { perform(effect); });
    perform_all(messages_.take_effects(), [this](auto&& effect) { perform(effect); });
    return any;
}

void RecordNode::submit_what_waits() {
    while (!no_room_) {
        const Host::Pending* const pending = host_->next_submission();
        if (pending == nullptr) break;
        if (around_.submit(pending->payload, pending->guarantee).counter)
            host_->pop_submission();
        else
            no_room_ = true;
    }
}

void RecordNode::report() {
    const HostStatus status = host_->status();
    judges_.census.seen(around_, status, [this] {
        return ReplicaDigests{locks_.digest(), databases_.digest(), records_.digest()};
    });
    const bool may_act = status.phase != HostPhase::waiting && status.phase != HostPhase::no_quorum;
    if (may_act && std::exchange(tried_, status.ring) != status.ring) {
        judges_.records.component_tried(status.ring, status.members);
        components_.push_back(status.members);
    }
    if (status.phase == HostPhase::syncing) judges_.records.loads_state(around_.self().node);
    if (status.phase == HostPhase::active && std::exchange(entered_, status.ring) != status.ring) {
        around_.formed();
        judges_.records.component_entered(around_.self().node, status.ring);
        judges_.databases.takes_part(around_.self().node, status.ring, true, false);
    }
}

void RecordNode::note_epoch(const std::vector<RecordEffect>& effects) {
    const bool begins = std::ranges::any_of(effects, [](const RecordEffect& effect) {
        const auto* const wipe = std::get_if<Wipe>(&effect);
        return wipe != nullptr && !wipe->db;
    });
    const HostStatus status = host_->status();
    judges_.databases.takes_part(around_.self().node, status.ring,
                                 status.phase == HostPhase::active, begins);
    if (begins) judges_.records.epoch_began();
}

void RecordNode::watch_queues() {
    const HostStatus status = host_->status();
    std::map<RecordName, QueueWatch::Queue> queues;
    if (status.phase == HostPhase::active)
        machine_.each_wanted([&](const RecordName& record) {
            if (auto known = records_.find(record)) queues[record] = std::move(known->waiting);
        });
    queue_watch_.look(around_, status.ring, queues);
}

// -- leaving

// Our records go to others as soon as we have said goodbye: no client may be at them by then.
bool RecordNode::leaves_at_once() {
    leaving_ = true;
    clients_.wind_down();
    machine_.shut_for_good();
    records_.retreat(host_->outbox(around_.now()));
    agenda_.after(resigning_max, [this] {
        if (!std::exchange(left_, true)) {
            machine_.shut_for_good();
            clients_.finish_holds();
            around_.leave();
        }
    });
    settle();
    return false;
}

void RecordNode::go_on_leaving() {
    if (!leaving_ || left_) return;
    if (records_.retreated()) host_->resign(around_.now());
    if (!host_->resigned()) return;
    if (machine_.occupied()) return; // they come out of their chains in a moment
    left_ = true;
    around_.leave();
}

// -- what the services decided

void RecordNode::perform(DatabaseEffect effect) {
    const auto answer = [this](std::uint64_t ticket, const CommitResult& result) {
        if (const auto commit = commits_.extract(ticket))
            agenda_.soon([answer = commit.mapped(), result] { answer(result); });
    };
    std::visit(
        Match{[&](const Open& open) {
                  if (open.kind == DatabaseKind::is_volatile)
                      open_volatile(open.id);
                  else
                      committed_.open(open.id, open.name);
              },
              [&](const Close& close) { machine_.close(close.id); },
              [&](const statedb::Apply& apply) { committed_.perform(apply); },
              [&](const Replace& replace) { committed_.perform(replace); },
              [&](const Confirm& confirm) { committed_.perform(confirm); }, [&](const Attached&) {},
              [&](const AttachRefused& refused) {
                  around_.violated("answers", "a database cannot be attached: " + refused.why);
              },
              [&](const Detached&) {}, [&](const DetachRefused&) {},
              [&](const Committed& done) {
                  Components components = components_;
                  components.push_back(host_->status().members);
                  answer(done.ticket,
                         {.committed = true, .unsure = false, .components = std::move(components)});
              },
              [&](const CommitRefused& refused) {
                  answer(refused.ticket,
                         {.committed = false, .unsure = refused.unsure, .components = {}});
              }},
        effect);
}

void RecordNode::open_volatile(DatabaseId db) {
    machine_.open(db);
    if (plan_.delegate && is_delegated(db)) machine_.delegate(db);
}

void RecordNode::perform(const LockEffect& effect) {
    std::visit(
        Match{[&](const LockGranted& granted) {
                  if (const auto news = lock_news_.find(granted.ticket); news != lock_news_.end())
                      news->second.granted(granted.ticket);
              },
              [&](const LockLost& lost) {
                  if (const auto news = lock_news_.find(lost.ticket); news != lock_news_.end())
                      news->second.lost(lost.ticket);
              }},
        effect);
}

void RecordNode::perform(const MessageEffect& effect) {
    const auto answer = [this](std::uint64_t ticket, std::optional<std::string> content) {
        if (const auto question = questions_.extract(ticket))
            agenda_.soon([answer = question.mapped(), content] { answer(content); });
    };
    std::visit(Match{[&](const MessageArrived& arrived) {
                         if (arrived.ticket != 0) {
                             messages_.answer(
                                 arrived.from, arrived.ticket,
                                 Bytes::copy_of("hello " + std::string(arrived.content.view())),
                                 host_->outbox(around_.now()));
                             return;
                         }
                         const std::uint64_t number = counter_of(arrived.content.view());
                         std::uint64_t& last = heard_[arrived.from];
                         if (number <= last)
                             around_.violated("answers",
                                              fmt::format("message {} of node {} after its {}",
                                                          number, arrived.from.node, last));
                         last = number;
                     },
                     [&](const AnswerArrived& arrived) {
                         answer(arrived.ticket, std::string(arrived.content.view()));
                     },
                     [&](const NodeGone& gone) { answer(gone.ticket, std::nullopt); }},
               effect);
}

// -- what clients ask for

std::uint64_t RecordNode::claim_lock(const std::string& name, LockNews news) {
    std::uint64_t ticket = 0;
    request([&](Outbox& out) { ticket = locks_.claim(name, out); });
    lock_news_[ticket] = std::move(news);
    return ticket;
}

void RecordNode::release_lock(std::uint64_t ticket) {
    lock_news_.erase(ticket);
    request([&](Outbox& out) { locks_.release(ticket, out); });
}

void RecordNode::commit(DatabaseId db, std::vector<statedb::Write> writes, CommitAnswer answer) {
    commits_[++last_commit_] = std::move(answer);
    request([&](Outbox& out) { databases_.commit(db, std::move(writes), last_commit_, out); });
}

void RecordNode::ask(NodeId node,
                     std::string question,
                     std::function<void(std::optional<std::string>)> answer) {
    broadcast();
    std::uint64_t ticket = 0;
    request([&](Outbox& out) {
        ticket = messages_.ask(node, 1, Bytes::copy_of(question), out);
        questions_[ticket] = std::move(answer);
    });
}

void RecordNode::broadcast() {
    request([&](Outbox& out) {
        messages_.send({}, 2, Bytes::copy_of(std::to_string(++spoken_)), out);
    });
}

void RecordNode::say(std::uint32_t count, std::size_t, Service) {
    while (count-- > 0)
        broadcast();
}

std::string RecordNode::whereabouts(const RecordName& record) const {
    const auto status = records_.find(record);
    if (!status) return ", which nobody has";
    std::vector<NodeId> waiting;
    for (const ProcessorId& who : status->waiting)
        waiting.push_back(who.node);
    return fmt::format(", which is {} node {}'s; {} wait for it",
                       status->lost ? "lost and was" : "", status->owner.node, waiting);
}

// -- the end

// One replica believes in a claim that nobody has made.
void RecordNode::diverge() {
    const HostStatus status = host_->status();
    if (status.phase != HostPhase::active) return;
    judges_.census.damaged(around_.self().node);
    request([&](Outbox& out) {
        locks_.apply({.sender = status.members.front(),
                      .index = status.applied,
                      .payload = encode(LockCommand{"a lock that nobody knows", 0, false})},
                     out);
    });
}

void RecordNode::wind_down() { clients_.wind_down(); }

// Where a node is missing there may be reasons to wait for it: for a quorum, for the notice of
// records that it had, for the newest content of a database.
std::optional<std::string> RecordNode::unfinished() const {
    const HostStatus status = host_->status();
    const bool all_here = status.members.size() == around_.nodes().size();
    if (status.phase != HostPhase::active)
        return all_here ? std::optional("no primary component formed: " + status.quorum)
                        : std::nullopt;
    const bool content_awaited =
        std::ranges::any_of(databases_.databases(), [](const auto& one) { return !one.settled; });
    if (content_awaited && !all_here) return std::nullopt;
    return clients_.waiting();
}

std::optional<std::string> RecordNode::objection() const {
    if (host_->status().phase != HostPhase::active) return std::nullopt;
    for (const DatabaseStatus& database : databases_.databases()) {
        if (database.kind == DatabaseKind::is_volatile || !database.settled) continue;
        if (auto sentence =
                judges_.databases.objection(database.id, *databases_.content(database.id)))
            return sentence;
        const Content* const file = committed_.find(database.id);
        if (file == nullptr ||
            records::name_of(*file) != records::name_of(*databases_.content(database.id)))
            return fmt::format("the file of {} is not what was decided", database.name);
    }
    return std::nullopt;
}

} // namespace sim::records
