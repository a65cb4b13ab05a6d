// The page: the diagram, to zoom into and to point at, and the story beside it. One file, nothing
// fetched from anywhere.
#include "sim/draw/diagram.h"

#include <fmt/format.h>

#include <array>

namespace sim::draw {

namespace {

constexpr std::size_t hops_max = 16000, lines_max = 4000;

constexpr const char* style = R"css(
* { box-sizing: border-box; }
body { margin: 0; height: 100vh; display: flex; flex-direction: column; color: #1b2430;
       font: 14px system-ui, "Helvetica Neue", Arial, sans-serif; background: #f6f7f9; }
header { padding: 12px 20px 8px; background: #fff; border-bottom: 1px solid #dfe3e8; }
h1 { font-size: 17px; margin: 0 0 2px; }
header p { margin: 0; color: #5d6673; }
.good { color: #1d7a43; font-weight: 600; } .bad { color: #b3001b; font-weight: 600; }
nav { margin-top: 8px; display: flex; gap: 14px; align-items: center; flex-wrap: wrap; font-size: 12.5px; }
nav button { font: inherit; padding: 3px 10px; border: 1px solid #c3c8d0; border-radius: 5px; background: #fff; cursor: pointer; }
nav label { display: flex; gap: 5px; align-items: center; cursor: pointer; }
nav i { display: inline-block; width: 20px; height: 0; border-top: 2px solid; }
main { flex: 1; display: flex; min-height: 0; }
#stage { flex: 1; overflow: auto; padding: 10px; }
#stage svg { width: 100%; height: auto; cursor: grab; border-radius: 6px; }
#story { width: 400px; overflow-y: auto; border-left: 1px solid #dfe3e8; background: #fff; margin: 0; padding: 8px 0; list-style: none; font-size: 12.5px; }
#story li { padding: 3px 14px 3px 92px; text-indent: -78px; cursor: pointer; border-left: 3px solid transparent; }
#story li:hover { background: #eef3fb; }
#story li.near { border-left-color: #5b8def; background: #f4f8ff; }
#story b { display: inline-block; width: 70px; text-indent: 0; text-align: right; margin-right: 8px; color: #7a8391; font-weight: 400; font-variant-numeric: tabular-nums; }
#story .fault { color: #96131f; }
#tip { position: fixed; pointer-events: none; background: #1b2430; color: #fff; padding: 4px 9px; border-radius: 5px; font-size: 12px; max-width: 420px; display: none; z-index: 2; }
.hop:hover { stroke-width: 3; opacity: 1; }
.no-token .token, .no-data .data, .no-again .again, .no-join .join, .no-commit .commit, .no-other .other, .no-dots .agreed, .no-dots .safe { display: none; }
)css";

constexpr const char* script = R"js(
const svg = document.getElementById('diagram'), shapes = document.getElementById('shapes');
const words = [...document.querySelectorAll('#words [data-x]')];
const axis = document.getElementById('axis'), a = axis.dataset;
const t0 = +a.from, t1 = +a.to, left = +a.left, width = +a.width;
let scale = 1, shift = 0;
const timeAt = x => t0 + ((x - shift) / scale - left) / width * (t1 - t0);
const placeOf = t => left + (t - t0) / (t1 - t0) * width;
function drawAxis() {
  const from = timeAt(left), to = timeAt(left + width), span = to - from;
  let step = Math.pow(10, Math.floor(Math.log10(span / 10)));
  for (const f of [2, 2.5, 2]) if (span / step > 14) step *= f;
  let out = '';
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
    const x = placeOf(t) * scale + shift;
    out += `<path class="grid" d="M${x} ${a.top}V${+a.bottom + 4}"/><text class="tick" x="${x}" y="${+a.bottom + 20}" text-anchor="middle">${+t.toFixed(6)} ms</text>`;
  }
  axis.innerHTML = out;
}
function apply() {
  scale = Math.min(Math.max(scale, 1), 20000);
  shift = Math.min(Math.max(shift, (left + width) * (1 - scale)), left * (1 - scale));
  shapes.setAttribute('transform', `translate(${shift} 0) scale(${scale} 1)`);
  for (const w of words) {
    let x = w.dataset.x * scale + shift;
    if (w.dataset.y) { w.setAttribute('transform', `translate(${x} ${w.dataset.y})`); continue; }
    if (w.dataset.room) {
      const room = w.dataset.room * scale, need = w.textContent.length * 6.3 + 14;
      const end = x + room;
      if (x < left && end > left) x = Math.min(left, end - need);
      w.style.display = room < need ? 'none' : 'inline';
    }
    w.setAttribute('x', x);
  }
  drawAxis();
  const middle = timeAt(left + width / 2), reach = (t1 - t0) / scale / 2;
  for (const li of lines) li.classList.toggle('near', scale > 1.5 && Math.abs(li.dataset.t - middle) <= reach);
}
const point = e => new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse());
function zoom(factor, x) { const before = scale; scale = Math.min(Math.max(scale * factor, 1), 20000); shift = x - (x - shift) * scale / before; apply(); }
svg.addEventListener('wheel', e => { e.preventDefault(); if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) { shift -= e.deltaX; apply(); } else zoom(Math.exp(-e.deltaY / 300), point(e).x); }, { passive: false });
let drag = null;
svg.addEventListener('pointerdown', e => { drag = point(e).x - shift; svg.setPointerCapture(e.pointerId); });
svg.addEventListener('pointermove', e => { if (drag !== null) { shift = point(e).x - drag; apply(); } });
svg.addEventListener('pointerup', () => drag = null);
const tip = document.getElementById('tip');
document.addEventListener('mousemove', e => {
  const title = e.target.closest && e.target.closest('#diagram *') && e.target.closest('#diagram *').querySelector(':scope > title, :scope > desc');
  const host = title ? title.parentNode : e.target.parentNode && e.target.parentNode.querySelector && e.target.parentNode.matches && e.target.parentNode.matches('#words g') ? e.target.parentNode : null;
  const text = host && host.querySelector('desc, title');
  tip.style.display = text ? 'block' : 'none';
  if (text) { tip.textContent = text.textContent; tip.style.left = Math.min(e.clientX + 14, innerWidth - 430) + 'px'; tip.style.top = e.clientY + 16 + 'px'; }
});
const lines = [...document.querySelectorAll('#story li')];
for (const li of lines) li.onclick = () => { scale = Math.max(scale, (t1 - t0) / 40); shift = left + width / 2 - placeOf(+li.dataset.t) * scale; apply(); };
for (const box of document.querySelectorAll('nav input')) box.onchange = () => svg.classList.toggle('no-' + box.name, !box.checked);
document.getElementById('in').onclick = () => zoom(2, left + width / 2);
document.getElementById('out').onclick = () => zoom(.5, left + width / 2);
document.getElementById('all').onclick = () => { scale = 1; shift = 0; apply(); };
for (const title of document.querySelectorAll('#diagram title')) { const desc = document.createElementNS('http://www.w3.org/2000/svg', 'desc'); desc.textContent = title.textContent; title.replaceWith(desc); }
apply();
)js";

std::string switches() {
    struct Switch {
        const char* name;
        const char* word;
        const char* colour;
    };

    constexpr std::array kinds = {
        Switch{"token", "tokens", "#0f8a7a"},    Switch{"data", "messages", "#5b8def"},
        Switch{"again", "again", "#9b51e0"},     Switch{"join", "JOINs", "#e58a00"},
        Switch{"commit", "commit", "#b5179e"},   Switch{"other", "holds, probes", "#9aa3af"},
        Switch{"dots", "deliveries", "#2f5fc4"},
    };
    std::string text;
    for (const Switch& one : kinds)
        text += fmt::format("<label><input type=\"checkbox\" name=\"{}\" checked><i "
                            "style=\"border-color:{}\"></i>{}</label>",
                            one.name, one.colour, one.word);
    return text;
}

std::string story_of(const Chronicle& chronicle, const Window& window) {
    std::string text;
    std::size_t lines = 0;
    for (const Line& line : chronicle.story()) {
        if (line.at < window.from || line.at > window.to) continue;
        if (++lines > lines_max) return text + "<li>the story is longer than this page</li>";
        const double at = static_cast<double>(line.at.time_since_epoch().count()) / 1e6;
        text +=
            fmt::format("<li data-t=\"{0:.6f}\"{1}><b>{0:.3f}</b>{2}</li>\n", at,
                        line.text.starts_with("* ") ? " class=\"fault\"" : "", escaped(line.text));
    }
    return text;
}

} // namespace

std::string page(const Chronicle& chronicle, const Window& window, const Caption& caption) {
    Diagram diagram(chronicle, window, hops_max);
    const std::string picture = diagram.element();
    return fmt::format(R"html(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{0}</title><style>{1}</style></head>
<body><header><h1>{0}</h1><p>{2} <span class="{3}">{4}</span> {5}</p>
<nav><span><button id="in">zoom in</button> <button id="out">zoom out</button> <button id="all">all</button></span>
{6}<span>wheel: zoom, drag: move, click a line of the story: go there</span></nav></header>
<main><div id="stage">{7}</div><ol id="story">{8}</ol></main><div id="tip"></div>
<script>{9}</script></body></html>
)html",
                       escaped(caption.title), style, escaped(caption.subtitle),
                       caption.good ? "good" : "bad", escaped(caption.verdict),
                       escaped(diagram.left_out()), switches(), picture,
                       story_of(chronicle, window), script);
}

} // namespace sim::draw
