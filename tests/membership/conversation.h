// Scenarios as conversations: flush-left lines of a text file are what we do to a World, indented
// lines what its processors answered. Playing a file gives the text it should be; a test compares,
// REWRITE=1 rewrites.
//
//   ring of A B C                            start them, wait until they are one idle ring
//   start A                                  (also after a crash: its next life)
//   the original protocol | the accelerated ring        before the first start
//   A submits [safe] "text"
//   lose [the next [N]|all] KIND [from A] [to B]        KIND: data, tokens, commits, joins, packets
//   lose nothing
//   rotate                                   until the token was passed on once by every member
//   wait 10 ms | wait for ring A B | wait for B to deliver "text" | wait for A to install
//   crash A | pause A | resume A | A leaves | B cannot reach C
//   cut A | B C   and   heal
//   tell everything | tell stories           packets as well (tokens only while they move
//                                            something), or only what applications see
#pragma once

#include <string>

namespace membership::testing {

// The conversation as it goes today. A line that cannot be understood, or a wait that is in vain,
// shows in the answer.
std::string play(const std::string& text);

} // namespace membership::testing
