#include "ctdbd/daemon/obituary.h"

#include "base/check.h"

#include <boost/algorithm/hex.hpp>
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <iterator>
#include <sstream>

namespace ctdbd::daemon {

namespace {

constexpr std::string_view opening = "totem-ctdb-obituary-1";

} // namespace

Secret draw_secret() {
    base::check(sodium_init() >= 0, "there is a source of random bytes");
    Secret secret{};
    randombytes_buf(secret.data(), secret.size());
    return secret;
}

std::string commitment_to(const Secret& secret) {
    std::string hash(32, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(), secret.data(),
                       secret.size(), nullptr, 0);
    return hash;
}

std::string encode(const Obituary& obituary) {
    std::string secret;
    boost::algorithm::hex_lower(obituary.secret, std::back_inserter(secret));
    return fmt::format("{} {} {} {}", opening, obituary.who.node, obituary.who.incarnation, secret);
}

std::optional<Obituary> decode_obituary(std::string_view text) {
    std::istringstream in{std::string(text)};
    std::string word, secret;
    Obituary obituary;
    if (!(in >> word >> obituary.who.node >> obituary.who.incarnation >> secret) ||
        word != opening || secret.size() != 2 * obituary.secret.size() ||
        !std::ranges::all_of(secret, [](unsigned char c) { return std::isxdigit(c) != 0; }))
        return std::nullopt;
    boost::algorithm::unhex(secret, obituary.secret.begin());
    return obituary;
}

} // namespace ctdbd::daemon
