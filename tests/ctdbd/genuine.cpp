#include "tests/ctdbd/genuine.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ctdbd::protocol {
namespace {

// A name in the first column, hex on indented lines.
std::map<std::string, Bytes> read_packets(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    std::map<std::string, std::vector<std::uint8_t>> packets;
    std::vector<std::uint8_t>* current = nullptr;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') continue;
        if (line[0] != ' ') {
            current = &packets[line];
            continue;
        }
        std::istringstream words(line);
        for (std::string word; words >> word;)
            current->push_back(static_cast<std::uint8_t>(std::stoul(word, nullptr, 16)));
    }
    std::map<std::string, Bytes> result;
    for (const auto& [name, bytes] : packets)
        result.emplace(name, Bytes::copy_of(std::span(bytes)));
    return result;
}

} // namespace

const std::map<std::string, Bytes>& genuine_packets() {
    static const auto packets = read_packets(SOURCE_DIR "/tests/ctdbd/genuine_packets.txt");
    return packets;
}

const Bytes& genuine(const std::string& name) { return genuine_packets().at(name); }

} // namespace ctdbd::protocol
