// The file of shared keys, as an administrator with a bad day may have left it: it is refused with
// a sentence that names it, or its keys are usable.
#include "net/key_file.h"

#include "tests/fuzz/input.h"

#include <set>
#include <stdexcept>

using namespace fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    try {
        const net::KeyFile file = net::parse_key_file(in.rest_as_text(), "totem.key");
        check(!file.keys.empty(), "a key file has a key");
        std::set<std::uint8_t> ids;
        for (const net::Key& key : file.keys) {
            check(ids.insert(key.id).second, "key ids differ");
            check(net::available(key.cipher), "an accepted cipher can be used");
            (void)net::Aead(key.cipher, key.secret);
        }
    } catch (const std::runtime_error& refusal) {
        check(std::string(refusal.what()).find("totem.key") == 0, "a refusal names the file");
    }
    return 0;
}
