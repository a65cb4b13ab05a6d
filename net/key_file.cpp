#include "net/key_file.h"

#include "net/file.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <sys/stat.h>

namespace net {

namespace {

constexpr std::size_t file_size_max = 64 * 1024; // nobody has that many keys

[[noreturn]] void
refuse(const std::string& name, int line, const std::string& what, const std::string& remedy) {
    throw std::runtime_error(fmt::format("{}:{}: {}; {}", name, line, what, remedy));
}

std::string base64_of(const Secret& secret) {
    std::array<char, sodium_base64_ENCODED_LEN(secret_size, sodium_base64_VARIANT_ORIGINAL)> text;
    sodium_bin2base64(text.data(), text.size(), secret.bytes().data(), secret_size,
                      sodium_base64_VARIANT_ORIGINAL);
    std::string result(text.data());
    sodium_memzero(text.data(), text.size());
    return result;
}

std::optional<Secret> secret_from(const std::string& base64) {
    Secret secret;
    std::size_t size = 0;
    const char* end = nullptr;
    if (sodium_base642bin(secret.writable().data(), secret_size, base64.data(), base64.size(),
                          nullptr, &size, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        size != secret_size || end != base64.data() + base64.size())
        return {};
    return secret;
}

Key parse_key_line(std::istringstream& words, const std::string& name, int line) {
    constexpr auto shape = "write `key ID CIPHER BASE64` as totem-keygen does";
    std::string id_text, cipher_text, secret_text, rest;
    if (!(words >> id_text >> cipher_text >> secret_text) || words >> rest)
        refuse(name, line, "a key line has three words after `key`", shape);
    const bool numeric = std::ranges::all_of(id_text, [](char c) { return c >= '0' && c <= '9'; });
    if (!numeric || id_text.size() > 3 || std::stoi(id_text) > 255)
        refuse(name, line, fmt::format("the key id `{}` is not a number from 0 to 255", id_text),
               "number the keys 0 to 255");
    const auto cipher = cipher_named(cipher_text);
    if (!cipher)
        refuse(name, line, fmt::format("unknown cipher `{}`", cipher_text),
               "use aes256-gcm or chacha20-poly1305");
    const auto secret = secret_from(secret_text);
    if (!secret)
        refuse(name, line, "the key is not 32 bytes in base64",
               "copy the whole line from the other nodes, or make a new file with totem-keygen");
    return {static_cast<std::uint8_t>(std::stoi(id_text)), *cipher, *secret};
}

} // namespace

KeyFile parse_key_file(const std::string& text, const std::string& name) {
    KeyFile file;
    std::istringstream lines(text);
    std::string line_text;
    for (int line = 1; std::getline(lines, line_text); ++line) {
        std::istringstream words(line_text);
        std::string word;
        if (!(words >> word) || word.starts_with('#')) continue;
        if (word != "key")
            refuse(name, line, fmt::format("unknown word `{}`", word),
                   "every line is a comment (#) or begins with `key`");
        const Key key = parse_key_line(words, name, line);
        if (std::ranges::find(file.keys, key.id, &Key::id) != file.keys.end())
            refuse(name, line, fmt::format("key id {} is there twice", key.id),
                   "give every key its own id");
        if (!available(key.cipher))
            refuse(name, line, fmt::format("this processor cannot do {}", describe(key.cipher)),
                   "make the cluster's key with `totem-keygen --cipher chacha20-poly1305`");
        file.keys.push_back(key);
    }
    if (file.keys.empty())
        throw std::runtime_error(
            fmt::format("{}: no key in it; make one with `totem-keygen`", name));
    return file;
}

KeyFile read_key_file(const std::filesystem::path& path) {
    const Descriptor file = open_for_reading(path, "make one with `totem-keygen` and copy it to "
                                                   "every node");

    struct stat status {};

    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
        throw std::runtime_error(fmt::format("{}: not a regular file", path.string()));
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        throw std::runtime_error(
            fmt::format("{}: others than its owner may use the cluster's key (mode {:04o}); run "
                        "`chmod 600 {}`, and make a new key if somebody may have read it",
                        path.string(), status.st_mode & 07777, path.string()));
    std::string text = read_all(file, path, file_size_max);
    KeyFile keys = parse_key_file(text, path.string());
    sodium_memzero(text.data(), text.size());
    return keys;
}

void create_key_file(const std::filesystem::path& path, const Key& key) {
    const std::string text = fmt::format(
        "# The shared key of a totem cluster. Who can read it can join the cluster and read its\n"
        "# traffic: keep it at mode 0600, and copy it to every node over a safe way (scp).\n"
        "# The first key seals what this node sends; all keys here open what it receives.\n"
        "key {} {} {}\n",
        key.id, describe(key.cipher), base64_of(key.secret));
    create_new_file(path, text, 0600);
}

} // namespace net
