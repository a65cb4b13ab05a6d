// What the documents say of the tree is true of it: every file, link and function they name is
// there. Whether what they say about these is true, only a reader can judge.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path root{SOURCE_DIR};

std::string content_of(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

std::vector<fs::path> files_below(const fs::path& folder, const std::vector<std::string>& endings) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const std::string ending = entry.path().extension().string();
        if (std::find(endings.begin(), endings.end(), ending) != endings.end())
            files.push_back(entry.path());
    }
    return files;
}

std::vector<fs::path> documents() {
    std::vector<fs::path> files = files_below(root / "docs", {".md"});
    files.push_back(root / "README.md");
    return files;
}

std::vector<std::smatch> matches(const std::string& text, const std::regex& what) {
    return {std::sregex_iterator(text.begin(), text.end(), what), std::sregex_iterator()};
}

std::string all_sources() {
    std::string all;
    for (const char* folder : {"base", "totem", "membership", "statedb", "net", "sim", "ctdbd"})
        for (const fs::path& file : files_below(root / folder, {".h", ".cpp"}))
            all += content_of(file);
    return all;
}

// A path from the root, alone or as a command with its arguments.
const std::regex path(
    R"(`((?:base|totem|membership|statedb|net|sim|ctdbd|bench|tests|docs|scripts|cmake)/[\w./-]*)[` ])");
const std::regex relative_link(R"(\]\(([^):#]+)\))");
const std::regex member_name(R"(`([A-Z]\w*)::([a-z_]+)`)");

} // namespace

TEST_CASE("documents: every file they name exists") {
    for (const fs::path& document : documents()) {
        const std::string text = content_of(document);
        for (const std::smatch& match : matches(text, path))
            CHECK_MESSAGE(fs::exists(root / match[1].str()), document << ": " << match[1].str());
        for (const std::smatch& match : matches(text, relative_link))
            CHECK_MESSAGE(fs::exists(document.parent_path() / match[1].str()),
                          document << ": " << match[1].str());
    }
}

TEST_CASE("documents: every member they name exists") {
    const std::string sources = all_sources();
    const auto declares = [&](const std::string& member) {
        const char* const after = member.ends_with('_') ? ";" : "(";
        return sources.find(member + after) != std::string::npos;
    };
    for (const fs::path& document : documents()) {
        const std::string text = content_of(document);
        for (const std::smatch& match : matches(text, member_name))
            CHECK_MESSAGE(declares(match[2].str()), document << ": " << match[0].str());
    }
}

TEST_CASE("documents: comments refer to decisions that are written down") {
    const std::regex decision(R"(docs/adr/(\d{4}))");
    const std::string sources = all_sources();
    const std::vector<fs::path> written = files_below(root / "docs" / "adr", {".md"});
    for (const std::smatch& match : matches(sources, decision)) {
        const bool found = std::any_of(written.begin(), written.end(), [&](const fs::path& file) {
            return file.filename().string().starts_with(match[1].str());
        });
        CHECK_MESSAGE(found, match[0].str());
    }
}

TEST_CASE("documents: the test sees what it looks for") {
    const std::string text = "`totem/no_such.cpp`, [x](gone.md), `Ring::nothing`, `scripts/x --y`";
    CHECK(matches(text, path).size() == 2);
    CHECK(matches(text, relative_link).size() == 1);
    CHECK(matches(text, member_name).size() == 1);
}
