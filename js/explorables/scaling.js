// What happens to softmax as queries and keys get more components, with and without √d_k?

import { chart, legend, note } from "../lib/chart.js";
import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, percent } from "../lib/format.js";
import { range, softmax, sum } from "../lib/math.js";
import { unpack } from "../lib/pack.js";

const PLAIN = "var(--ic-2)";
const DIVIDED = "var(--ic-1)";

const mean = (numbers) => sum(numbers) / numbers.length;

/** Of an even count: halfway between the two in the middle. */
function median(numbers) {
  const ordered = [...numbers].sort((a, b) => a - b);
  return (ordered[ordered.length / 2 - 1] + ordered[ordered.length / 2]) / 2;
}

/** A norm in words of two decimals, of which a tiny one has none. */
const norm = (value) => (value < 0.005 ? "under 0.01" : fixed(value));

/** The Frobenius norm of diag(w) − w wᵀ. */
function jacobianNorm(weights) {
  let squares = 0;
  weights.forEach((one, i) => weights.forEach((other, j) => {
    squares += ((i === j ? one : 0) - one * other) ** 2;
  }));
  return Math.sqrt(squares);
}

/** The gradient that the scores receive when the weights receive `values`: the Jacobian · values. */
function gradientNorm(weights, values) {
  const output = sum(weights.map((weight, i) => weight * values[i]));
  return Math.hypot(...weights.map((weight, i) => weight * (values[i] - output)));
}

/** @param values [row][key]: what the weights of each row are multiplied by in its output. */
function summary(scores, values, d_k) {
  const weights = scores.map((row) => softmax(row));
  const all = scores.flat();
  const middle = mean(all);
  return {
    d_k, scores, weights,
    spread: Math.sqrt(mean(all.map((score) => (score - middle) ** 2))),
    largest: mean(weights.map((row) => Math.max(...row))),
    jacobian: mean(weights.map(jacobianNorm)),
    gradient: median(weights.map((row, i) => gradientNorm(row, values[i]))),
  };
}

export default explorable({
  name: "scaling",

  // Neither curve depends on the controls, so both are computed once.
  prepare(data) {
    const scaled = unpack(data.scores); // [width][row][key], divided by √d_k
    const values = unpack(data.values); // [row][key]
    const at = (factor) => data.widths.map((d_k, i) => summary(scaled[i].map((row) => row.map((score) => score * factor(d_k))), values, d_k));
    return { ...data, plain: at(Math.sqrt), divided: at(() => 1) };
  },

  compute({ values, data }) {
    const { widths, plain, divided, shown, bin, reach } = data;
    const now = (values.divide ? divided : plain)[widths.indexOf(values.d_k)];
    const counts = range(2 * reach + 1).map(() => 0);
    for (const score of now.scores.flat()) counts[clamp(Math.floor((score + bin / 2) / bin), -reach, reach) + reach] += 1;
    return {
      ...values, now, plain, divided, widths, counts, bin, reach,
      row: { scores: now.scores[shown], weights: now.weights[shown] },
      other: (values.divide ? plain : divided)[widths.indexOf(values.d_k)],
    };
  },

  numbers({ now, plain, divided, row, counts, d_k, divide, bin, reach }) {
    const line = (name) => (at) => [name, at.d_k, at.spread, at.largest, at.jacobian, at.gradient, ""];
    return {
      columns: ["", "d_k", "score, or standard deviation", "weight, or mean largest", "mean Jacobian norm", "median gradient norm", "scores in the bin"],
      rows: [
        line(`now: all rows, ${divide ? "divided" : "undivided"}`)(now),
        ...plain.map(line("all rows, undivided")),
        ...divided.map(line("all rows, divided")),
        ...row.scores.map((score, i) => [`one row: key ${i + 1}`, d_k, score, row.weights[i], "", "", ""]),
        ...counts.map((count, i) => ["histogram", d_k, bin * (i - reach), "", "", "", count]),
      ],
    };
  },

  sentence({ now, other, d_k, divide }) {
    const how = divide ? `divided by √${d_k}` : "undivided";
    const against = d_k === 1
      ? "With one component the division changes nothing."
      : `In a typical row the gradient that reaches the scores has a norm of ${norm(now.gradient)}; ${divide ? "without" : "with"} the division it would be ${norm(other.gradient)}.`;
    return `At d_k\u00a0=\u00a0${d_k}, ${how}, the scores have a standard deviation of ${fixed(now.spread, now.spread < 10 ? 2 : 1)}, and the favourite of 16 keys gets ${percent(now.largest)} of the weight on average. ${against}`;
  },

  draw(view, api) {
    const narrow = api.width < 520;
    const gap = 30;
    const width = narrow ? api.width : Math.floor((api.width - gap) / 2);
    return [
      h("div", { style: `display:grid;gap:0.9rem ${gap}px;grid-template-columns:${narrow ? "1fr" : "1fr 1fr"}` },
        histogram(view, width), weightBars(view, width)),
      gradientCurve(view, api),
    ];
  },
});

