// Files as a daemon needs them: errors that name the file and the remedy, and writes that are on
// the disk when they return.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace net {

// Owns a file descriptor.
class Descriptor {
public:
    Descriptor() = default;

    explicit Descriptor(int fd) : fd_(fd) {}

    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }

    ~Descriptor();

    [[nodiscard]] int get() const { return fd_; }

    [[nodiscard]] int release() { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

// These throw std::runtime_error "FILE: what went wrong; REMEDY".
[[nodiscard]] Descriptor open_for_reading(const std::filesystem::path& path,
                                          std::string_view remedy_if_missing);
[[nodiscard]] std::string
read_all(const Descriptor& file, const std::filesystem::path& path, std::size_t size_max);
void create_new_file(const std::filesystem::path& path, std::string_view text, unsigned mode);

// Replaces the file's content as a whole: when this returns, the new content survives a power cut;
// if it throws, or the machine dies within, the old content is still there. Temporary file beside
// it, fsync, rename, fsync of the directory (totem.md 3.6).
void durable_write(const std::filesystem::path& path,
                   std::span<const std::uint8_t> bytes,
                   unsigned mode = 0600);

// Which names are in the directory survives a power cut.
void sync_directory(const std::filesystem::path& directory);

} // namespace net
