#include "sim/draw/diagram.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace sim::draw {

namespace {

constexpr double plot_width = 1400, lane_height = 19, axis_height = 34, top = 12;
constexpr double band_half = 11; // of a configuration's band, above and below the line
constexpr std::size_t lanes_max = 7;

double milliseconds(Instant at) { return static_cast<double>(at.time_since_epoch().count()) / 1e6; }

// About as wide as the text will be.
double text_width(const std::string& text) { return 6.3 * static_cast<double>(text.size()) + 14; }

const char* css_class(PacketType type) {
    switch (type) {
    case PacketType::data:
        return "data";
    case PacketType::token:
        return "token";
    case PacketType::join:
        return "join";
    case PacketType::commit:
        return "commit";
    case PacketType::leave:
        return "leave";
    default:
        return "other";
    }
}

std::string caption_of(const Hop& hop) {
    constexpr std::array names = {"?",     "message", "token", "JOIN", "commit token",
                                  "PROBE", "HURRY",   "LEAVE", "HOLD", "direct"};
    const auto type = static_cast<std::size_t>(hop.type);
    std::string text = type < names.size() ? names[type] : "?";
    if (hop.number != 0) text += fmt::format(" {}", hop.number);
    if (hop.again) text += " again";
    text += fmt::format(", {} to {}, sent {:.3f} ms", hop.from, hop.to, milliseconds(hop.sent));
    return text +
           (hop.lost ? ", lost" : fmt::format(", arrives {:.3f} ms", milliseconds(hop.arrives)));
}

} // namespace

std::string escaped(const std::string& text) {
    std::string result;
    for (const char letter : text) {
        switch (letter) {
        case '<':
            result += "&lt;";
            break;
        case '>':
            result += "&gt;";
            break;
        case '&':
            result += "&amp;";
            break;
        case '"':
            result += "&quot;";
            break;
        default:
            result += letter;
        }
    }
    return result;
}

