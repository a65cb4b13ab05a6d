// Immutable bytes that many may share, and the pool that their memory comes from.
//
// A packet is received into one block; its messages are slices of that block, all the way to the
// application: nothing is copied, and the last slice gives the block back. Reference counts are
// atomic because a slice may travel to the application's thread; nothing else here is shared
// between threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace base {

namespace detail {

struct Home;

// The head of a block; `capacity` bytes follow it in memory.
struct Block {
    std::atomic<std::uint32_t> references;
    std::uint32_t capacity;
    Home* home;  // null: straight from the heap
    Block* next; // while it waits in its pool

    [[nodiscard]] std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(this + 1); }
};

// What a pool and its blocks share: blocks that outlive their pool still have a home to go to.
struct Home {
    std::atomic<Block*> returned{nullptr}; // a stack that the owner only ever takes whole: no ABA
    std::atomic<std::size_t> tenants{1};   // blocks out in the world, and the pool itself
};

Block* allocate_block(std::size_t capacity);
void retire(Block* block);

} // namespace detail

class Bytes {
public:
    Bytes() = default;
    [[nodiscard]] static Bytes copy_of(std::span<const std::uint8_t> source);
    [[nodiscard]] static Bytes copy_of(std::string_view source);

    Bytes(const Bytes& other) noexcept
        : block_(other.block_), data_(other.data_), size_(other.size_) {
        if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
    }

    Bytes(Bytes&& other) noexcept
        : block_(std::exchange(other.block_, nullptr)), data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}

    Bytes& operator=(Bytes other) noexcept {
        std::swap(block_, other.block_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }

    ~Bytes() {
        if (block_ != nullptr && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
            detail::retire(block_);
    }

    [[nodiscard]] const std::uint8_t* data() const { return data_; }

    [[nodiscard]] std::size_t size() const { return size_; }

    [[nodiscard]] bool empty() const { return size_ == 0; }

    [[nodiscard]] std::span<const std::uint8_t> span() const { return {data_, size_}; }

    [[nodiscard]] std::string_view view() const {
        return {reinterpret_cast<const char*>(data_), size_};
    }

    // The part [offset, offset + size) of these bytes, sharing their block. Must lie within.
    [[nodiscard]] Bytes slice(std::size_t offset, std::size_t size) const;

    // Memory that this slice keeps alive, its own bytes included: what a bound on memory must
    // count.
    [[nodiscard]] std::size_t footprint() const { return block_ != nullptr ? block_->capacity : 0; }

    friend bool operator==(const Bytes& a, const Bytes& b) { return a.view() == b.view(); }

private:
    friend class WritableBytes;

    Bytes(detail::Block* block, const std::uint8_t* data, std::size_t size)
        : block_(block), data_(data), size_(size) {}

    detail::Block* block_ = nullptr;
    const std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

// Bytes that one owner is still writing. freeze() ends that and makes them shareable.
class WritableBytes {
public:
    WritableBytes() = default;
    explicit WritableBytes(std::size_t capacity); // from the heap

    WritableBytes(WritableBytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}

    WritableBytes& operator=(WritableBytes&& other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }

    ~WritableBytes() {
        if (block_ != nullptr) detail::retire(block_);
    }

    [[nodiscard]] std::uint8_t* data() { return block_ != nullptr ? block_->bytes() : nullptr; }

    [[nodiscard]] std::size_t capacity() const { return block_ != nullptr ? block_->capacity : 0; }

    // The first `size` bytes, from now on immutable; this object is empty afterwards.
    [[nodiscard]] Bytes freeze(std::size_t size);

private:
    friend class BlockPool;

    explicit WritableBytes(detail::Block* block) : block_(block) {}

    detail::Block* block_ = nullptr;
};

// Blocks of one size, reused. allocate() belongs to one thread; blocks may come home from any, also
// after the pool is gone. It grows when it is empty and never shrinks: what bounds it is whoever
// bounds the packets (flow control), not the allocator.
class BlockPool {
public:
    explicit BlockPool(std::size_t block_size) : block_size_(block_size) {}

    BlockPool(const BlockPool&) = delete;
    BlockPool& operator=(const BlockPool&) = delete;
    ~BlockPool();

    [[nodiscard]] WritableBytes allocate();

    [[nodiscard]] std::size_t block_size() const { return block_size_; }

private:
    std::size_t block_size_;
    detail::Block* idle_ = nullptr; // the owner's own list
    detail::Home* home_ = new detail::Home;
};

} // namespace base
