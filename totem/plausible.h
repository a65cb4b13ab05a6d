// What no honest processor writes (totem.md section 3 and 7.6): every check of a packet that needs
// no knowledge of the ring. Asked of plain values, after decoding and before encoding alike, so
// that the codec only translates.
#pragma once

#include "totem/wire.h"

#include <optional>

namespace totem {

// The reason to refuse the packet, or nothing.
[[nodiscard]] std::optional<WireError> implausible(const DataPacket& packet);
[[nodiscard]] std::optional<WireError> implausible(const Token& token);
[[nodiscard]] std::optional<WireError> implausible(const Join& join);
[[nodiscard]] std::optional<WireError> implausible(const CommitToken& commit);
[[nodiscard]] std::optional<WireError> implausible(const Probe& probe);
[[nodiscard]] std::optional<WireError> implausible(const Hurry& hurry);
[[nodiscard]] std::optional<WireError> implausible(const Leave& leave);
[[nodiscard]] std::optional<WireError> implausible(const Hold& hold);

} // namespace totem
