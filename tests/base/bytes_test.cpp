// Shared bytes: slices, blocks that come home to their pool, and who outlives whom.
#include "base/bytes.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using base::BlockPool;
using base::Bytes;
using base::WritableBytes;

TEST_CASE("a slice shares its block and outlives the whole") {
    Bytes slice;
    {
        const Bytes whole = Bytes::copy_of("deposit 5");
        slice = whole.slice(8, 1);
        CHECK(slice.data() == whole.data() + 8);
    }
    CHECK(slice.view() == "5");
}

TEST_CASE("a pool hands the same block out again once the last slice is gone") {
    BlockPool pool(64);
    WritableBytes block = pool.allocate();
    const std::uint8_t* address = block.data();
    {
        const Bytes frozen = block.freeze(10);
        const Bytes copy =
            frozen.slice(2, 3); // NOLINT(performance-unnecessary-copy-initialization)
        CHECK(pool.allocate().data() != address);
    }
    // Two idle blocks now; the one we held comes back within two allocations.
    WritableBytes a = pool.allocate();
    WritableBytes b = pool.allocate();
    CHECK((a.data() == address || b.data() == address));
}

TEST_CASE("blocks come home from other threads") {
    BlockPool pool(32);
    for (int round = 0; round < 100; ++round) {
        std::vector<Bytes> travelling;
        for (int i = 0; i < 8; ++i)
            travelling.push_back(pool.allocate().freeze(32));
        std::thread([travelling = std::move(travelling)]() mutable { travelling.clear(); }).join();
    }
    CHECK(pool.allocate().capacity() == 32);
}

TEST_CASE("bytes outlive the pool that their memory came from") {
    base::Bytes kept;
    {
        base::BlockPool pool(64);
        base::WritableBytes block = pool.allocate();
        block.data()[0] = 'x';
        kept = block.freeze(1);
    }
    CHECK(kept.view() == "x");
}
