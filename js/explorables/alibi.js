// A penalty for distance, with a slope for each head, and the weights that it leaves.

import { chart, note, PALE } from "../lib/chart.js";
import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";
import { range, softmax } from "../lib/math.js";

/** The end of the penalty axis: what the steepest slope comes to. */
const lowestOf = (slopes, n_keys) => (Math.max(...slopes) * (n_keys - 1) > 16 ? -28 : -16);
/** The end of the weight axis, for every head: the steepest slope of all leaves 0.51 at distance 0. */
const HIGHEST = 0.6;

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

/** A chart over the distance, which a drag chooses. */
function overDistance({ n_keys }, width, api, { title, label, y }, draw) {
  return chart({
    width, height: 246, margin: { left: 44, right: 10, top: 46 }, title, label, y,
    x: { from: -0.25, to: n_keys - 0.75, ticks: [0, 8, 16, 24, 32], title: "Distance from the query" },
    onDrag: (at) => api.set({ distance: clamp(Math.round(at), 0, n_keys - 1) }),
  }, draw);
}

function lines(view, width, api) {
  const { slopes, slope, head, distance, penalties, n_keys } = view;
  const lowest = lowestOf(slopes, n_keys);
  const ofSlope = (m) => [0, Math.min(n_keys - 1, lowest / -m)].map((d) => [d, -m * d]);
  const shown = clamp(penalties[distance], lowest, 0);
  return overDistance(view, width, api, {
    title: `Added to the score: head ${head} of ${slopes.length}`,
    label: `Penalty by distance in ${slopes.length} heads; head ${head} adds ${fixed(penalties[distance])} at distance ${distance}`,
    y: { from: lowest, to: 0, ticks: [0, 1, 2, 3, 4].map((i) => (i * lowest) / 4) },
  }, ({ x, line, mark, grip, beside }) => {
    const left = x(distance) > width - 90;
    return [
      slopes.map((m) => line(ofSlope(m), PALE)),
      mark(distance),
      line(ofSlope(slope), { stroke: "var(--ic-ink)", "stroke-width": 2.6 }),
      grip(distance, shown, "var(--ic-2)"),
      beside(fixed(penalties[distance]), distance, shown, { left, below: left && shown > 0.8 * lowest }),
    ];
  });
}

function bars(view, width, api) {
  const { weights, distance, head, n_keys } = view;
  return overDistance(view, width, api, {
    title: `Weight in head ${head}, equal scores`,
    label: `Weights of head ${head} by distance, ${fixed(weights[distance], 3)} at distance ${distance}`,
    y: { from: 0, to: HIGHEST, ticks: [0, 0.2, 0.4, 0.6] },
  }, ({ x, y, edge, columns }) => {
    const atEnd = x(distance) > edge.right - 38; // the text stands over the last columns
    return [
      columns([...weights.entries()], 0.72, { stroke: "var(--ic-ink)" }),
      columns([[distance, Math.max(weights[distance], 0.008 * HIGHEST)]], 0.72, { stroke: "var(--ic-2)" }),
      note(fixed(weights[distance], 3), { x: atEnd ? edge.right - 38 : x(distance - 0.2), y: y(weights[atEnd ? n_keys - 6 : distance]) - 7 }),
    ];
  });
}
