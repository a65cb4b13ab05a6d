// What a frame of a journal says, as bytes; how frames are told apart is journal_frames.h's matter.
#pragma once

#include "ctdbd/model/journal_frames.h"

#include <optional>
#include <string>

namespace ctdbd::journal {

[[nodiscard]] std::string encode_content(const Frame& frame);
[[nodiscard]] std::optional<Frame> decode_content(ByteSpan bytes);

} // namespace ctdbd::journal
