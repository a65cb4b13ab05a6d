// The key file: made, read, and refused with a remedy.
#include "net/key_file.h"
#include "tests/net/scratch.h"

#include <doctest/doctest.h>

#include <sys/stat.h>

using namespace net;
using tests::complaint;
using tests::says;

namespace {

const std::string good_secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::string refusal_of(const std::string& text) {
    return complaint([&] { (void)parse_key_file(text, "totem.key"); });
}

} // namespace

TEST_CASE("a key that was made is read back, and only its owner may read the file") {
    const tests::Scratch scratch;
    const Key key{7, Cipher::chacha20_poly1305, Secret::random()};
    create_key_file(scratch / "key", key);
    const KeyFile file = read_key_file(scratch / "key");
    REQUIRE(file.keys.size() == 1);
    CHECK(file.keys[0] == key);

    struct stat status {};

    REQUIRE(::stat((scratch / "key").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE("a key file is never overwritten") {
    const tests::Scratch scratch;
    const Key key{1, Cipher::chacha20_poly1305, Secret::random()};
    create_key_file(scratch / "key", key);
    const std::string before = tests::content_of(scratch / "key");
    const std::string sentence = complaint([&] { create_key_file(scratch / "key", key); });
    CHECK(says(sentence, {"/key", "never overwritten"}));
    CHECK(tests::content_of(scratch / "key") == before);
}

TEST_CASE("a key file that others may read is refused") {
    const tests::Scratch scratch;
    create_key_file(scratch / "key", {1, Cipher::chacha20_poly1305, Secret::random()});
    for (const unsigned mode : {0640U, 0604U, 0620U}) {
        std::filesystem::permissions(scratch / "key", std::filesystem::perms(mode));
        CHECK(
            says(complaint([&] { (void)read_key_file(scratch / "key"); }), {"/key", "chmod 600"}));
    }
}

TEST_CASE("a missing key file names the remedy") {
    const tests::Scratch scratch;
    CHECK(says(complaint([&] { (void)read_key_file(scratch / "none"); }),
               {"/none", "totem-keygen", "copy it to every node"}));
}

TEST_CASE("the first key seals, ids differ, comments and empty lines do not matter") {
    const KeyFile file = parse_key_file("# ours\n\nkey 4 chacha20-poly1305 " + good_secret +
                                            "\n  key 3 chacha20-poly1305 " + good_secret + "\n",
                                        "totem.key");
    REQUIRE(file.keys.size() == 2);
    CHECK(file.keys[0].id == 4);
    CHECK(file.keys[1].id == 3);
}

TEST_CASE("what is wrong in a key file is named with file, line and remedy") {
    const std::string good = "key 1 chacha20-poly1305 " + good_secret + "\n";
    CHECK(says(refusal_of(""), {"totem.key", "no key", "totem-keygen"}));
    CHECK(says(refusal_of("# x\nkei 1 a b\n"), {"totem.key:2", "kei", "begins with `key`"}));
    CHECK(says(refusal_of("key 1 aes256-gcm\n"), {"totem.key:1", "three words", "totem-keygen"}));
    CHECK(says(refusal_of(good + "key 1 chacha20-poly1305 " + good_secret), {":2", "twice"}));
    CHECK(says(refusal_of("key 256 chacha20-poly1305 " + good_secret), {":1", "256", "0 to 255"}));
    CHECK(says(refusal_of("key -1 chacha20-poly1305 " + good_secret), {":1", "-1", "0 to 255"}));
    CHECK(says(refusal_of("key 1 rot13 " + good_secret), {":1", "rot13", "aes256-gcm"}));
    CHECK(says(refusal_of("key 1 chacha20-poly1305 AAEC"), {":1", "32 bytes"}));
    CHECK(says(refusal_of("key 1 chacha20-poly1305 " + good_secret + "AA"), {":1", "32 bytes"}));
    CHECK(says(refusal_of(good + "key 2 chacha20-poly1305 " + good_secret + " x"), {":2"}));
}
