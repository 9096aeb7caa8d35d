// A penalty for distance, with a slope for each head, and the weights that it leaves.

import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";
import { range, softmax } from "../lib/math.js";
import { dragHandlers } from "../lib/pointer.js";

/** The end of the penalty axis: what the steepest slope comes to. */
const lowestOf = (slopes, n_keys) => (Math.max(...slopes) * (n_keys - 1) > 16 ? -28 : -16);
/** The end of the weight axis, for every head: the steepest slope of all leaves 0.51 at distance 0. */
const HIGHEST = 0.6;
const HALO = "paint-order:stroke;stroke:var(--ic-paper);stroke-width:4px";

/** For a power of two 2^(−8/n), 2^(−16/n), …; otherwise every second slope of twice as many more. */
function slopesOf(heads) {
  const power = 2 ** Math.floor(Math.log2(heads));
  const exponents = range(power).map((h) => (8 * (h + 1)) / power);
  const more = range(heads - power).map((h) => (8 * (2 * h + 1)) / (2 * power));
  return [...exponents, ...more].map((exponent) => 2 ** -exponent);
}

export default explorable({
  name: "alibi",

  limits: (values) => ({ head: values.heads }),

  compute({ values, data }) {
    const slopes = slopesOf(values.heads);
    const slope = slopes[values.head - 1];
    const penalties = range(data.n_keys).map((d) => 0 - slope * d);
    return { ...data, ...values, slopes, slope, penalties, weights: softmax(penalties) };
  },

  numbers: ({ slopes, distance, penalties, weights }) => ({
    columns: ["", "slope", "added to the score", "weight"],
    rows: [
      ...slopes.map((slope, i) => [`head ${i + 1}`, slope, 0 - slope * distance, ""]),
      ...penalties.map((penalty, d) => [`distance ${d}`, "", penalty, weights[d]]),
    ],
  }),

  sentence({ head, slope, distance, penalties, weights, n_keys }) {
    const times = Math.exp(-penalties[distance]);
    const factor = times < 1.01 ? "hardly more" : `${times < 1e6 ? number(times) : `${Math.round(times / 1e6)} million`} times as much`;
    const compared = distance === 0 ? "It is the query’s own position, which pays nothing" : `The query’s own position gets ${factor}`;
    return `Head ${head} takes ${number(slope)} (1/${number(1 / slope)}) off the score for each position, and so ${number(slope * distance)} at distance ${distance}. Of ${n_keys} keys that fit equally well, the one there gets ${percent(weights[distance])} of the weight. ${compared}.`;
  },

  draw(view, api) {
    const wide = api.width >= 560;
    const gap = 26;
    const width = wide ? Math.floor((api.width - gap) / 2) : api.width;
    return h("div", { style: `display:grid;gap:8px ${gap}px;grid-template-columns:${wide ? "1fr 1fr" : "1fr"}` }, lines(view, width, api), bars(view, width, api));
  },
});

function frame({ n_keys }, width, api, title, label, low, high, ticks, inside) {
  const height = 246;
  const edge = { left: 44, right: width - 10, top: 46, bottom: height - 38 };
  const step = (edge.right - edge.left) / (n_keys - 0.5);
  const x = (d) => edge.left + (d + 0.25) * step;
  const y = (value) => edge.bottom - ((value - low) / (high - low)) * (edge.bottom - edge.top);
  const drag = dragHandlers((share) => api.set({ distance: clamp(Math.round((share * width - edge.left) / step - 0.25), 0, n_keys - 1) }));
  return h("svg", { class: "ic-draggable", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, ...drag },
    h("rect", { width, height, fill: "transparent" }),
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, title),
    ticks.map((value) => [
      h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: y(value), y2: y(value) }),
      h("text", { class: "ic-axis", x: edge.left - 6, y: y(value), "text-anchor": "end", "dominant-baseline": "central" }, number(value)),
    ]),
    [0, 8, 16, 24, 32].map((d) => h("text", { class: "ic-axis", x: x(d), y: edge.bottom + 16, "text-anchor": "middle" }, String(d))),
    h("text", { class: "ic-axis", x: (edge.left + edge.right) / 2, y: height - 3, "text-anchor": "middle" }, "Distance from the query"),
    inside({ x, y, edge, step }),
  );
}

function lines(view, width, api) {
  const { slopes, slope, head, distance, penalties, n_keys } = view;
  const lowest = lowestOf(slopes, n_keys);
  const draw = ({ x, y, edge }) => {
    const line = (m) => {
      const end = Math.min(n_keys - 1, lowest / -m);
      return `M${x(0).toFixed(1)} ${y(0).toFixed(1)}L${x(end).toFixed(1)} ${y(-m * end).toFixed(1)}`;
    };
    const at = clamp(penalties[distance], lowest, 0);
    const rightwards = x(distance) < width - 90;
    return [
      h("path", { d: slopes.map(line).join(""), stroke: "var(--ic-muted)", "stroke-opacity": 0.55, "stroke-width": 1, fill: "none" }),
      h("line", { x1: x(distance), x2: x(distance), y1: edge.top, y2: edge.bottom, stroke: "var(--ic-muted)", "stroke-dasharray": "2 3" }),
      h("path", { d: line(slope), stroke: "var(--ic-ink)", "stroke-width": 2.6, fill: "none" }),
      h("circle", { class: "ic-grip", cx: x(distance), cy: y(at), r: 7, style: "fill:var(--ic-2);stroke:var(--ic-paper)" }),
      h("text", { class: "ic-label", x: x(distance) + (rightwards ? 11 : -11), y: y(at) + (rightwards || at < 0.8 * lowest ? -9 : 21), "text-anchor": rightwards ? "start" : "end", style: `${HALO};font-weight:600` }, fixed(penalties[distance])),
    ];
  };
  return frame(view, width, api, `Added to the score: head ${head} of ${slopes.length}`, `Penalty by distance in ${slopes.length} heads; head ${head} adds ${fixed(penalties[distance])} at distance ${distance}`, lowest, 0, [0, 1, 2, 3, 4].map((i) => (i * lowest) / 4), draw);
}

function bars(view, width, api) {
  const { weights, distance, head } = view;
  const draw = ({ x, y, edge, step }) => {
    const column = (w, d) => `M${x(d).toFixed(1)} ${edge.bottom}V${y(w).toFixed(1)}`;
    return [
      h("path", { d: weights.map(column).join(""), stroke: "var(--ic-ink)", "stroke-width": (step * 0.72).toFixed(1), fill: "none" }),
      h("path", { d: column(Math.max(weights[distance], 0.008 * HIGHEST), distance), stroke: "var(--ic-2)", "stroke-width": (step * 0.72).toFixed(1), fill: "none" }),
      h("text", { class: "ic-label", x: Math.min(x(distance) - 0.2 * step, edge.right - 38), y: y(weights[x(distance) > edge.right - 38 ? weights.length - 6 : distance]) - 7, style: `${HALO};font-weight:600` }, fixed(weights[distance], 3)),
    ];
  };
  return frame(view, width, api, `Weight in head ${head}, equal scores`, `Weights of head ${head} by distance, ${fixed(weights[distance], 3)} at distance ${distance}`, 0, HIGHEST, [0, 0.2, 0.4, 0.6], draw);
}
