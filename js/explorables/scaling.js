// What happens to softmax as queries and keys get more components, with and without √d_k?

import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, percent } from "../lib/format.js";
import { range, softmax, sum } from "../lib/math.js";
import { unpack } from "../lib/pack.js";
import { dragHandlers } from "../lib/pointer.js";

const PLAIN = "var(--ic-2)";
const DIVIDED = "var(--ic-1)";
const HALO = "paint-order:stroke;stroke:var(--ic-paper);stroke-width:4px";
const TOP = 0.36; // of the axis of the norm

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
      columns: ["", "d_k", "score or spread", "weight, or mean largest", "mean Jacobian norm", "median gradient norm", "scores in the bin"],
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
      : `The gradient that the scores of a typical row receive has the norm ${norm(now.gradient)}; ${divide ? "without" : "with"} the division it would be ${norm(other.gradient)}.`;
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
  const height = 168;
  const edge = { left: 2, right: width - 2, top: 46, bottom: height - 36 };
  const end = bin * (reach + 0.5);
  const x = (score) => edge.left + ((score + end) / (2 * end)) * (edge.right - edge.left);
  const tallest = Math.max(...counts);
  const step = x(bin) - x(0);
  const bars = counts.map((count, i) => count && `M${(x(bin * (i - reach - 0.5)) + step * 0.08).toFixed(1)} ${edge.bottom}v${(-((edge.bottom - edge.top) * count) / tallest).toFixed(1)}h${(step * 0.84).toFixed(1)}V${edge.bottom}z`);
  const spread = fixed(now.spread, now.spread < 10 ? 2 : 1);
  const [from, to] = [x(-now.spread), x(now.spread)];
  const y = edge.bottom + 5;
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Histogram of ${counts.reduce((a, b) => a + b)} scores: standard deviation ${spread}` },
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, view.divide ? "Scores q · k / √d_k" : "Scores q · k"),
    h("text", { class: "ic-axis", x: 0, y: 31 }, `standard deviation ${spread}`),
    h("path", { d: bars.filter(Boolean).join(""), fill: colourOf(view) }),
    h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: edge.bottom, y2: edge.bottom }),
    h("path", { d: `M${from.toFixed(1)} ${y}H${to.toFixed(1)}M${from.toFixed(1)} ${y - 4}v8M${to.toFixed(1)} ${y - 4}v8`, stroke: "var(--ic-text)", "stroke-width": 2, fill: "none" }),
    [-100, -50, 0, 50, 100].map((score) => h("text", { class: "ic-axis", x: x(score), y: edge.bottom + 25, "text-anchor": score === -100 ? "start" : score === 100 ? "end" : "middle" }, String(score).replace("-", "−"))),
  );
}

/** The weights of one row. */
function weightBars({ row }, width) {
  const height = 168;
  const edge = { left: 2, right: width - 2, top: 46, bottom: height - 36 };
  const { weights } = row;
  const step = (edge.right - edge.left) / weights.length;
  const x = (i) => edge.left + (i + 0.5) * step;
  const y = (weight) => edge.bottom - weight * (edge.bottom - edge.top);
  const top = weights.indexOf(Math.max(...weights));
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Weights of one row: key ${top + 1} has ${fixed(weights[top], 3)}, the largest of ${weights.length}` },
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, "Weights of one row"),
    h("text", { class: "ic-axis", x: 0, y: 31 }, `key ${top + 1} gets ${fixed(weights[top], 3)}`),
    h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: edge.top, y2: edge.top }),
    h("text", { class: "ic-axis", x: edge.right, y: edge.top - 5, "text-anchor": "end" }, "all of it: 1"),
    h("path", { d: weights.map((weight, i) => `M${(x(i) - step * 0.38).toFixed(1)} ${edge.bottom}V${Math.min(y(weight), edge.bottom - 0.8).toFixed(1)}h${(step * 0.76).toFixed(1)}V${edge.bottom}z`).join(""), fill: "var(--ic-ink)" }),
    h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: edge.bottom, y2: edge.bottom }),
    weights.map((_, i) => (i === 0 || (i + 1) % 4 === 0) && h("text", { class: "ic-axis", x: x(i), y: edge.bottom + 17, "text-anchor": "middle" }, String(i + 1))),
    h("text", { class: "ic-axis", x: (edge.left + edge.right) / 2, y: height - 3, "text-anchor": "middle" }, "Key"),
  );
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
  const height = 196;
  const edge = { left: 26, right: width - 12, top: 34, bottom: height - 38 };
  const last = widths.length - 1;
  const at = (i) => edge.left + (i / last) * (edge.right - edge.left);
  const y = (gradient) => edge.bottom - (gradient / TOP) * (edge.bottom - edge.top);
  const drag = dragHandlers((share) => {
    const along = clamp((share * width - edge.left) / (edge.right - edge.left), 0, 1);
    set({ d_k: widths[Math.round(along * last)] });
  });
  const px = at(widths.indexOf(d_k));
  const line = (curve) => curve.map(({ gradient }, i) => `${at(i).toFixed(1)},${y(gradient).toFixed(1)}`).join(" ");
  const drawn = (curve, colour, active) => h("polyline", { points: line(curve), fill: "none", stroke: colour, "stroke-width": active ? 2.6 : 1.6, "stroke-linejoin": "round" });
  const number = off(px, y(now.gradient), widths.indexOf(d_k), divide, edge);
  return h("svg", { class: "ic-draggable", style: "margin-top:0.9rem", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Gradient norm of the scores against d_k: from ${norm(plain[0].gradient)} to ${norm(plain[last].gradient)} without the division, to ${norm(divided[last].gradient)} with it; ${norm(now.gradient)} now`, ...drag },
    h("rect", { width, height, fill: "transparent" }),
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, width < 420 ? "Gradient norm, typical row" : "Gradient norm: what a typical row sends back to its scores"),
    [0, 0.1, 0.2, 0.3].map((tick) => [
      h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: y(tick), y2: y(tick) }),
      h("text", { class: "ic-axis", x: edge.left - 6, y: y(tick), "text-anchor": "end", "dominant-baseline": "central" }, String(tick)),
    ]),
    widths.map((value, i) => i % 2 === 0 && h("text", { class: "ic-axis", x: at(i), y: edge.bottom + 16, "text-anchor": i === last ? "end" : "middle" }, String(value))),
    h("text", { class: "ic-axis", x: (edge.left + edge.right) / 2, y: height - 4, "text-anchor": "middle" }, "d_k"),
    h("line", { x1: px, x2: px, y1: edge.top, y2: edge.bottom, stroke: "var(--ic-muted)", "stroke-width": 1, "stroke-dasharray": "2 3" }),
    drawn(divided, DIVIDED, divide), drawn(plain, PLAIN, !divide),
    h("text", { class: "ic-axis", x: at(last) - 12, y: y(Math.min(...divided.slice(6).map(({ gradient }) => gradient))) + 17, "text-anchor": "end", style: HALO }, "divided by √d_k"),
    h("text", { class: "ic-axis", x: at(5) + 14, y: y(plain[5].gradient) - 4, style: HALO }, "undivided"),
    h("circle", { cx: px, cy: y(other.gradient), r: 4.5, fill: "var(--ic-paper)", stroke: divide ? PLAIN : DIVIDED, "stroke-width": 2 }),
    h("circle", { class: "ic-grip", cx: px, cy: y(now.gradient), r: 7, style: `fill:${colourOf(view)};stroke:var(--ic-paper)` }),
    h("text", {
      class: "ic-label", ...number, style: `${HALO};font-weight:600`,
    }, norm(now.gradient).replace("under ", "<")),
  );
}
