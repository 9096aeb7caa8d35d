// A number that walks downhill on its loss, by the slope under it.

import { chart, note } from "../lib/chart.js";
import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number } from "../lib/format.js";

const PATH = "var(--ic-1)";
const POINT = "var(--ic-2)";
const LAST = { fill: POINT, stroke: "var(--ic-paper)", "stroke-width": 1.5 };
const LAST_STEP = 20;

const LOSSES = {
  squared: {
    of: (w) => (2 * w - 3) * (2 * w - 3),
    slope: (w) => 4 * (2 * w - 3),
    ticks: [0, 5, 10, 15, 20, 25],
  },
  log: {
    of: (w) => 0.75 * Math.log1p(Math.exp(-w)) + 0.25 * Math.log1p(Math.exp(w)),
    slope: (w) => 1 / (1 + Math.exp(-w)) - 0.75,
    ticks: [0, 0.5, 1],
  },
};

/** Where the start is and each step leads, with the loss and the slope there. */
function descend({ of, slope }, start, rate, steps) {
  const at = (w) => ({ w, loss: of(w), slope: slope(w) });
  const path = [at(start)];
  for (let i = 0; i < steps; i++) path.push(at(path[i].w - rate * path[i].slope));
  return path;
}

export default explorable({
  name: "descent",

  compute({ values, data }) {
    const loss = LOSSES[values.loss];
    const { best, top } = data.losses[values.loss];
    const path = descend(loss, values.start, values.learning_rate, values.step);
    return {
      ...values, path, top, ticks: loss.ticks, now: path.at(-1), best: { w: best, loss: loss.of(best) },
      curve: data.curve.map((w) => ({ w, loss: loss.of(w) })),
    };
  },

  numbers: ({ path, best, curve, learning_rate }) => ({
    columns: ["", "w", "loss", "slope", "next step: −η · slope"],
    rows: [
      ...path.map(({ w, loss, slope }, i) => [`step ${i}`, w, loss, slope, -learning_rate * slope]),
      ["minimum", best.w, best.loss, 0, 0],
      ...curve.map(({ w, loss }) => ["curve", w, loss, "", ""]),
    ],
  }),

  sentence(view) {
    const { step, now, learning_rate } = view;
    const where = `w = ${number(now.w, 4)}, where the loss is ${number(now.loss)} and the slope ${number(now.slope)}`;
    if (step === 0) {
      const move = number(-learning_rate * now.slope);
      return `You stand at ${where}. One step changes w by −η · slope = −${number(learning_rate)} · ${bracketed(now.slope)} = ${move}.`;
    }
    return `${step === 1 ? "One step leads" : `${step} steps lead`} to ${where}. ${verdict(view)}`;
  },

  draw(view, api) {
    const narrow = api.width < 520;
    const gap = 18;
    const left = narrow ? api.width : Math.floor(0.6 * (api.width - gap));
    const right = narrow ? api.width : api.width - gap - left;
    return h("div", { style: `display:grid;gap:0.4rem ${gap}px;grid-template-columns:${narrow ? "1fr" : `${left}px ${right}px`}` },
      valley(view, api, left), record(view, right, narrow ? 170 : 270));
  },
});

const bracketed = (value) => (value < 0 ? `(${number(value)})` : number(value));

/** What the last step did, seen from the minimum. */
function verdict({ path, best }) {
  const [before, after] = [path.at(-2).w - best.w, path.at(-1).w - best.w];
  const nearer = Math.abs(after) / Math.abs(before);
  if (Math.abs(before) < 1e-9) return "It is at the minimum: no slope, and no step.";
  if (before * after < 0 && nearer > 1 + 1e-9) return "Each step jumps over the minimum and lands further from it: the loss explodes.";
  if (before * after < 0 && nearer > 1 - 1e-9) return "Each step jumps over the minimum and lands just as far on the other side.";
  if (before * after < 0) return "The last step jumped over the minimum, and came nearer to it all the same.";
  if (Math.abs(after) < 1e-3) return "It has as good as arrived.";
  return `The last step covered ${fixed(100 * (1 - nearer), nearer > 0.9 ? 1 : 0)}% of the way that was left to the minimum.`;
}

