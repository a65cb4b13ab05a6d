// Plays the conversations of tests/scenarios and compares them with what their files say. REWRITE=1
// writes the files anew; the difference is then reviewed like code.
#include "tests/membership/conversation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace fs = std::filesystem;

TEST_CASE("scenarios go as their conversations say") {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(fs::path(SOURCE_DIR) / "tests/scenarios"))
        if (entry.path().extension() == ".txt") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    REQUIRE(!files.empty());
    for (const fs::path& file : files) {
        std::stringstream written;
        written << std::ifstream(file).rdbuf();
        const std::string played = membership::testing::play(written.str());
        if (std::getenv("REWRITE") != nullptr)
            std::ofstream(file) << played;
        else
            CHECK_MESSAGE(played == written.str(), file.filename().string() << " went:\n"
                                                                            << played);
    }
}
