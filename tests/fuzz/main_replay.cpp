// Runs a fuzz target without libFuzzer: replays a corpus, then mutates it for a while. Neither
// coverage nor cleverness, but it needs no other compiler, and the same corpus gives the same
// sequence of inputs every time, another one for each seed. The tests run it; scripts/fuzz runs the
// real one.
//
//     fuzz_TARGET [--seconds S] [--seed N] [FILE|DIRECTORY]...
//
// When the target crashes, hangs for 20 s or runs out of memory, the input is left in
// crash-TARGET in the working directory.
#include "tests/fuzz/input.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Sample = std::vector<std::uint8_t>;

constexpr unsigned patience_in_seconds = 20;
constexpr std::size_t size_max = 4096;

// For the signal handler: what runs now, and where it is to be left.
const Sample* running = nullptr;
std::string crash_file;

void say(const std::string& text) {
    const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    (void)written;
}

void leave_reproducer(int signal) {
    const int file = ::open(crash_file.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (file >= 0 && running != nullptr) {
        const auto written = ::write(file, running->data(), running->size());
        (void)written;
    }
    say(signal == SIGALRM ? "the target hangs; the input is in " : "the input is in ");
    say(crash_file);
    say("\n");
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}

void watch() {
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM})
        ::signal(signal, leave_reproducer);
#ifndef TOTEM_SANITIZED // whose shadow memory would not fit
    const rlimit memory{.rlim_cur = rlim_t{2} << 30, .rlim_max = rlim_t{2} << 30};
    ::setrlimit(RLIMIT_AS, &memory);
#endif
}

void run(const Sample& sample) {
    running = &sample;
    ::alarm(patience_in_seconds);
    const Sample exact(sample); // its memory ends where the sample ends
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

// SplitMix64.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    std::size_t below(std::size_t bound) { return bound == 0 ? 0 : next() % bound; }

private:
    std::uint64_t state_;
};

void mutate_once(Sample& sample, const Sample& other, Dice& dice) {
    constexpr std::array<std::uint8_t, 8> telling = {0, 1, 2, 0x10, 0x7f, 0x80, 0xfe, 0xff};
    const auto at = [&](std::size_t place) { return sample.begin() + std::ptrdiff_t(place); };
    const std::size_t place = dice.below(sample.size());
    switch (sample.empty() ? 3 : dice.below(8)) {
    case 0:
        sample[place] ^= static_cast<std::uint8_t>(1U << dice.below(8));
        break;
    case 1:
        sample[place] = telling[dice.below(telling.size())];
        break;
    case 2:
        sample[place] = static_cast<std::uint8_t>(dice.next());
        break;
    case 3:
        sample.insert(at(place), static_cast<std::uint8_t>(dice.next()));
        break;
    case 4:
        sample.erase(at(place),
                     at(place + 1 + dice.below(std::min<std::size_t>(16, sample.size() - place))));
        break;
    case 5: { // a piece of it once more
        const Sample piece(at(place), at(place + dice.below(sample.size() - place)));
        sample.insert(at(dice.below(sample.size())), piece.begin(), piece.end());
        break;
    }
    case 6: // goes on like another one
        sample.resize(place);
        if (!other.empty())
            sample.insert(sample.end(), other.begin() + std::ptrdiff_t(dice.below(other.size())),
                          other.end());
        break;
    default:
        sample[place] = static_cast<std::uint8_t>(sample[place] + (dice.below(2) == 0 ? 1 : -1));
    }
    if (sample.size() > size_max) sample.resize(size_max);
}

Sample read(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

// In one order on every machine.
std::vector<Sample> read_corpus(const std::vector<fs::path>& places) {
    std::vector<fs::path> files;
    for (const fs::path& place : places) {
        if (!fs::is_directory(place)) {
            files.push_back(place);
            continue;
        }
        for (const auto& entry : fs::directory_iterator(place))
            files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<Sample> samples;
    for (const fs::path& file : files)
        samples.push_back(read(file));
    return samples;
}

} // namespace

int main(int count, char** words) {
    const std::vector<std::string> arguments(words + 1, words + count);
    double seconds = 0;
    std::uint64_t seed = 1;
    std::vector<fs::path> places;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i] == "--seconds" && i + 1 < arguments.size())
            seconds = std::atof(arguments[++i].c_str());
        else if (arguments[i] == "--seed" && i + 1 < arguments.size())
            seed = std::strtoull(arguments[++i].c_str(), nullptr, 10);
        else
            places.emplace_back(arguments[i]);
    }
    crash_file = "crash-" + fs::path(words[0]).filename().string();
    for (const fs::path& place : places)
        if (!fs::exists(place)) {
            say(place.string() + " is not there\n");
            return 2;
        }
    watch();
    std::vector<Sample> corpus = read_corpus(places);
    for (const Sample& sample : corpus)
        run(sample);
    if (corpus.empty()) corpus.emplace_back();

    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    Dice dice(seed);
    std::uint64_t runs = 0;
    for (; Clock::now() < end; ++runs) {
        Sample sample = corpus[dice.below(corpus.size())];
        for (std::size_t changes = 1 + dice.below(6); changes > 0; --changes)
            mutate_once(sample, corpus[dice.below(corpus.size())], dice);
        run(sample);
    }
    std::printf("%zu inputs of the corpus, %llu mutations of them: no finding\n", corpus.size(),
                static_cast<unsigned long long>(runs));
    return 0;
}
