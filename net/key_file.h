// The file that holds the cluster's shared keys: how it is made, read, and refused.
//
//     # what it is, for the administrator who finds it
//     key 1 aes256-gcm 3q2+7w...=
//
// One line a key: its id (0 to 255), its cipher, 256 bits in base64. The first key seals what we
// send, all of them open what we receive; so keys are changed without a stop by adding the new one
// behind the old on every node, then moving it to the front, then taking the old one away
// (totem.md 7.5). The cipher belongs to the key, not to the packet: all nodes have the same file,
// so they agree on it, and no attacker can talk them into another.
#pragma once

#include "net/crypto.h"

#include <filesystem>
#include <string>
#include <vector>

namespace net {

struct Key {
    std::uint8_t id = 0;
    Cipher cipher = Cipher::aes256_gcm;
    Secret secret;

    friend bool operator==(const Key&, const Key&) = default;
};

struct KeyFile {
    std::vector<Key> keys; // never empty; ids differ; the first one seals
};

// Throws std::runtime_error naming file, line and remedy: also for a file that others than its
// owner may read, and for a cipher that this machine cannot do.
[[nodiscard]] KeyFile read_key_file(const std::filesystem::path& path);
[[nodiscard]] KeyFile parse_key_file(const std::string& text, const std::string& name);

// Makes a new file with one new key, mode 0600. Never touches a file that is there: throws
// std::runtime_error instead.
void create_key_file(const std::filesystem::path& path, const Key& key);

} // namespace net