/** The loss over w, the steps taken on it, and the slope under the last point. */
function valley(view, { id, set }, width) {
  const { curve, path, now, ticks, step, top } = view;
  const [low, high] = [curve[0].w, curve.at(-1).w];
  const within = ({ w, loss }) => w >= low && w <= high && loss <= top;
  // Far outside, a point would be a number that no picture can hold.
  const shown = path.slice(0, path.findIndex((one) => !within(one)) + 1 || path.length)
    .map(({ w, loss }) => [clamp(w, low - 10, high + 10), Math.min(loss, 4 * top)]);
  const label = within(now)
    ? `Loss over w: ${number(now.loss)} at w = ${number(now.w, 4)}, with the slope ${number(now.slope)}`
    : `Loss over w: step ${step} is off the chart, at w = ${number(now.w)}`;
  return chart({
    width, height: 270, margin: { top: 30 }, title: "Loss", label,
    x: { from: low, to: high, ticks: [-1, 0, 1, 2, 3, 4], title: "Parameter w" },
    y: { from: 0, to: top, ticks },
    onDrag: (w) => set({ start: Number(w.toFixed(1)) }),
  }, ({ x, y, edge, line, dot, beside }) => {
    const [px, py] = [x(now.w), y(now.loss)];
    const steep = (y(now.loss + now.slope) - py) / (x(now.w + 1) - px);
    const reach = 46 / Math.hypot(1, steep);
    const left = now.slope > 0 && px > edge.left + 130;
    return [
      h("clipPath", { id: `${id}-chart` }, h("rect", { x: edge.left, y: edge.top - 6, width: edge.right - edge.left, height: edge.bottom - edge.top + 12 })),
      h("g", { "clip-path": `url(#${id}-chart)` },
        line(curve.map(({ w, loss }) => [w, loss]), { stroke: "var(--ic-muted)", "stroke-width": 2 }),
        line(shown, { stroke: PATH, "stroke-width": 1.3 }),
        shown.map(([w, loss]) => dot(w, loss, { fill: PATH })),
        within(now) && h("line", { x1: px - reach, x2: px + reach, y1: py - reach * steep, y2: py + reach * steep, stroke: POINT, "stroke-width": 2.4 }),
      ),
      within(now) && dot(now.w, now.loss, { r: 6, ...LAST }),
      dot(path[0].w, path[0].loss, { class: "ic-grip", r: 8, style: "fill:none;stroke:var(--ic-ink);stroke-width:2.4;pointer-events:all" }),
      within(now)
        ? beside(`slope ${number(now.slope)}`, now.w, now.loss, { left })
        : note(`off the chart: w = ${number(now.w)}`, { x: (edge.left + edge.right) / 2, y: edge.top + 16, "text-anchor": "middle" }),
    ];
  });
}

/** The loss after each step, on the same scale. */
function record({ path, top, now, ticks }, width, height) {
  const points = path.map(({ loss }, step) => [step, Math.min(loss, 1.04 * top)]);
  return chart({
    width, height, margin: { top: 30 }, title: "Loss after each step",
    label: `Loss after each step: from ${number(path[0].loss)} to ${number(now.loss)} after ${path.length - 1}`,
    x: { from: -0.5, to: LAST_STEP + 0.5, ticks: [0, 5, 10, 15, 20], title: "Training step" },
    y: { from: 0, to: top, ticks: ticks.filter((_, i) => i % 2 === 0 || ticks.length < 4) },
  }, ({ x, y, line, dot }) => [
    line(points, { stroke: PATH, "stroke-width": 1.3 }),
    points.map(([step, loss]) => (loss <= top
      ? dot(step, loss, { fill: PATH })
      : h("path", { d: `M${x(step) - 4} ${y(loss) + 4}h8l-4 -8z`, fill: PATH }))),
    now.loss <= top && dot(path.length - 1, now.loss, { r: 5.5, ...LAST }),
  ]);
}
