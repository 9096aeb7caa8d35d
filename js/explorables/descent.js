// A number that walks downhill on its loss, by the slope under it.

import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number } from "../lib/format.js";
import { dragHandlers } from "../lib/pointer.js";

const PATH = "var(--ic-1)";
const POINT = "var(--ic-2)";
const HALO = "paint-order:stroke;stroke:var(--ic-paper);stroke-width:4px";
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

/** Axes of a chart: its frame, ticks and titles. */
function frame({ width, height, edge, title, below, y, ticks, xTicks }) {
  return [
    h("rect", { width, height, fill: "transparent" }),
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, title),
    ticks.map((value) => [
      h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: y(value), y2: y(value) }),
      h("text", { class: "ic-axis", x: edge.left - 8, y: y(value), "text-anchor": "end", "dominant-baseline": "central" }, String(value)),
    ]),
    xTicks.map(([at, text]) => h("text", { class: "ic-axis", x: at, y: edge.bottom + 19, "text-anchor": "middle" }, text)),
    h("text", { class: "ic-axis", x: (edge.left + edge.right) / 2, y: height - 4, "text-anchor": "middle" }, below),
  ];
}

function scales({ top }, width, height) {
  const edge = { left: 34, right: width - 12, top: 30, bottom: height - 42 };
  return { edge, y: (loss) => edge.bottom - (loss / top) * (edge.bottom - edge.top) };
}

const points = (list) => list.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

/** The loss over w, the steps taken on it, and the slope under the last point. */
function valley(view, { id, set }, width) {
  const height = 270;
  const { curve, path, now, ticks, step } = view;
  const { edge, y } = scales(view, width, height);
  const [low, high] = [curve[0].w, curve.at(-1).w];
  const x = (w) => edge.left + ((w - low) / (high - low)) * (edge.right - edge.left);
  const within = ({ w, loss }) => w >= low && w <= high && loss <= view.top;
  const drag = dragHandlers((across) => {
    const along = clamp((across * width - edge.left) / (edge.right - edge.left), 0, 1);
    set({ start: clamp(Number((low + along * (high - low)).toFixed(1)), low, high) });
  });
  // Far outside, a point would be a number that no picture can hold.
  const shown = path.slice(0, path.findIndex((one) => !within(one)) + 1 || path.length)
    .map(({ w, loss }) => [clamp(x(w), -2 * width, 3 * width), Math.max(y(loss), -2 * height)]);
  const [px, py] = [x(now.w), y(now.loss)];
  const steep = (y(now.loss + now.slope) - py) / (x(now.w + 1) - px);
  const reach = 46 / Math.hypot(1, steep);
  const leftwards = px > edge.left + 0.6 * (edge.right - edge.left) ? now.slope > 0 : now.slope > 0 && px > edge.left + 130;
  const label = within(now)
    ? `Loss over w: ${number(now.loss)} at w = ${number(now.w, 4)}, with the slope ${number(now.slope)}`
    : `Loss over w: step ${step} is off the chart, at w = ${number(now.w)}`;
  return h("svg", { class: "ic-draggable", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, ...drag },
    frame({ width, height, edge, title: "Loss", below: "Parameter w", y, ticks, xTicks: [-1, 0, 1, 2, 3, 4].map((w) => [x(w), number(w)]) }),
    h("clipPath", { id: `${id}-chart` }, h("rect", { x: edge.left, y: edge.top - 6, width: edge.right - edge.left, height: edge.bottom - edge.top + 12 })),
    h("g", { "clip-path": `url(#${id}-chart)` },
      h("polyline", { points: points(curve.map(({ w, loss }) => [x(w), y(loss)])), fill: "none", stroke: "var(--ic-muted)", "stroke-width": 2 }),
      h("polyline", { points: points(shown), fill: "none", stroke: PATH, "stroke-width": 1.3 }),
      shown.map(([cx, cy]) => h("circle", { cx, cy, r: 3.5, fill: PATH })),
      within(now) && h("line", { x1: px - reach, x2: px + reach, y1: py - reach * steep, y2: py + reach * steep, stroke: POINT, "stroke-width": 2.4 }),
    ),
    within(now) && h("circle", { cx: px, cy: py, r: 6, fill: POINT, stroke: "var(--ic-paper)", "stroke-width": 1.5 }),
    h("circle", { class: "ic-grip", cx: x(path[0].w), cy: y(path[0].loss), r: 8, style: "fill:none;stroke:var(--ic-ink);stroke-width:2.4;pointer-events:all" }),
    within(now)
      ? h("text", { class: "ic-label", x: px + (leftwards ? -14 : 14), y: Math.max(py - 10, edge.top + 8), "text-anchor": leftwards ? "end" : "start", style: `${HALO};font-weight:600` }, `slope ${number(now.slope)}`)
      : h("text", { class: "ic-label", x: (edge.left + edge.right) / 2, y: edge.top + 16, "text-anchor": "middle", style: `${HALO};font-weight:600` }, `off the chart: w = ${number(now.w)}`),
  );
}

/** The loss after each step, on the same scale. */
function record(view, width, height) {
  const { path, top, now } = view;
  const ticks = view.ticks.filter((_, i) => i % 2 === 0 || view.ticks.length < 4);
  const { edge, y } = scales(view, width, height);
  const x = (step) => edge.left + 6 + (step / LAST_STEP) * (edge.right - edge.left - 12);
  const shown = path.map(({ loss }, i) => [x(i), y(Math.min(loss, 1.04 * top)), loss <= top]);
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Loss after each step: from ${number(path[0].loss)} to ${number(now.loss)} after ${path.length - 1}` },
    frame({ width, height, edge, title: "Loss after each step", below: "Training step", y, ticks, xTicks: [0, 5, 10, 15, 20].map((step) => [x(step), String(step)]) }),
    h("polyline", { points: points(shown), fill: "none", stroke: PATH, "stroke-width": 1.3 }),
    shown.map(([cx, cy, inside]) => (inside
      ? h("circle", { cx, cy, r: 3.5, fill: PATH })
      : h("path", { d: `M${cx - 4} ${cy + 4}h8l-4 -8z`, fill: PATH }))),
    shown.at(-1)[2] && h("circle", { cx: shown.at(-1)[0], cy: shown.at(-1)[1], r: 5.5, fill: POINT, stroke: "var(--ic-paper)", "stroke-width": 1.5 }),
  );
}
