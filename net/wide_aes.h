// AES-256-GCM by the processor's widest instructions (VAES and VPCLMULQDQ on 512 bits), from
// Intel's libipsec-mb, which sodium does not use: six times as fast, a packet costs about what its
// checksum would. The same cipher bit by bit, so that nodes with it and without it share a ring.
//
// Present where the library was found when this was built, and the processor has AES at all; who
// asks is net/crypto.cpp.
#pragma once

#include "net/crypto.h"

namespace net {

class WideAes {
public:
    [[nodiscard]] static bool available();

    explicit WideAes(std::span<const std::uint8_t, secret_size> key); // only where available()
    ~WideAes();
    WideAes(const WideAes&) = delete;
    WideAes& operator=(const WideAes&) = delete;

    void seal(std::span<std::uint8_t> body,
              std::span<std::uint8_t, 16> tag,
              std::span<const std::uint8_t> associated,
              const Aead::Nonce& nonce) const;

    [[nodiscard]] bool open(std::span<std::uint8_t> body,
                            std::span<const std::uint8_t, 16> tag,
                            std::span<const std::uint8_t> associated,
                            const Aead::Nonce& nonce) const;

private:
    struct Schedule;
    std::unique_ptr<Schedule> schedule_;
};

} // namespace net
