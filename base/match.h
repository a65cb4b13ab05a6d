// std::visit with lambdas: std::visit(Match{[](const A&) {...}, [](const B&) {...}}, variant).
#pragma once

#include <variant>

namespace base {

template <class... Arms>
struct Match : Arms... {
    using Arms::operator()...;
};

template <class... Arms>
Match(Arms...) -> Match<Arms...>; // Clang 14 does not deduce it for aggregates

} // namespace base
