// A node's ear: datagrams as they come from the network, genuine ones among them, kept, repeated
// and spoilt on the way. What is opened was sealed by somebody who has the key, is what was sealed,
// and is heard once.
//
// All randomness is libsodium's, whose source is replaced: an input does the same each time.
#include "net/seal.h"
#include "tests/fuzz/input.h"

#include <sodium.h>

#include <set>

namespace {

using namespace fuzz;
using namespace net;

std::uint64_t counted = 0;

std::uint32_t next_number() { return static_cast<std::uint32_t>(++counted * 2654435761U); }

randombytes_implementation countable = {
    .implementation_name = [] { return "counted"; },
    .random = next_number,
    .stir = nullptr,
    .uniform = nullptr,
    .buf =
        [](void* buffer, std::size_t size) {
            auto* bytes = static_cast<std::uint8_t*>(buffer);
            for (std::size_t i = 0; i < size; ++i)
                bytes[i] = static_cast<std::uint8_t>(next_number() >> 16);
        },
    .close = nullptr,
};

struct Datagram {
    std::vector<std::uint8_t> bytes;
    ProcessorId sender;
    PacketType type = PacketType::data;
    std::vector<std::uint8_t> body;
    bool spoilt = false;
};

class Ear {
public:
    explicit Ear(Input& in)
        : in_(in), insecure_(in.chance(64)),
          own_(context({1, 7})), senders_{Sealer(context({2, 1})), Sealer(context({2, 2})),
                                          Sealer(context({3, 1}), 3)},
          opener_(context({1, 7}), {1, 2, 3}) {}

    void run() {
        while (!in_.at_end()) {
            switch (in_.number(0, 4)) {
            case 0:
                hear_noise();
                break;
            case 1:
            case 2:
                seal();
                break;
            default:
                hear_kept();
            }
            now_ += std::chrono::milliseconds(in_.number(0, 255));
        }
    }

private:
    [[nodiscard]] SealContext context(ProcessorId self) const {
        SealContext context{.cluster = "fuzz", .self = self, .keys = {}};
        if (insecure_) return context;
        std::array<std::uint8_t, secret_size> secret{};
        secret.fill(42);
        context.keys = {{3, Cipher::chacha20_poly1305, Secret(secret)}};
        return context;
    }

    void seal() {
        constexpr std::array<ProcessorId, 3> names = {{{2, 1}, {2, 2}, {3, 1}}};
        const std::size_t who = in_.number(0, 2);
        Datagram datagram{.bytes = {},
                          .sender = names[who],
                          .type = static_cast<PacketType>(in_.number(1, 8)),
                          .body = {}};
        const Bytes body = in_.some_bytes(100);
        datagram.body.assign(body.data(), body.data() + body.size());
        datagram.bytes.resize(envelope_size + body.size() + senders_[who].overhead());
        std::copy(datagram.body.begin(), datagram.body.end(),
                  datagram.bytes.begin() + envelope_size);
        datagram.bytes.resize(senders_[who].seal(datagram.type, datagram.bytes, body.size()));
        if (in_.chance(64)) spoil(datagram);
        kept_.push_back(std::move(datagram));
        if (kept_.size() > 32) kept_.erase(kept_.begin());
    }

    void spoil(Datagram& datagram) {
        auto& bytes = datagram.bytes;
        const auto before = bytes;
        const std::size_t place = in_.number(0, bytes.size() - 1);
        if (in_.coin())
            bytes[place] ^= in_.byte();
        else if (in_.coin())
            bytes.resize(place);
        else
            bytes.push_back(in_.byte());
        datagram.spoilt = bytes != before;
    }

    [[nodiscard]] std::variant<Opened, Refusal> open(std::vector<std::uint8_t>& bytes) {
        std::optional<NodeId> address;
        if (in_.coin()) address = static_cast<NodeId>(in_.number(1, 4));
        return opener_.open(bytes, address, own_.boot_nonce(), now_);
    }

    void hear_noise() {
        const Bytes noise = in_.some_bytes(120);
        std::vector<std::uint8_t> bytes(noise.data(), noise.data() + noise.size());
        const auto opened = open(bytes);
        check(insecure_ || std::holds_alternative<Refusal>(opened), "noise is not authentic");
    }

    void hear_kept() {
        if (kept_.empty()) return;
        const Datagram& kept = kept_[in_.number(0, kept_.size() - 1)];
        std::vector<std::uint8_t> bytes = kept.bytes;
        const auto result = open(bytes);
        const auto* opened = std::get_if<Opened>(&result);
        if (opened == nullptr) {
            check(!describe(std::get<Refusal>(result)).empty(), "a refusal has a name");
            return;
        }
        if (insecure_ && kept.spoilt) return; // CRC-32C finds accidents, not design
        check(!kept.spoilt, "what was changed on the way is not opened");
        check(opened->sender == kept.sender && opened->type == kept.type &&
                  std::equal(opened->body.begin(), opened->body.end(), kept.body.begin(),
                             kept.body.end()),
              "what is opened is what was sealed");
        check(heard_.insert(kept.bytes).second, "no datagram is heard twice");
    }

    Input& in_;
    bool insecure_;
    Sealer own_;
    std::array<Sealer, 3> senders_;
    Opener opener_;
    Instant now_{std::chrono::seconds(1)};
    std::vector<Datagram> kept_;
    std::set<std::vector<std::uint8_t>> heard_;
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool replaced =
        randombytes_set_implementation(&countable) == 0 && sodium_init() >= 0;
    check(replaced, "libsodium takes our numbers");
    counted = 0;
    Input in({data, size});
    Ear(in).run();
    return 0;
}
