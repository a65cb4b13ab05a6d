#include "ctdbd/protocol/tunables.h"

#include "ctdbd/protocol/layout.h"

namespace ctdbd::protocol {

void layout(auto& io, Is<TunableSet> auto& tunable) {
    io.number("value", tunable.value);
    length_and_text(io, "name", tunable.name);
}

template <>
inline constexpr Tail tail_of<TunableSet> = Tail::ignored;

void layout(auto& io, Is<TunableGet> auto& tunable) { length_and_text(io, "name", tunable.name); }

template <>
inline constexpr Tail tail_of<TunableGet> = Tail::ignored;

void layout(auto& io, Is<TunableNames> auto& names) { length_and_text(io, "names", names.text); }

void layout(auto& io, Is<TunableValues> auto& tunables) {
    for (auto& value : tunables.values)
        io.number("value", value);
}

template Decoded<TunableSet> decode(const Bytes&);
template Decoded<TunableGet> decode(const Bytes&);
template Decoded<TunableNames> decode(const Bytes&);
template Decoded<TunableValues> decode(const Bytes&);

template Bytes encode(const TunableSet&);
template Bytes encode(const TunableGet&);
template Bytes encode(const TunableNames&);
template Bytes encode(const TunableValues&);

} // namespace ctdbd::protocol
