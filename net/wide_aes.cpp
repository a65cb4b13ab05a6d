#include "net/wide_aes.h"

#include "base/check.h"

#include <sodium.h>

#if defined(TOTEM_IPSEC_MB)

#include <intel-ipsec-mb.h>

namespace net {

namespace {

// Chosen once: it finds out what the processor can do, and holds no keys. Null where it has no AES
// (the library would emulate it, and not in constant time).
IMB_MGR* manager() {
    static IMB_MGR* const chosen = [] {
        IMB_MGR* made = alloc_mb_mgr(0);
        if (made == nullptr) return made;
        init_mb_mgr_auto(made, nullptr);
        const bool usable = imb_get_errno(made) == 0 && (made->features & IMB_FEATURE_AESNI) != 0;
        if (!usable) {
            free_mb_mgr(made);
            made = nullptr;
        }
        return made;
    }();
    return chosen;
}

} // namespace

struct WideAes::Schedule {
    gcm_key_data key;

    ~Schedule() { sodium_memzero(&key, sizeof key); }
};

bool WideAes::available() { return manager() != nullptr; }

WideAes::WideAes(std::span<const std::uint8_t, secret_size> key) : schedule_(new Schedule) {
    IMB_AES256_GCM_PRE(manager(), key.data(), &schedule_->key);
}

WideAes::~WideAes() = default;

void WideAes::seal(std::span<std::uint8_t> body,
                   std::span<std::uint8_t, 16> tag,
                   std::span<const std::uint8_t> associated,
                   const Aead::Nonce& nonce) const {
    gcm_context_data context;
    IMB_AES256_GCM_ENC(manager(), &schedule_->key, &context, body.data(), body.data(), body.size(),
                       nonce.data(), associated.data(), associated.size(), tag.data(), tag.size());
}

bool WideAes::open(std::span<std::uint8_t> body,
                   std::span<const std::uint8_t, 16> tag,
                   std::span<const std::uint8_t> associated,
                   const Aead::Nonce& nonce) const {
    gcm_context_data context;
    std::array<std::uint8_t, 16> expected{};
    IMB_AES256_GCM_DEC(manager(), &schedule_->key, &context, body.data(), body.data(), body.size(),
                       nonce.data(), associated.data(), associated.size(), expected.data(),
                       expected.size());
    return sodium_memcmp(expected.data(), tag.data(), tag.size()) == 0;
}

} // namespace net

#else

namespace net {

struct WideAes::Schedule {};

bool WideAes::available() { return false; }

WideAes::WideAes(std::span<const std::uint8_t, secret_size> /*key*/) {
    base::check(false, "wide AES is used only where it is available");
}

WideAes::~WideAes() = default;

void WideAes::seal(std::span<std::uint8_t> /*body*/,
                   std::span<std::uint8_t, 16> /*tag*/,
                   std::span<const std::uint8_t> /*associated*/,
                   const Aead::Nonce& /*nonce*/) const {}

bool WideAes::open(std::span<std::uint8_t> /*body*/,
                   std::span<const std::uint8_t, 16> /*tag*/,
                   std::span<const std::uint8_t> /*associated*/,
                   const Aead::Nonce& /*nonce*/) const {
    return false;
}

} // namespace net

#endif