const char* diagram_style() {
    return R"(
.diagram { font: 12px system-ui, "Helvetica Neue", Arial, sans-serif; background: #fff; }
.diagram path, .diagram rect { vector-effect: non-scaling-stroke; }
.life { stroke: #b9c0ca; stroke-width: 1.2; fill: none; }
.band { stroke-width: 1; }
.torn { fill: #e9ebef; stroke: #c3c8d0; stroke-width: 1; stroke-dasharray: 3 3; }
.paused { fill: url(#hatch); stroke: #8b93a1; stroke-width: 1; }
.hop { fill: none; stroke-width: 1; }
.token { stroke: #0f8a7a; stroke-width: 1.1; }
.data { stroke: #5b8def; opacity: .55; }
.again { stroke: #9b51e0; opacity: .8; }
.join { stroke: #e58a00; }
.commit { stroke: #b5179e; stroke-width: 1.6; }
.leave { stroke: #6b4f2a; stroke-width: 1.4; }
.other { stroke: #9aa3af; opacity: .7; stroke-dasharray: 2 2; }
.lost { stroke-dasharray: 3 2; }
.loss { stroke: #d62839; stroke-width: 1.4; fill: none; }
.agreed, .safe { fill: none; stroke-linecap: round; stroke-width: 3; stroke: #2f5fc4; }
.safe { stroke: #12355b; stroke-width: 4.2; }
.fault { fill: #fbdada; stroke: #d62839; stroke-width: 1; }
.edge { stroke: #d62839; stroke-width: 1; stroke-dasharray: 2 4; opacity: .65; fill: none; }
.faultword { fill: #96131f; font-size: 11.5px; }
.ringword { fill: #27313f; font-size: 11px; }
.name { font-weight: 600; fill: #27313f; }
.dead { stroke: #d62839; stroke-width: 2.4; fill: none; stroke-linecap: round; }
.born { fill: #2e9e5b; stroke: #fff; stroke-width: 1; }
.tick { fill: #5d6673; font-size: 11px; }
.grid { stroke: #eceff3; fill: none; }
.healed { stroke: #2e9e5b; stroke-width: 1.4; stroke-dasharray: 6 4; fill: none; }
.healedword { fill: #1d7a43; font-size: 11.5px; }
)";
}

Diagram::Diagram(const Chronicle& chronicle, const Window& window, std::size_t hops_max)
    : chronicle_(chronicle), window_(window), selection_(select(chronicle, window, hops_max)),
      row_height_(std::clamp(620.0 / std::max<NodeId>(1, chronicle.nodes()), 34.0, 84.0)) {
    for (const Band& band : chronicle.bands())
        rings_.emplace(band.ring, rings_.size());
    place_marks();
}

double Diagram::width() const { return left + plot_width + right; }

double Diagram::height() const {
    return top + static_cast<double>(lanes_) * lane_height + row_height_ * chronicle_.nodes() +
           axis_height;
}

double Diagram::x(Instant at) const {
    const Instant within = std::clamp(at, window_.from, window_.to);
    return left + plot_width * static_cast<double>((within - window_.from).count()) /
                      static_cast<double>((window_.to - window_.from).count());
}

double Diagram::row(NodeId node) const {
    return top + static_cast<double>(lanes_) * lane_height + row_height_ * (node - 0.5);
}

bool Diagram::visible(Instant from, Instant to) const {
    return to >= window_.from && from <= window_.to;
}

// Neighbours in time get hues that are far apart.
std::string Diagram::colour(const trace::RingName& ring, const char* lightness) const {
    const double hue = std::fmod(205 + 137.508 * static_cast<double>(rings_.at(ring)), 360);
    return fmt::format("hsl({:.0f},62%,{})", hue, lightness);
}

// Each fault gets the first lane in which its words do not cover another's.
void Diagram::place_marks() {
    std::vector<double> taken;
    for (const Mark& mark : chronicle_.marks()) {
        if (!visible(mark.at, mark.until)) continue;
        const double from = x(mark.at);
        const double to = std::max(x(mark.until), from + text_width(mark.fault.text));
        std::size_t lane = 0;
        while (lane < taken.size() && taken[lane] > from)
            ++lane;
        if (lane >= lanes_max) lane = lanes_max - 1;
        if (lane >= taken.size()) taken.resize(lane + 1);
        taken[lane] = to;
        placed_.push_back({&mark, lane});
    }
    lanes_ = taken.size() + 1; // the last one is free
}

void Diagram::draw_marks() {
    for (const auto& [mark, lane] : placed_) {
        const double y = top + static_cast<double>(lane) * lane_height;
        const double from = x(mark->at), to = x(mark->until);
        shapes_ += fmt::format("<rect class=\"fault\" x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" "
                               "height=\"14\"><title>{}, "
                               "{:.3f} to {:.3f} ms</title></rect>",
                               from, y, std::max(to - from, 1.5), escaped(mark->fault.text),
                               milliseconds(mark->at), milliseconds(mark->until));
        words_ += fmt::format("<text class=\"faultword\" data-x=\"{:.2f}\" x=\"{:.2f}\" dx=\"5\" "
                              "y=\"{:.1f}\">{}</text>",
                              from, from, y + 11, escaped(mark->fault.text));
        for (const double edge : {from, to})
            shapes_ += fmt::format("<path class=\"edge\" d=\"M{:.2f} {:.1f}V{:.1f}\"/>", edge,
                                   y + 14, height() - axis_height);
        if (mark->fault.kind != "pause") continue;
        for (const NodeId node : mark->fault.nodes)
            shapes_ += fmt::format("<rect class=\"paused\" x=\"{:.2f}\" y=\"{:.1f}\" "
                                   "width=\"{:.2f}\" height=\"{:.1f}\"/>",
                                   from, row(node) - band_half, to - from, 2 * band_half);
    }
    if (!chronicle_.healed() || !visible(*chronicle_.healed(), *chronicle_.healed())) return;
    const double at = x(*chronicle_.healed());
    const double y = top + static_cast<double>(lanes_ - 1) * lane_height;
    shapes_ += fmt::format("<path class=\"healed\" d=\"M{:.2f} {:.1f}V{:.1f}\"/>", at, y,
                           height() - axis_height);
    const bool near_the_edge = at > 0.9 * plot_width; // then the words go to the left
    words_ += fmt::format("<text class=\"healedword\" data-x=\"{0:.2f}\" x=\"{0:.2f}\" dx=\"{2}\" "
                          "text-anchor=\"{3}\" y=\"{1:.1f}\">all faults end</text>",
                          at, y + 11, near_the_edge ? -5 : 5, near_the_edge ? "end" : "start");
}

void Diagram::draw_lives() {
    for (const LifeSpan& life : chronicle_.lives()) {
        if (!visible(life.from, life.to)) continue;
        const double y = row(life.node);
        shapes_ += fmt::format("<path class=\"life\" d=\"M{:.2f} {:.1f}H{:.2f}\"/>", x(life.from),
                               y, x(life.to));
        const auto sign = [&](Instant at, const std::string& shape, const char* what) {
            if (!visible(at, at)) return;
            words_ += fmt::format("<g data-x=\"{0:.2f}\" transform=\"translate({0:.2f} {1:.1f})\" "
                                  "data-y=\"{1:.1f}\">{2}<title>node {3} {4} at {5:.3f} "
                                  "ms</title></g>",
                                  x(at), y, shape, life.node, what, milliseconds(at));
        };
        sign(life.from, "<path class=\"born\" d=\"M-5-6L6 0L-5 6z\"/>", "starts");
        if (life.crashed)
            sign(life.to, "<path class=\"dead\" d=\"M-6-6L6 6M-6 6L6-6\"/>", "is dead");
    }
}

void Diagram::draw_bands() {
    const auto rectangle = [&](const Band& band, Instant from, Instant to,
                               const std::string& look) {
        if (to <= from || !visible(from, to)) return;
        shapes_ += fmt::format(
            "<rect {} x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\"><title>node {}: "
            "ring {} of {}{}, {:.3f} to {:.3f} ms</title></rect>",
            look, x(from), row(band.node) - band_half, x(to) - x(from), 2 * band_half, band.node,
            trace::describe(band.ring), trace::describe(band.members),
            band.primary ? ", may act" : "", milliseconds(from), milliseconds(to));
    };
    for (const Band& band : chronicle_.bands()) {
        rectangle(band, band.from, band.interrupted,
                  fmt::format("class=\"band\" fill=\"{}\" stroke=\"{}\"", colour(band.ring, "86%"),
                              colour(band.ring, "62%")));
        rectangle(band, band.interrupted, band.to, "class=\"torn\"");
        const std::string word =
            fmt::format("{} {}", trace::describe(band.ring), trace::describe(band.members));
        const double room = x(band.interrupted) - x(band.from);
        if (!visible(band.from, band.interrupted)) continue;
        // The page shows a word as soon as zooming gives it room.
        words_ += fmt::format("<text class=\"ringword\" data-x=\"{0:.2f}\" data-room=\"{1:.2f}\" "
                              "x=\"{0:.2f}\" dx=\"5\" y=\"{2:.1f}\"{3}>{4}</text>",
                              x(band.from), room, row(band.node) + band_half + 12,
                              room < text_width(word) ? " display=\"none\"" : "", word);
    }
}

void Diagram::draw_hops() {
    for (const Hop* hop : selection_.hops) {
        const double y1 = row(hop->from), y2 = row(hop->to);
        const std::string look = fmt::format(
            "hop {}{}", hop->again ? "again" : css_class(hop->type), hop->lost ? " lost" : "");
        if (!hop->lost) {
            shapes_ += fmt::format("<path class=\"{}\" d=\"M{:.2f} {:.1f}L{:.2f} {:.1f}\"><title>{}"
                                   "</title></path>",
                                   look, x(hop->sent), y1, x(hop->arrives), y2, caption_of(*hop));
            continue;
        }
        // It goes part of the way, as straight up or down as lost things do, and ends in a cross.
        const double reach = std::min(26.0, std::abs(y2 - y1) * 0.4);
        const double y = y1 + (y2 > y1 ? reach : -reach);
        shapes_ += fmt::format(
            "<path class=\"{0}\" d=\"M{1:.2f} {2:.1f}V{3:.1f}\"><title>{4}</title></path>", look,
            x(hop->sent), y1, y, caption_of(*hop));
        words_ +=
            fmt::format("<g data-x=\"{0:.2f}\" data-y=\"{1:.1f}\" transform=\"translate({0:.2f} "
                        "{1:.1f})\"><path class=\"loss\" d=\"M-3-3L3 3M-3 3L3-3\"/></g>",
                        x(hop->sent), y);
    }
}

// Dots on the lines; those of one process are one element.
void Diagram::draw_deliveries() {
    for (const bool safe : {false, true}) {
        std::map<NodeId, std::string> dots;
        for (const Delivered& one : chronicle_.delivered())
            if (one.safe == safe && visible(one.at, one.at))
                dots[one.node] += fmt::format("M{:.2f} {:.1f}h0", x(one.at), row(one.node));
        for (const auto& [node, path] : dots)
            shapes_ += fmt::format("<path class=\"{}\" d=\"{}\"/>", safe ? "safe" : "agreed", path);
    }
}

void Diagram::draw_names() {
    for (NodeId node = 1; node <= chronicle_.nodes(); ++node)
        fixed_ += fmt::format("<text class=\"name\" x=\"{:.0f}\" y=\"{:.1f}\" "
                              "text-anchor=\"end\">node {}</text>",
                              left - 12, row(node) + 4, node);
}

void Diagram::draw_axis() {
    // About ten ticks of a round length.
    const double span = milliseconds(window_.to) - milliseconds(window_.from);
    double step = std::pow(10, std::floor(std::log10(span / 10)));
    for (const double factor : {2.0, 2.5, 2.0})
        if (span / step > 14) step *= factor;
    const double bottom = height() - axis_height;
    std::string axis;
    for (double tick = std::ceil(milliseconds(window_.from) / step) * step;
         tick <= milliseconds(window_.to); tick += step) {
        const double at = left + plot_width * (tick - milliseconds(window_.from)) / span;
        axis += fmt::format("<path class=\"grid\" d=\"M{0:.2f} {1:.1f}V{2:.1f}\"/><text "
                            "class=\"tick\" x=\"{0:.2f}\" y=\"{3:.1f}\" "
                            "text-anchor=\"middle\">{4:.6g} ms</text>",
                            at, top, bottom + 4, bottom + 20, tick);
    }
    fixed_ += fmt::format("<g id=\"axis\" data-from=\"{:.6f}\" data-to=\"{:.6f}\" data-left=\"{}\" "
                          "data-width=\"{}\" data-top=\"{}\" data-bottom=\"{:.1f}\">{}</g>",
                          milliseconds(window_.from), milliseconds(window_.to), left, plot_width,
                          top, bottom, axis);
}

std::string Diagram::element() {
    draw_axis();
    draw_names();
    draw_bands();
    draw_lives();
    draw_hops();
    draw_deliveries();
    draw_marks();
    return fmt::format(
        R"svg(<svg class="diagram" id="diagram" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}">
<style>{2}</style>
<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#eef0f4"/><path d="M0 0V6" stroke="#9aa3af" stroke-width="2"/></pattern>
<clipPath id="plot"><rect x="{3:.0f}" y="0" width="{4:.0f}" height="{1:.0f}"/></clipPath></defs>
<rect width="{0:.0f}" height="{1:.0f}" fill="#fff"/>
{5}
<g clip-path="url(#plot)"><g id="shapes">{6}</g><g id="words">{7}</g></g>
</svg>
)svg",
        width(), height(), diagram_style(), left - 8, plot_width + 16, fixed_, shapes_, words_);
}

} // namespace sim::draw
