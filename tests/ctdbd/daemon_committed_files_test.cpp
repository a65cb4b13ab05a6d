// What is left of commits when a daemon, or its whole machine, dies at any moment.
#include "ctdbd/daemon/journal_file.h"
#include "tests/ctdbd/daemon_committed_life.h"

#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <future>
#include <random>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ctdbd::daemon;
using statedb::Content;
using statedb::Version;
using statedb::Write;

namespace fs = std::filesystem;

namespace {

// Does it in a process that then ends without a farewell.
template <class What>
void in_a_life_that_breaks_off(const TestDirectory& directory,
                               What what,
                               std::size_t journal_size_min = std::size_t{1} << 20) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        try {
            what(*new Life(directory, DatabaseKind::is_persistent, "this boot", journal_size_min));
        } catch (...) {
            _exit(1);
        }
        _exit(0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

std::string text_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

// The same file on the disk, with this in it.
void overwrite(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

Content shown_by(const fs::path& path) {
    Content content;
    TdbFile({.path = path, .kind = DatabaseKind::is_persistent})
        .scan([&](ByteSpan key, ByteSpan found) {
            content.emplace(view_of(key), Bytes::copy_of(found));
        });
    return content;
}

// The version that the next life finds, and the content, which clients see as well.
struct Found {
    Version version;
    Content content;

    Found(const TestDirectory& directory, const std::string& boot) {
        {
            Life life(directory, DatabaseKind::is_persistent, boot);
            version = life.file.version();
            content = life.file.take_content();
        }
        CHECK(shown_by(directory.path() / "p.tdb.0") == content);
    }
};

// The n-th commit of a load: a counter, and records that it goes round.
std::vector<Write> writes_of(std::uint64_t n) {
    return {{"count", value(std::to_string(n))},
            {"record " + std::to_string(n % 5), value(std::string(n % 700, 'r'))}};
}

Content after(std::uint64_t commits) {
    Content content;
    for (std::uint64_t n = 1; n <= commits; ++n)
        for (Write& write : writes_of(n))
            content[write.key] = write.value;
    return content;
}

// Commits until it is killed, `at_once` on their way; says what is durable, a byte each.
[[noreturn]] void commit_for_ever(const TestDirectory& directory, int out, std::size_t at_once) {
    Life life(directory, DatabaseKind::is_persistent, "this boot", 8192);
    std::size_t told = 0;
    for (std::uint64_t n = 1;; ++n) {
        life.file.apply({1, n}, writes_of(n));
        life.settle(n > at_once ? n - at_once : 0);
        for (; told < life.durable.size(); ++told)
            if (write(out, "d", 1) != 1) _exit(1);
    }
}

// How many commits were told to be durable before the process was killed.
std::uint64_t
kill_after(const TestDirectory& directory, std::uint64_t commits, std::size_t at_once) {
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) commit_for_ever(directory, pipe_ends[1], at_once);
    close(pipe_ends[1]);
    std::uint64_t told = 0;
    char byte = 0;
    while (told < commits && read(pipe_ends[0], &byte, 1) == 1)
        ++told;
    kill(child, SIGKILL);
    while (read(pipe_ends[0], &byte, 1) == 1)
        ++told;
    close(pipe_ends[0]);
    waitpid(child, nullptr, 0);
    return told;
}

// The shortest begin of the journal that has the n-th commit.
std::size_t size_with(const std::string& journal, std::uint64_t n) {
    const auto has = [&](std::size_t size) {
        ctdbd::journal::Past past;
        (void)ctdbd::journal::read(
            {reinterpret_cast<const std::uint8_t*>(journal.data()), size},
            [&](ctdbd::journal::Frame&& frame) { return past.absorb(std::move(frame)); });
        const auto known = past.databases().find(Life::id);
        return known != past.databases().end() && known->second.version >= Version{1, n};
    };
    std::size_t low = 0, high = journal.size();
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (has(middle))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

// Pages of a file as the disk may have them when power fails: each as it was at some time.
std::string torn(const std::string& old, std::string now, std::mt19937& random) {
    constexpr std::size_t page = 4096;
    for (std::size_t at = 0; at < now.size(); at += page)
        if (random() % 2 == 0) {
            const std::string before = at < old.size() ? old.substr(at, page) : "";
            for (std::size_t i = 0; i < std::min(page, now.size() - at); ++i)
                now[at + i] = i < before.size() ? before[i] : '\0';
        }
    return now;
}

} // namespace

TEST_CASE("a commit counts once somebody asked for it, though an earlier job makes it") {
    const TestDirectory directory;
    {
        Life life(directory);
        std::promise<void> go_on;
        life.disk.submit([wait = go_on.get_future().share()] { wait.get(); }, [] {});
        life.file.confirm({1, 0});
        life.file.enable_seqnum();
        life.file.apply({1, 1}, writes_of(1));
        go_on.set_value();
        life.settle(2);
    }
    const TdbFile seen({.path = directory.path() / "p.tdb.0", .kind = DatabaseKind::is_persistent});
    CHECK(seen.seqnum() > 0);
}

TEST_CASE("a daemon that is killed has told of nothing that is not there") {
    for (const std::uint64_t commits : {0, 1, 7, 30, 90}) {
        const TestDirectory directory;
        const std::uint64_t told = kill_after(directory, commits, commits % 4);
        const Found found(directory, "this boot");
        CHECK(found.version.index >= told);
        CHECK(found.content == after(found.version.index));
    }
}

TEST_CASE(
    "when power fails, every commit that was answered is there, whatever became of the file") {
    const auto seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const auto below = [&](std::size_t end) { return random() % end; };
    for (int round = 0; round < 20; ++round) {
        const TestDirectory directory;
        const fs::path path = directory.path() / "p.tdb.0",
                       journal = directory.path() / "journal.0";
        in_a_life_that_breaks_off(directory, [](Life&) {});
        const std::string old = text_of(path);
        const std::uint64_t told = kill_after(directory, below(60), below(4));
        overwrite(path, torn(old, text_of(path), random));
        const std::string written = text_of(journal);
        const std::size_t least = size_with(written, told);
        overwrite(journal, written.substr(0, least + below(written.size() + 1 - least)));
        const Found found(directory, "another boot");
        CHECK(found.version.index >= told);
        CHECK(found.content == after(found.version.index));
    }
}

TEST_CASE("when power fails a file of which nothing is left is written anew, and kept aside") {
    const TestDirectory directory;
    const fs::path path = directory.path() / "p.tdb.0";
    in_a_life_that_breaks_off(directory, [&](Life& life) {
        life.file.apply({1, 1}, writes_of(1));
        life.settle(1);
    });
    const std::string garbage(5000, '\x5a');
    overwrite(path, garbage);
    const Found found(directory, "another boot");
    CHECK(found.version == Version{1, 1});
    CHECK(found.content == after(1));
    CHECK(text_of(directory.path() / "p.tdb.0.set-aside") == garbage);
    CHECK_FALSE(fs::exists(directory.path() / "p.tdb.0.rebuilt"));
}

TEST_CASE("a file that an administrator put there after the machine's death is not touched") {
    const TestDirectory directory;
    const fs::path path = directory.path() / "p.tdb.0";
    in_a_life_that_breaks_off(directory, [&](Life& life) {
        life.file.apply({1, 1}, writes_of(1));
        life.settle(1);
    });
    {
        TdbFile backup({.path = directory.path() / "backup", .kind = DatabaseKind::is_persistent});
        backup.store(bytes("count").span(), value("from a backup").span());
    }
    fs::rename(directory.path() / "backup", path);
    const Found found(directory, "another boot");
    CHECK(found.version == Version{});
    CHECK(found.content == Content{{"count", value("from a backup")}});
}

TEST_CASE("a file that somebody worked on after the machine's death is not touched") {
    const TestDirectory directory;
    const fs::path path = directory.path() / "p.tdb.0";
    in_a_life_that_breaks_off(directory, [&](Life& life) {
        life.file.apply({1, 1}, writes_of(1));
        life.settle(1);
    });
    {
        TdbFile stranger({.path = path, .kind = DatabaseKind::is_persistent});
        stranger.store(bytes("count").span(), value("from elsewhere").span());
    }
    fs::last_write_time(path, fs::file_time_type::clock::now() + std::chrono::minutes(2));
    const Found found(directory, "another boot");
    CHECK(found.version == Version{});
    CHECK(found.content.at("count") == value("from elsewhere"));
}

TEST_CASE("a file that is taken away takes its database with it") {
    const TestDirectory directory;
    in_a_life_that_breaks_off(directory, [&](Life& life) {
        life.file.apply({1, 1}, writes_of(1));
        life.settle(1);
    });
    fs::remove(directory.path() / "p.tdb.0");
    const Found found(directory, "another boot");
    CHECK(found.version == Version{});
    CHECK(found.content.empty());
}

TEST_CASE("a file that is one commit behind is brought up to it, one that is more was changed") {
    for (const std::uint64_t behind : {1, 2}) {
        const TestDirectory directory;
        const fs::path path = directory.path() / "p.tdb.0", old = directory.path() / "old";
        in_a_life_that_breaks_off(directory, [&](Life& life) {
            for (std::uint64_t n = 1; n <= 3; ++n) {
                life.file.apply({1, n}, writes_of(n));
                life.settle(n);
                if (n + behind == 3) fs::copy(path, old);
            }
        });
        overwrite(path, text_of(old));
        const Found found(directory, "this boot");
        CHECK(found.version == (behind == 1 ? Version{1, 3} : Version{}));
        CHECK(found.content == after(behind == 1 ? 3 : 1));
    }
}

TEST_CASE("after a clean end the files are taken as they are, wherever they wake up") {
    const TestDirectory directory;
    {
        Life life(directory);
        life.file.apply({1, 1}, {{"large", value(std::string(100'000, 'x'))}});
        life.settle(1);
    }
    CHECK(fs::file_size(directory.path() / "journal.0") < 10'000'000);
    CHECK(text_of(directory.path() / "journal.0").find("xxxx") == std::string::npos);
    const Found found(directory, "another boot");
    CHECK(found.version == Version{1, 1});
    CHECK(found.content == Content{{"large", value(std::string(100'000, 'x'))}});
    CHECK_FALSE(fs::exists(directory.path() / "p.tdb.0.set-aside"));
}

TEST_CASE("a journal that grows is begun anew while commits go on, and has everything") {
    const TestDirectory directory;
    constexpr std::uint64_t commits = 400;
    const auto load = [&](Life& life) {
        // Several pieces, and commits between them.
        std::vector<Write> large;
        for (int i = 0; i < 300; ++i)
            large.push_back({"large " + std::to_string(i), value(std::string(10'000, 'l'))});
        CommittedFile other(life.files, 2, life.options("other.tdb.0"));
        other.apply({1, 1}, large);
        for (std::uint64_t n = 1; n <= commits; ++n) {
            life.file.apply({1, n}, writes_of(n));
            other.apply({1, n + 1},
                        {{"large " + std::to_string(n % 300), value(std::to_string(n))}});
            if (n == 200) other.replace({1, n + 1}, {{"all", value("gone")}});
            life.settle(2 * n);
        }
    };
    in_a_life_that_breaks_off(directory, load, 4096);
    const auto journal = text_of(directory.path() / "journal.0");
    CHECK(size_with(journal, commits) < 8'000'000); // it was more
    // Nothing but the journal is left.
    overwrite(directory.path() / "p.tdb.0", "");
    overwrite(directory.path() / "other.tdb.0", "");
    boost::asio::io_context loop;
    DiskThread disk(loop);
    CommittedFiles files(disk, {directory.path() / "journal.0", "another boot"}, [](auto) {});
    const auto options = [&](const char* name) -> TdbOptions {
        return {.path = directory.path() / name, .kind = DatabaseKind::is_persistent};
    };
    CHECK(files.open(Life::id, options("p.tdb.0")).content == after(commits));
    const auto other = files.open(2, options("other.tdb.0"));
    CHECK(other.version == Version{1, commits + 1});
    CHECK(other.content.size() == 201);
    CHECK(other.content.at("all") == value("gone"));
    CHECK(other.content.at("large 100") == value("400"));
}

TEST_CASE("a damaged journal is refused with the way out") {
    const TestDirectory directory;
    const fs::path journal = directory.path() / "journal.0";
    in_a_life_that_breaks_off(directory, [&](Life& life) {
        life.file.apply({1, 1}, writes_of(1));
        life.settle(1);
        life.file.apply({1, 2}, writes_of(2));
        life.settle(2);
    });
    std::string text = text_of(journal);
    text[text.find("count") + 1] ^= 1;
    overwrite(journal, text);
    CHECK_THROWS_WITH_AS(Life{directory}, doctest::Contains("journal.0 is damaged at byte"),
                         JournalError);
}

TEST_CASE(
    "where there is no room for the journal nothing is told to be durable, nothing is shown") {
    const TestDirectory directory;
    in_a_life_that_breaks_off(directory, [&](Life& life) {
        life.file.apply({1, 1}, writes_of(1));
        life.settle(1);
        signal(SIGXFSZ, SIG_IGN);
        const rlim_t size = size_with(text_of(directory.path() / "journal.0"), 1) + 1000;
        const rlimit room{size, size};
        setrlimit(RLIMIT_FSIZE, &room);
        life.file.apply({1, 2}, {{"large", value(std::string(size, 'x'))}});
        life.file.apply({1, 3}, writes_of(3)); // would have room
        bool refused = false;
        try {
            turn_until(life.loop, [&] { return life.durable.size() > 1; });
        } catch (const JournalError& error) {
            refused = std::string(error.what()).find("bytes are free") != std::string::npos;
        }
        life.loop.poll();
        if (!refused || life.durable.size() != 1) _exit(2);
    });
    CHECK(shown_by(directory.path() / "p.tdb.0") == after(1));
    const Found found(directory, "this boot");
    CHECK(found.version == Version{1, 1});
    CHECK(found.content == after(1));
}
