#include "ctdbd/daemon/version_file.h"

#include <sodium/crypto_generichash.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace ctdbd::daemon {

namespace {

constexpr std::uint64_t magic = 0x314e4f4953524556; // "VERSION1"
// Two slots, written in turns: a torn write loses the new one, never both. They are sectors apart.
constexpr off_t slot_distance = 4096;

struct Slot {
    std::uint64_t slot_magic = magic;
    std::uint64_t writes = 0;
    ContentLabel before, after;
    std::uint64_t checksum = 0;

    [[nodiscard]] std::uint64_t right_checksum() const {
        std::uint64_t sum = 0;
        crypto_generichash(reinterpret_cast<unsigned char*>(&sum), sizeof sum,
                           reinterpret_cast<const unsigned char*>(this), offsetof(Slot, checksum),
                           nullptr, 0);
        return sum;
    }
};

static_assert(std::has_unique_object_representations_v<Slot>, "a checksum must not see padding");

std::uint64_t hash_of(std::string_view key, std::span<const std::uint8_t> value) {
    crypto_generichash_state state;
    std::uint64_t sum = 0;
    const std::uint64_t key_size = key.size();
    crypto_generichash_init(&state, nullptr, 0, sizeof sum);
    const auto absorb = [&](const void* data, std::size_t size) {
        crypto_generichash_update(&state, static_cast<const unsigned char*>(data), size);
    };
    absorb(&key_size, sizeof key_size);
    absorb(key.data(), key.size());
    absorb(value.data(), value.size());
    crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(&sum), sizeof sum);
    return sum;
}

[[noreturn]] void fail(const std::filesystem::path& path) {
    throw std::system_error(errno, std::generic_category(), path.string());
}

} // namespace

void ContentDigest::add(std::string_view key, std::span<const std::uint8_t> value) {
    sum_ += hash_of(key, value);
}

void ContentDigest::remove(std::string_view key, std::span<const std::uint8_t> value) {
    sum_ -= hash_of(key, value);
}

VersionFile::VersionFile(const std::filesystem::path& path)
    : descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) fail(path);
    for (const off_t offset : {off_t{0}, slot_distance}) {
        Slot slot;
        const ssize_t size = pread(descriptor_, &slot, sizeof slot, offset);
        if (size < 0) fail(path);
        if (size != sizeof slot || slot.slot_magic != magic ||
            slot.checksum != slot.right_checksum() || slot.writes <= writes_)
            continue;
        writes_ = slot.writes;
        before_ = slot.before;
        after_ = slot.after;
    }
}

VersionFile::~VersionFile() { close(descriptor_); }

std::optional<statedb::Version> VersionFile::version_of(std::uint64_t digest) const {
    if (writes_ == 0) return std::nullopt;
    if (digest == after_.digest) return after_.version;
    if (digest == before_.digest) return before_.version;
    return std::nullopt;
}

void VersionFile::write(const ContentLabel& before, const ContentLabel& after) {
    before_ = before;
    after_ = after;
    ++writes_;
    Slot slot{.writes = writes_, .before = before, .after = after};
    slot.checksum = slot.right_checksum();
    const off_t offset = writes_ % 2 == 0 ? 0 : slot_distance;
    if (pwrite(descriptor_, &slot, sizeof slot, offset) != sizeof slot ||
        fdatasync(descriptor_) != 0)
        fail("the version of a persistent database");
}

} // namespace ctdbd::daemon
