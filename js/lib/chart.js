// A chart: a title, two axes with ticks, and between them lines, columns, dots and texts, placed by
// the numbers that they stand for. A drag tells the number under the hand; it is never the only way,
// since the same trait has a slider, which the keyboard turns.
//
//   chart({
//     width, height, title: "Loss", label: "Loss by step: 0.42 at step 300",    label: to be read out
//     x: { from: 0, to: 2000, ticks: [0, 1000, 2000], title: "Training step" },
//     y: { from: 0.01, to: 3, log: true, ticks: [0.01, 0.1, 1] },
//     onDrag: (step) => api.set({ step: Math.round(step) }),
//   }, ({ line, level, mark, grip, beside }) => [
//     earlier.map((losses) => line(losses, PALE)),                              losses: [[step, loss], …]
//     line(losses, { stroke: "var(--ic-1)" }),
//     level(Math.LN2, "a guess: ln 2", { stroke: "var(--ic-muted)" }),
//     mark(step), grip(step, loss, "var(--ic-1)"), beside("0.42", step, loss),
//   ])

import { clamp } from "./controls.js";
import { h } from "./dom.js";
import { number } from "./format.js";
import { dragHandlers } from "./pointer.js";

const MARGIN = { left: 34, right: 12, top: 34, bottom: 38 };
const HALO = "paint-order:stroke;stroke:var(--ic-paper);stroke-width:4px";
const CHARACTER = 6.8; // px of a tick's text

/** The look of a line that another is compared with. */
export const PALE = { stroke: "var(--ic-muted)", "stroke-width": 1.1, "stroke-opacity": 0.55 };

/** place(value) in px: `from` is at start, `to` at end. place.value(px): what is there, and beyond
 *  the ends what is at the end. */
export function scale({ from, to, log = false }, start, end) {
  const [along, back] = log ? [Math.log, Math.exp] : [(value) => value, (value) => value];
  const [low, span] = [along(from), along(to) - along(from)];
  const place = (value) => start + ((along(value) - low) / span) * (end - start);
  place.value = (px) => clamp(back(low + ((px - start) / (end - start)) * span), from, to);
  return place;
}

/** A text that is read though lines run under it. */
export function note(text, attrs) {
  return h("text", { class: "ic-label", style: `${HALO};font-weight:600`, ...attrs }, text);
}

/** The name of a line: a quieter note. */
export function legend(text, attrs) {
  return note(text, { class: "ic-axis", style: HALO, ...attrs });
}

/** x, y: { from, to, log?, ticks?, text?(tick), title? (of x), drop? (of x: px from axis to texts) };
 *  ticks outside are left out. margin: in px, where it is not the usual one. onDrag(value of x).
 *  draw({ x, y, edge, line, … }) gives the nodes inside: see `pens`. */
export function chart({ width, height, title, label, x: across, y: up, margin, style, onDrag }, draw) {
  const { left, right, top, bottom } = { ...MARGIN, ...margin };
  const edge = { left, right: width - right, top, bottom: height - bottom };
  const x = scale(across, edge.left, edge.right);
  const y = scale(up, edge.bottom, edge.top);
  const drag = onDrag && dragHandlers((share) => onDrag(x.value(share * width)));
  return h("svg", { class: onDrag && "ic-draggable", style, width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, ...drag },
    h("rect", { width, height, fill: "transparent" }),
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, title),
    ticksOf(up).map(([tick, text]) => [
      h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: y(tick), y2: y(tick) }),
      h("text", { class: "ic-axis", x: edge.left - 10, y: y(tick), "text-anchor": "end", "dominant-baseline": "central" }, text),
    ]),
    ticksOf(across).map(([tick, text]) =>
      h("text", { class: "ic-axis", x: x(tick), y: edge.bottom + (across.drop ?? 16), "text-anchor": anchor(x(tick), text, width) }, text)),
    across.title && h("text", { class: "ic-axis", x: (edge.left + edge.right) / 2, y: height - 4, "text-anchor": "middle" }, across.title),
    draw({ x, y, edge, ...pens(x, y, edge) }),
  );
}

/** [tick, its text] of each tick on the axis. */
function ticksOf({ from, to, ticks = [], text = (tick) => number(tick, 6) }) {
  return ticks.filter((tick) => tick >= from && tick <= to).map((tick) => [tick, text(tick)]);
}

/** How a text stands at px so that it does not reach out of the picture. */
function anchor(px, text, width) {
  const half = (CHARACTER * text.length) / 2;
  return px < half ? "start" : px > width - half ? "end" : "middle";
}

/** What draws inside a chart: values in, nodes out. attrs: further attributes of the node. */
function pens(x, y, edge) {
  const dot = (a, b, attrs) => h("circle", { cx: x(a), cy: y(b), r: 3.5, ...attrs });
  return {
    /** Through points [[x, y], …]. */
    line: (points, attrs) => h("polyline", {
      points: points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" "), fill: "none", "stroke-width": 2.2, "stroke-linejoin": "round", ...attrs,
    }),
    /** From zero to each of the points, as thick as `across` comes to on the axis of x. */
    columns: (points, across, attrs) => h("path", {
      d: points.map(([a, b]) => `M${x(a).toFixed(1)} ${y(0).toFixed(1)}V${y(b).toFixed(1)}`).join(""), "stroke-width": (x(across) - x(0)).toFixed(1), fill: "none", ...attrs,
    }),
    dot,
    /** The point that is at hand. */
    grip: (a, b, colour) => dot(a, b, { class: "ic-grip", r: 7, style: `fill:${colour};stroke:var(--ic-paper)` }),
    /** A text beside the point (a, b), and never over the title. */
    beside: (text, a, b, { left = false, below = false } = {}) => note(text, {
      x: x(a) + (left ? -12 : 12), y: below ? y(b) + 20 : Math.max(y(b) - 10, 28), "text-anchor": left ? "end" : "start",
    }),
    /** The present value of x, from top to bottom. */
    mark: (a) => h("line", { x1: x(a), x2: x(a), y1: edge.top, y2: edge.bottom, stroke: "var(--ic-muted)", "stroke-dasharray": "2 3" }),
    /** A value of y from edge to edge: a hairline, or dashed in the colour `stroke`; its name at the
     *  right end and above, unless said otherwise, and `inset` px from the end. */
    level: (b, text, { stroke, left = false, below = false, inset = 0 } = {}) => [
      h("line", { x1: edge.left, x2: edge.right, y1: y(b), y2: y(b), ...(stroke ? { stroke, "stroke-width": 1.4, "stroke-dasharray": "6 4" } : { class: "ic-hairline" }) }),
      text && legend(text, { class: stroke ? "ic-label" : "ic-axis", x: left ? edge.left + inset : edge.right - inset, y: y(b) + (below ? 17 : -6), "text-anchor": left ? "start" : "end" }),
    ],
  };
}
