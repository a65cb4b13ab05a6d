// The picture that stands alone: title, legend, diagram.
#include "sim/draw/diagram.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace sim::draw {

namespace {

constexpr std::size_t hops_max = 6000;
constexpr double head = 74;

std::string legend(double y) {
    struct Item {
        const char* look;
        const char* word;
    };

    constexpr std::array items = {
        Item{"hop token", "token"},         Item{"hop data", "message"},
        Item{"hop again", "message again"}, Item{"hop join", "JOIN"},
        Item{"hop commit", "commit token"}, Item{"loss", "lost"},
    };
    std::string text;
    double x = Diagram::left;
    for (const Item& item : items) {
        text += fmt::format("<path class=\"{}\" d=\"M{:.0f} {:.0f}h24\"/><text x=\"{:.0f}\" "
                            "y=\"{:.0f}\" class=\"tick\">{}</text>",
                            item.look, x, y - 4, x + 30, y, item.word);
        x += 30 + 7.2 * static_cast<double>(std::string_view(item.word).size()) + 22;
    }
    return text + fmt::format("<path class=\"agreed\" d=\"M{0:.0f} {1:.0f}h0\"/><path "
                              "class=\"safe\" d=\"M{2:.0f} {1:.0f}h0\"/><text x=\"{3:.0f}\" "
                              "y=\"{4:.0f}\" class=\"tick\">delivered agreed, safe; one colour is "
                              "one ring, dashed grey: forming the next</text>",
                              x + 4, y - 4, x + 16, x + 28, y);
}

} // namespace

std::string svg(const Chronicle& chronicle, const Window& window, const Caption& caption) {
    Diagram diagram(chronicle, window, hops_max);
    const std::string picture = diagram.element();
    const std::string note = diagram.left_out();
    return fmt::format(
        R"svg(<svg class="diagram" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}">
<style>{2}
.title {{ font-size: 18px; font-weight: 600; fill: #1b2430; }}
.verdict {{ font-weight: 600; }}
</style>
<rect width="{0:.0f}" height="{1:.0f}" fill="#fff"/>
<text class="title" x="{3:.0f}" y="28">{4}</text>
<text class="tick" x="{3:.0f}" y="46">{5} <tspan class="verdict" fill="{6}">{7}</tspan></text>
{8}
<text class="tick" x="{3:.0f}" y="{9:.0f}">{10}</text>
<g transform="translate(0 {11:.0f})">{12}</g>
</svg>
)svg",
        diagram.width(), diagram.height() + head + (note.empty() ? 0 : 20), diagram_style(),
        Diagram::left, escaped(caption.title), escaped(caption.subtitle),
        caption.good ? "#1d7a43" : "#b3001b", escaped(caption.verdict), legend(66),
        head + diagram.height() + 12, escaped(note), head, picture);
}

} // namespace sim::draw
