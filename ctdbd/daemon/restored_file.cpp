#include "ctdbd/daemon/restored_file.h"

#include "net/file.h"
#include "net/logs.h"

#include <fmt/format.h>

#include <sys/stat.h>

namespace ctdbd::daemon {

namespace fs = std::filesystem;

namespace {

// We change a file at once after the journal; the kernel's clock of files is a little behind ours.
constexpr std::time_t our_last_change_max = 60;

std::time_t changed_at(const fs::path& path) {
    struct stat status {};

    return stat(path.c_str(), &status) == 0 ? status.st_mtime : 0;
}

fs::path beside(fs::path path, const char* what) { return path += what; }

void fill(TdbFile& file, const statedb::Content& content) {
    file.begin_transaction();
    file.wipe();
    for (const auto& [key, value] : content)
        file.store(span_of(key), value.span());
    file.commit_transaction();
}

// At every moment there is a file of that name: if it were gone, so would the database be.
void rebuild(const TdbOptions& options, const journal::Known& known) {
    const fs::path made = beside(options.path, ".rebuilt");
    const fs::path aside = beside(options.path, ".set-aside");
    fs::remove(made);
    {
        TdbOptions anew = options;
        anew.path = made;
        TdbFile file(anew);
        file.stop_syncing();
        fill(file, *known.content);
        file.sync();
    }
    fs::remove(aside);
    fs::create_hard_link(options.path, aside);
    fs::rename(made, options.path);
    net::sync_directory(options.path.parent_path());
    logs::databases().warn(
        "the machine stopped while {} was in use: it is written anew from the journal, "
        "with version {}.{}; what was there is kept as {}",
        options.path.string(), known.version.epoch, known.version.index, aside.string());
}

} // namespace

void rebuild_if_torn(const TdbOptions& options,
                     const journal::Known& known,
                     std::time_t last_written) {
    if (!known.content || !fs::exists(options.path)) return;
    if (known.file != identity_of(options.path))
        logs::databases().warn(
            "{} is another file than the one that was in use when the machine stopped",
            options.path.string());
    else if (changed_at(options.path) > last_written + our_last_change_max)
        logs::databases().warn("{} was changed after the machine had stopped",
                               options.path.string());
    else
        rebuild(options, known);
}

statedb::Content restore(Projection& projection, const journal::Known* known) {
    TdbFile& file = projection.file;
    if (!file.intact())
        throw DamagedFile(fmt::format("{} is damaged: restore it from a backup, or move it away to "
                                      "get it from the other nodes",
                                      file.path().string()));
    statedb::Content content;
    ContentDigest digest;
    file.scan([&](ByteSpan key, ByteSpan value) {
        if (!is_record(value)) return;
        digest.add(view_of(key), value);
        content.emplace(view_of(key), Bytes::copy_of(value));
    });
    if (known != nullptr && digest == known->digest) {
        projection.version = known->version;
    } else if (known != nullptr && known->content && digest == known->before &&
               known->file == identity_of(file.path())) {
        fill(file, *known->content);
        projection.version = known->version;
        content = *known->content;
        logs::databases().info("{} is brought up to the last commit", file.path().string());
    } else if (!content.empty()) {
        logs::databases().warn(
            "{} was written by another program than this one: it counts as older than "
            "what any other node has",
            file.path().string());
    }
    return content;
}

} // namespace ctdbd::daemon
