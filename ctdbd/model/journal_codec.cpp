// The only file that knows journal.proto.
#include "ctdbd/model/journal_codec.h"

#include "ctdbd/journal.pb.h"

#include <utility>

namespace ctdbd::journal {

namespace {

using base::Bytes;

void write(const Opening& opening, journal_file::Frame& out) {
    out.mutable_opening()->set_boot(opening.boot);
}

void write(const Changes& changes, journal_file::Frame& out) {
    out.mutable_changes(); // even if there are none
    for (const Change& change : changes) {
        journal_file::Change& added = *out.mutable_changes()->add_changes();
        added.set_database(change.database);
        added.set_epoch(change.version.epoch);
        added.set_index(change.version.index);
        added.set_whole(change.whole);
        for (const statedb::Write& write : change.writes) {
            journal_file::Write& one = *added.add_writes();
            one.set_key(write.key);
            one.set_value(write.value.data(), write.value.size());
        }
        if (!change.file) continue;
        added.mutable_file()->set_inode(change.file->inode);
        added.mutable_file()->set_born_seconds(change.file->born_seconds);
        added.mutable_file()->set_born_nanoseconds(change.file->born_nanoseconds);
    }
}

void write(const Closing& closing, journal_file::Frame& out) {
    out.mutable_closing();
    for (const AtRest& rest : closing.databases) {
        journal_file::AtRest& added = *out.mutable_closing()->add_databases();
        added.set_database(rest.database);
        added.set_epoch(rest.version.epoch);
        added.set_index(rest.version.index);
        added.set_digest(rest.digest);
    }
}

Changes changes_of(const journal_file::Changes& in) {
    Changes changes;
    for (const journal_file::Change& one : in.changes()) {
        Change change{.database = one.database(),
                      .version = {one.epoch(), one.index()},
                      .writes = {},
                      .whole = one.whole(),
                      .file = std::nullopt};
        for (const journal_file::Write& write : one.writes())
            change.writes.push_back({write.key(), Bytes::copy_of(std::string_view(write.value()))});
        if (one.has_file())
            change.file = {one.file().inode(), one.file().born_seconds(),
                           one.file().born_nanoseconds()};
        changes.push_back(std::move(change));
    }
    return changes;
}

} // namespace

std::string encode_content(const Frame& frame) {
    journal_file::Frame message;
    std::visit([&](const auto& content) { write(content, message); }, frame);
    return message.SerializeAsString();
}

std::optional<Frame> decode_content(ByteSpan bytes) {
    journal_file::Frame in;
    if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
    if (in.has_opening()) return Opening{in.opening().boot()};
    if (in.has_changes()) return changes_of(in.changes());
    if (!in.has_closing()) return std::nullopt;
    Closing closing;
    for (const journal_file::AtRest& rest : in.closing().databases())
        closing.databases.push_back({rest.database(), {rest.epoch(), rest.index()}, rest.digest()});
    return closing;
}

} // namespace ctdbd::journal
