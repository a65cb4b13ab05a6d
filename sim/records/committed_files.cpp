#include "sim/records/committed_files.h"

#include <fmt/format.h>

#include <cstring>

namespace sim::records {

namespace {

// "kept/6cf2837d" is a file's label, "kept/6cf2837d/KEY" one of its records.
constexpr std::string_view prefix = "kept/";

std::string label_name(DatabaseId db) { return fmt::format("{}{:08x}", prefix, db); }

std::string record_name(DatabaseId db, const std::string& key) {
    return label_name(db) + "/" + key;
}

Bytes label(const Version& version, const std::string& name) {
    std::string text(sizeof version, '\0');
    std::memcpy(text.data(), &version, sizeof version);
    return Bytes::copy_of(text + name);
}

} // namespace

std::vector<CommittedFiles::Kept> CommittedFiles::read(const Stored& stored) {
    std::map<DatabaseId, Kept> kept;
    for (const auto& [name, value] : stored) {
        if (!name.starts_with(prefix)) continue;
        const std::string rest = name.substr(prefix.size());
        const auto db = static_cast<DatabaseId>(std::stoul(rest.substr(0, 8), nullptr, 16));
        Kept& file = kept[db];
        file.id = db;
        if (rest.size() > 8) {
            file.content[rest.substr(9)] = value;
        } else {
            std::memcpy(&file.version, value.data(), sizeof file.version);
            file.name = value.view().substr(sizeof file.version);
        }
    }
    std::vector<Kept> list;
    for (auto& [db, file] : kept) {
        files_[db] = {file.name, file.content, file.content};
        judge_.on_disk(around_.self().node, db, name_of(file.content));
        list.push_back(std::move(file));
    }
    return list;
}

void CommittedFiles::open(DatabaseId db, const std::string& name) { files_[db].name = name; }

const Content* CommittedFiles::find(DatabaseId db) const {
    const auto file = files_.find(db);
    return file != files_.end() ? &file->second.visible : nullptr;
}

void CommittedFiles::perform(const statedb::Apply& apply) {
    File& file = files_.at(apply.id);
    Content content = file.decided;
    for (const statedb::Write& write : apply.writes)
        content.insert_or_assign(write.key, write.value);
    judge_.decided(around_, apply.id, file.decided, content, apply.writes);
    change(apply.id, apply.version, std::move(content), true);
}

void CommittedFiles::perform(const statedb::Replace& replace) {
    judge_.decided(around_, replace.id, files_.at(replace.id).decided, replace.content, {});
    change(replace.id, replace.version, replace.content, true);
}

void CommittedFiles::perform(const statedb::Confirm& confirm) {
    change(confirm.id, confirm.version, files_.at(confirm.id).decided, false);
}

void CommittedFiles::change(DatabaseId db, Version version, Content content, bool is_new) {
    File& file = files_.at(db);
    writes_.push_back({label_name(db), label(version, file.name)});
    for (const auto& [key, value] : content)
        if (const auto old = file.decided.find(key);
            old == file.decided.end() || !(old->second == value))
            writes_.push_back({record_name(db, key), value});
    for (const auto& [key, value] : file.decided)
        if (!content.contains(key)) writes_.push_back({record_name(db, key), std::nullopt});
    file.decided = content;
    waiting_.push_back({db, version, std::move(content), is_new});
    write_what_waits();
}

void CommittedFiles::write_what_waits() {
    if (ticket_ || begun_ || waiting_.empty()) return;
    if (transaction_takes_ == Duration{}) return write();
    begun_ = true;
    agenda_.after(transaction_takes_, [this] { write(); });
}

void CommittedFiles::write() {
    begun_ = false;
    under_way_ = std::exchange(waiting_, {});
    ticket_ = around_.persist(std::exchange(writes_, {}));
}

bool CommittedFiles::persisted(Ticket ticket) {
    if (ticket != ticket_) return false;
    ticket_.reset();
    for (Change& change : std::exchange(under_way_, {})) {
        File& file = files_.at(change.db);
        file.visible = std::move(change.content);
        const ContentName name = name_of(file.visible);
        judge_.on_disk(around_.self().node, change.db, name);
        if (change.is_new)
            around_.emit(
                trace::Applied{file.name, name.sequence, fmt::format("{:016x}", name.digest)});
        durable_(change.db, change.version);
    }
    write_what_waits();
    return true;
}

} // namespace sim::records
