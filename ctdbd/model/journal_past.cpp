#include "ctdbd/model/journal_past.h"

#include <utility>

namespace ctdbd::journal {

bool Past::absorb(Frame&& frame) {
    if (closed_) return false;
    return std::visit([this](auto&& content) { return on(std::move(content)); }, std::move(frame));
}

bool Past::on(Opening&& opening) {
    boot_ = std::move(opening.boot);
    return true;
}

bool Past::on(Changes&& changes) {
    for (const Change& change : changes) {
        Known& known = databases_[change.database];
        known.before = known.digest;
    }
    for (Change& change : changes)
        if (!make(std::move(change))) return false;
    return true;
}

bool Past::on(Closing&& closing) {
    closed_ = true;
    for (const AtRest& rest : closing.databases) {
        const ContentDigest digest(rest.digest);
        databases_[rest.database] = {rest.version, std::nullopt, digest, digest, std::nullopt};
    }
    return true;
}

bool Past::make(Change&& change) {
    Known& known = databases_[change.database];
    if (change.whole) {
        known.content.emplace();
        known.digest = {};
    }
    if (!known.content) return false; // it was never said what is changed here
    known.version = change.version;
    if (change.file) known.file = change.file;
    for (statedb::Write& write : change.writes) {
        known.digest.add(write.key, write.value.span());
        const auto [at, is_new] = known.content->try_emplace(std::move(write.key));
        if (!is_new) known.digest.remove(at->first, at->second.span());
        at->second = std::move(write.value);
    }
    return true;
}

} // namespace ctdbd::journal
