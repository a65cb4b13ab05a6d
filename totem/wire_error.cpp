// Why a packet was refused, in words.
#include "totem/wire.h"

namespace totem {

namespace {

// Boost's categories are never destroyed through their base, whose destructor is protected.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"

class WireCategory final : public boost::system::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "totem wire"; }

    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<WireError>(value)) {
        case WireError::too_short:
            return "the packet is too short";
        case WireError::trailing_bytes:
            return "bytes are left behind the packet";
        case WireError::unknown_type:
            return "unknown packet type";
        case WireError::bad_field:
            return "a field no honest sender writes";
        case WireError::too_many:
            return "a list is longer than allowed";
        case WireError::not_parsable:
            return "not a Protobuf message of its type";
        case WireError::does_not_fit:
            return "the packet does not fit the buffer";
        case WireError::unknown_version:
            return "unknown protocol version";
        }
        return "unknown wire error";
    }
};

#pragma GCC diagnostic pop

} // namespace

const boost::system::error_category& wire_category() {
    static const WireCategory category;
    return category;
}

boost::system::error_code make_error_code(WireError error) {
    return {static_cast<int>(error), wire_category()};
}

} // namespace totem
