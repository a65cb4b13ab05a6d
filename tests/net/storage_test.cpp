// Stable storage: an identity and a number that are never used twice, whatever happens to the disk.
#include "net/file.h"
#include "net/storage.h"
#include "tests/net/scratch.h"

#include <doctest/doctest.h>

#include <future>

using namespace net;
using membership::StableRecord;
using tests::complaint;
using tests::says;

namespace {

StableStorage open_storage(const tests::Scratch& scratch, NodeId node = 3) {
    return {scratch / "state", "c", node};
}

} // namespace

TEST_CASE("durable_write replaces the whole content and leaves nothing beside it") {
    const tests::Scratch scratch;
    const std::uint8_t first[] = {1, 2, 3};
    const std::uint8_t second[] = {4};
    durable_write(scratch / "file", first);
    durable_write(scratch / "file", second);
    CHECK(tests::content_of(scratch / "file") == "\x04");
    CHECK_FALSE(std::filesystem::exists(scratch / "file.new"));
    CHECK(says(complaint([&] { durable_write(scratch / "none" / "file", first); }),
               {"none/file", "create its directory"}));
}

TEST_CASE("a first start is refused unless a new identity is allowed") {
    const tests::Scratch scratch;
    CHECK(says(complaint([&] { (void)open_storage(scratch).begin_life(false); }),
               {"state.a", "--new-identity"}));
    CHECK_FALSE(std::filesystem::exists(scratch / "state.a")); // the refusal left nothing behind
    const auto life = open_storage(scratch).begin_life(true);
    CHECK(life.record.incarnation > 150'000'000); // seconds since 2020
    CHECK(life.high_ring_seq <= life.record.ring_seq_lease);
}

TEST_CASE("each life has a higher incarnation and begins at the last one's lease") {
    const tests::Scratch scratch;
    StableRecord last = open_storage(scratch).begin_life(true).record;
    for (int i = 0; i < 5; ++i) {
        const auto life = open_storage(scratch).begin_life(false);
        CHECK(life.record.incarnation == last.incarnation + 1);
        CHECK(life.high_ring_seq == last.ring_seq_lease);
        CHECK(life.record.ring_seq_lease > last.ring_seq_lease);
        last = life.record;
    }
}

TEST_CASE("the newest of the two copies counts") {
    const tests::Scratch scratch;
    auto storage = open_storage(scratch);
    for (std::uint32_t i = 1; i <= 5; ++i) {
        storage.write({7, 100 * i});
        CHECK(open_storage(scratch).record() == StableRecord{7, 100 * i});
    }
}

TEST_CASE("after damage to either copy, nothing that may have been used is used again") {
    for (const char* copy : {"state.a", "state.b"})
        for (const bool remove : {false, true}) {
            const tests::Scratch scratch;
            StableRecord newest;
            for (int i = 0; i < 3; ++i)
                newest = open_storage(scratch).begin_life(true).record;
            if (remove)
                std::filesystem::remove(scratch / copy);
            else
                tests::put(scratch / copy, "TOTEMST1 but torn");
            const auto life = open_storage(scratch).begin_life(false);
            CHECK(life.record.incarnation > newest.incarnation);
            CHECK(life.high_ring_seq >= newest.ring_seq_lease);
        }
}

TEST_CASE("a cluster's name may be in any encoding") {
    const StableCopy copy{"M\xfcnchen", 3, {7, 4096}, 9}; // Latin-1
    CHECK(decode_stable(encode(copy)) == copy);
}

TEST_CASE("any torn or changed copy is recognised") {
    const StableCopy copy{"c", 3, {7, 4096}, 9};
    const auto bytes = encode(copy);
    CHECK(decode_stable(bytes) == copy);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK_FALSE(decode_stable(std::span(bytes).first(size)));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        auto changed = bytes;
        changed[i] ^= 0x10;
        CHECK_FALSE(decode_stable(changed));
    }
}

TEST_CASE("when no copy can be read, the node refuses and names the remedy") {
    const tests::Scratch scratch;
    (void)open_storage(scratch).begin_life(true);
    tests::put(scratch / "state.a", "");
    CHECK(says(complaint([&] { (void)open_storage(scratch).begin_life(false); }),
               {"state.a", "can be read", "--new-identity"}));
}

TEST_CASE("the identity of another node or cluster is refused") {
    const tests::Scratch scratch;
    (void)open_storage(scratch).begin_life(true);
    CHECK(says(complaint([&] { (void)open_storage(scratch, 4); }),
               {"state.a", "node 3", "node 4", "correct the configuration"}));
    CHECK(says(complaint([&] { StableStorage(scratch / "state", "d", 3); }),
               {"state.a", "`c`", "`d`"}));
}

TEST_CASE("the background writer makes the newest wish durable and says so") {
    const tests::Scratch scratch;
    auto storage = open_storage(scratch);
    std::promise<void> stored;
    {
        BackgroundWriter writer(
            storage, [&] { stored.set_value(); }, [](const std::string&) { CHECK(false); });
        writer.write({7, 4096});
        REQUIRE(stored.get_future().wait_for(std::chrono::seconds(20)) ==
                std::future_status::ready);
    }
    CHECK(open_storage(scratch).record() == StableRecord{7, 4096});
}

TEST_CASE("the background writer reports a failure and tries again until the disk is back") {
    const tests::Scratch scratch;
    std::filesystem::create_directory(scratch / "disk");
    StableStorage storage(scratch / "disk" / "state", "c", 3);
    std::filesystem::remove(scratch / "disk");
    std::promise<std::string> failed;
    std::promise<void> stored;
    BackgroundWriter writer(
        storage, [&] { stored.set_value(); },
        [&, once = true](const std::string& why) mutable {
            if (std::exchange(once, false)) failed.set_value(why);
        });
    writer.write({7, 4096});
    CHECK(says(failed.get_future().get(), {"disk/state.a"}));
    std::filesystem::create_directory(scratch / "disk");
    CHECK(stored.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
}
