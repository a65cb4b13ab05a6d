// totem-keygen: makes the key that the nodes of a cluster share.
#include "net/key_file.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace {

int run(int argc, char** argv) {
    CLI::App app("Makes a new file with the key that all nodes of one cluster share.",
                 "totem-keygen");
    std::string path, cipher_name;
    int id = 1;
    app.add_option("FILE", path, "never overwritten")->required();
    app.add_option("--cipher", cipher_name,
                   "aes256-gcm (default where the processor has it) or chacha20-poly1305");
    app.add_option("--id", id, "the key's number; differs from those of keys in use")
        ->check(CLI::Range(0, 255))
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);

    const bool aes = net::available(net::Cipher::aes256_gcm);
    const auto cipher = cipher_name.empty()
                            ? (aes ? net::Cipher::aes256_gcm : net::Cipher::chacha20_poly1305)
                            : net::cipher_named(cipher_name);
    if (!cipher)
        throw std::runtime_error(
            fmt::format("unknown cipher `{}`; use aes256-gcm or chacha20-poly1305", cipher_name));
    if (!net::available(*cipher))
        throw std::runtime_error(fmt::format(
            "this processor cannot do {}; use --cipher chacha20-poly1305", cipher_name));
    net::create_key_file(path, {static_cast<std::uint8_t>(id), *cipher, net::Secret::random()});
    fmt::print("{}: key {}, {}, mode 0600.\n"
               "Copy it over a safe way (scp) to every node of the cluster, owned by root, mode "
               "0600,\nand name it in totem.conf on each:\n"
               "    [ring]\n"
               "        key file = {}\n",
               path, id, net::describe(*cipher), std::filesystem::absolute(path).string());
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "totem-keygen: {}\n", error.what());
        return 1;
    }
}
