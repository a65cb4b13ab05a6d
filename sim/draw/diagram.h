// The diagram's geometry, colours and elements, shared by the picture that stands alone and by the
// page: an SVG element in two groups, one that may be stretched along time (lines, bands, dots) and
// one that only moves along with it (words, signs).
#pragma once

#include "sim/draw/select.h"

namespace sim::draw {

class Diagram {
public:
    Diagram(const Chronicle& chronicle, const Window& window, std::size_t hops_max);

    // The <svg> element with everything in it but a title.
    [[nodiscard]] std::string element();

    [[nodiscard]] double width() const;
    [[nodiscard]] double height() const;

    [[nodiscard]] const std::string& left_out() const { return selection_.left_out; }

    static constexpr double left = 84, right = 20;

private:
    [[nodiscard]] double x(Instant at) const;
    [[nodiscard]] double row(NodeId node) const; // y of its line
    [[nodiscard]] bool visible(Instant from, Instant to) const;
    [[nodiscard]] std::string colour(const trace::RingName& ring, const char* lightness) const;

    void place_marks();
    void draw_marks();
    void draw_lives();
    void draw_bands();
    void draw_hops();
    void draw_deliveries();
    void draw_names();
    void draw_axis();

    struct Placed {
        const Mark* mark;
        std::size_t lane;
    };

    const Chronicle& chronicle_;
    Window window_;
    Selection selection_;
    std::map<trace::RingName, std::size_t> rings_; // in the order in which they appeared
    std::vector<Placed> placed_;
    std::size_t lanes_ = 0;
    double row_height_;
    std::string shapes_, words_, fixed_;
};

// Text as it stands in SVG and HTML.
[[nodiscard]] std::string escaped(const std::string& text);

// The look of all elements; the page adds its own.
[[nodiscard]] const char* diagram_style();

} // namespace sim::draw