const colourOf = ({ divide }) => (divide ? DIVIDED : PLAIN);

/** All scores on an axis that never changes, with one standard deviation to both sides marked. */
function histogram(view, width) {
  const { counts, bin, reach, now } = view;
  const end = bin * (reach + 0.5);
  const spread = fixed(now.spread, now.spread < 10 ? 2 : 1);
  return chart({
    width, height: 168, margin: { left: 2, right: 2, top: 46, bottom: 36 },
    title: view.divide ? "Scores q · k / √d_k" : "Scores q · k", label: `Histogram of ${sum(counts)} scores: standard deviation ${spread}`,
    x: { from: -end, to: end, ticks: [-100, -50, 0, 50, 100], drop: 25 },
    y: { from: 0, to: Math.max(...counts) },
  }, ({ x, edge, columns, level }) => {
    const [from, to, y] = [x(-now.spread).toFixed(1), x(now.spread).toFixed(1), edge.bottom + 5];
    return [
      h("text", { class: "ic-axis", x: 0, y: 31 }, `standard deviation ${spread}`),
      columns(counts.map((count, i) => [bin * (i - reach), count]), 0.84 * bin, { stroke: colourOf(view) }),
      level(0),
      h("path", { d: `M${from} ${y}H${to}M${from} ${y - 4}v8M${to} ${y - 4}v8`, stroke: "var(--ic-text)", "stroke-width": 2, fill: "none" }),
    ];
  });
}

/** The weights of one row. */
function weightBars({ row: { weights } }, width) {
  const top = weights.indexOf(Math.max(...weights));
  return chart({
    width, height: 168, margin: { left: 2, right: 2, top: 46, bottom: 36 },
    title: "Weights of one row", label: `Weights of one row: key ${top + 1} has ${fixed(weights[top], 3)}, the largest of ${weights.length}`,
    x: { from: 0.5, to: weights.length + 0.5, ticks: [1, 4, 8, 12, 16], title: "Key" },
    y: { from: 0, to: 1 },
  }, ({ columns, level }) => [
    h("text", { class: "ic-axis", x: 0, y: 31 }, `key ${top + 1} gets ${fixed(weights[top], 3)}`),
    level(1, "all of it: 1"),
    columns(weights.map((weight, i) => [i + 1, Math.max(weight, 0.009)]), 0.76, { stroke: "var(--ic-ink)" }),
    level(0),
  ]);
}

/** Where the point's number stands off both curves: they part at d_k = 8, and one falls from there. */
function off(x, y, i, divide, edge) {
  if (x > edge.right - 60) return { x: Math.min(x + 6, edge.right), y: y - 14, "text-anchor": "end" };
  if (divide) return { x, y: i < 3 ? y + 24 : y - 14, "text-anchor": i ? "middle" : "start" };
  if (i < 3) return { x, y: y - 14, "text-anchor": i ? "middle" : "start" };
  if (i < 7) return { x: x - 10, y: y + 19, "text-anchor": "end" };
  return { x: x + 4, y: y - 18, "text-anchor": "start" };
}

/** The gradient that a typical row sends back to its scores, at every d_k: drag the point. */
function gradientCurve(view, { width, set }) {
  const { plain, divided, now, other, widths, d_k, divide } = view;
  const last = widths.length - 1;
  const i = widths.indexOf(d_k);
  const points = (curve) => curve.map(({ gradient }, at) => [at, gradient]);
  return chart({
    width, height: 196, style: "margin-top:0.9rem",
    title: width < 420 ? "Gradient norm, typical row" : "Gradient norm: what a typical row sends back to its scores",
    label: `Gradient norm of the scores against d_k: from ${norm(plain[0].gradient)} to ${norm(plain[last].gradient)} without the division, to ${norm(divided[last].gradient)} with it; ${norm(now.gradient)} now`,
    x: { from: 0, to: last, ticks: range(last + 1).filter((at) => at % 2 === 0), text: (at) => String(widths[at]), title: "d_k" },
    y: { from: 0, to: 0.36, ticks: [0, 0.1, 0.2, 0.3] },
    onDrag: (at) => set({ d_k: widths[Math.round(at)] }),
  }, ({ x, y, edge, line, mark, dot, grip }) => [
    mark(i),
    line(points(divided), { stroke: DIVIDED, "stroke-width": divide ? 2.6 : 1.6 }),
    line(points(plain), { stroke: PLAIN, "stroke-width": divide ? 1.6 : 2.6 }),
    legend("divided by √d_k", { x: x(last) - 12, y: y(Math.min(...divided.slice(6).map(({ gradient }) => gradient))) + 17, "text-anchor": "end" }),
    legend("undivided", { x: x(5) + 14, y: y(plain[5].gradient) - 4 }),
    dot(i, other.gradient, { r: 4.5, fill: "var(--ic-paper)", stroke: divide ? PLAIN : DIVIDED, "stroke-width": 2 }),
    grip(i, now.gradient, colourOf(view)),
    note(norm(now.gradient).replace("under ", "<"), off(x(i), y(now.gradient), i, divide, edge)),
  ]);
}
