#include "ctdbd/daemon/journal_renewal.h"

#include <algorithm>
#include <utility>

namespace ctdbd::daemon {

namespace {

constexpr std::size_t piece_size = std::size_t{1} << 20;

} // namespace

JournalRenewal::JournalRenewal(const std::filesystem::path& place,
                               const std::string& boot,
                               const Files& files)
    : files_(files), file_(std::make_unique<JournalFile>(place, boot)) {}

bool JournalRenewal::copy_some() {
    journal::Changes pieces;
    for (std::size_t size = 0; size < piece_size;) {
        const bool begins = keys_.empty();
        if (begins && begun_ == files_.size()) break;
        if (begins) {
            TdbFile& file = files_[begun_++]->file;
            file.scan([&](ByteSpan key, ByteSpan) { keys_.emplace_back(view_of(key)); });
        }
        const Projection& projection = *files_[begun_ - 1];
        journal::Change& piece = pieces.emplace_back();
        piece.database = projection.id;
        piece.version = projection.version;
        piece.whole = begins;
        if (begins) piece.file = identity_of(projection.file.path());
        size += copy_into(piece, piece_size - size);
    }
    if (pieces.empty()) return false;
    file_->append(pieces);
    file_->sync(); // here and now, so that there is little left to wait for at the end
    return true;
}

std::size_t JournalRenewal::copy_into(journal::Change& piece, std::size_t size_max) {
    std::size_t size = 0;
    for (; !keys_.empty() && size < size_max; keys_.pop_back()) {
        const auto value = files_[begun_ - 1]->file.fetch(span_of(keys_.back()));
        if (!value || !is_record(value->span())) continue;
        size += keys_.back().size() + value->size();
        piece.writes.push_back({std::move(keys_.back()), *value});
    }
    return size;
}

bool JournalRenewal::has_begun_with(statedb::DatabaseId id) const {
    return std::any_of(files_.begin(), files_.begin() + static_cast<std::ptrdiff_t>(begun_),
                       [&](const auto& file) { return file->id == id; });
}

void JournalRenewal::commit(const journal::Changes& changes) {
    journal::Changes ours;
    std::copy_if(changes.begin(), changes.end(), std::back_inserter(ours),
                 [&](const journal::Change& change) { return has_begun_with(change.database); });
    if (!ours.empty()) file_->append(ours);
}

std::unique_ptr<JournalFile> JournalRenewal::finish() {
    file_->take_place();
    return std::move(file_);
}

} // namespace ctdbd::daemon
