#include "base/bytes.h"

#include "base/check.h"

#include <limits>
#include <new>

namespace base {

namespace detail {

Block* allocate_block(std::size_t capacity) {
    check(capacity <= std::numeric_limits<std::uint32_t>::max(), "a block's capacity fits 32 bits");
    void* memory = ::operator new(sizeof(Block) + capacity);
    return new (memory) Block{1, static_cast<std::uint32_t>(capacity), nullptr, nullptr};
}

static void free_block(Block* block) {
    block->~Block();
    ::operator delete(block);
}

static void free_all(Block* list) {
    while (list != nullptr)
        free_block(std::exchange(list, list->next));
}

// The last tenant turns off the light.
static void move_out(Home* home) {
    if (home->tenants.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    free_all(home->returned.load(std::memory_order_relaxed));
    delete home;
}

void retire(Block* block) {
    Home* home = block->home;
    if (home == nullptr) return free_block(block);
    block->next = home->returned.load(std::memory_order_relaxed);
    while (!home->returned.compare_exchange_weak(block->next, block, std::memory_order_release,
                                                 std::memory_order_relaxed)) {
    }
    move_out(home);
}

} // namespace detail

Bytes Bytes::copy_of(std::span<const std::uint8_t> source) {
    if (source.empty()) return {};
    WritableBytes copy(source.size());
    std::memcpy(copy.data(), source.data(), source.size());
    return copy.freeze(source.size());
}

Bytes Bytes::copy_of(std::string_view source) {
    return copy_of(std::span(reinterpret_cast<const std::uint8_t*>(source.data()), source.size()));
}

Bytes Bytes::slice(std::size_t offset, std::size_t size) const {
    check(offset <= size_ && size <= size_ - offset, "a slice lies within its bytes");
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
    return {block_, data_ + offset, size};
}

WritableBytes::WritableBytes(std::size_t capacity) : block_(detail::allocate_block(capacity)) {}

Bytes WritableBytes::freeze(std::size_t size) {
    check(size <= capacity(), "frozen bytes lie within their block");
    detail::Block* block = std::exchange(block_, nullptr);
    if (block == nullptr) return {};
    return {block, block->bytes(), size};
}

BlockPool::~BlockPool() {
    detail::free_all(idle_);
    detail::move_out(home_);
}

WritableBytes BlockPool::allocate() {
    if (idle_ == nullptr) idle_ = home_->returned.exchange(nullptr, std::memory_order_acquire);
    home_->tenants.fetch_add(1, std::memory_order_relaxed);
    if (idle_ == nullptr) {
        detail::Block* block = detail::allocate_block(block_size_);
        block->home = home_;
        return WritableBytes(block);
    }
    detail::Block* block = std::exchange(idle_, idle_->next);
    block->references.store(1, std::memory_order_relaxed);
    return WritableBytes(block);
}

} // namespace base
