// A wave for every pair of dimensions: the table of sinusoids, one row of it, and its products.

import { chart } from "../lib/chart.js";
import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number } from "../lib/format.js";
import { dot, range } from "../lib/math.js";
import { dragHandlers } from "../lib/pointer.js";

const SHADES = 12; // on either side of zero; one path each, instead of an element for each cell

const frequencies = (d_model, base) => range(d_model / 2).map((i) => Math.exp((-Math.log(base) * 2 * i) / d_model));
const rowAt = (position, speeds) => speeds.flatMap((speed) => [Math.sin(position * speed), Math.cos(position * speed)]);

export default explorable({
  name: "positions",

  compute({ values, data }) {
    const speeds = frequencies(values.d_model, values.base);
    const table = range(data.n_positions).map((position) => rowAt(position, speeds));
    const row = table[values.position];
    return { ...data, ...values, speeds, table, row, products: table.map((other) => dot(row, other)) };
  },

  numbers: ({ speeds, row, products }) => ({
    columns: ["", "radians per position", "value"],
    rows: [
      ...row.map((value, i) => [`${i % 2 ? "cosine" : "sine"} of pair ${Math.floor(i / 2) + 1}`, speeds[Math.floor(i / 2)], value]),
      ...products.map((product, q) => [`dot product with position ${q}`, "", product]),
    ],
  }),

  sentence({ position, d_model, speeds, products, n_positions }) {
    const near = position < n_positions - 1 ? position + 1 : position - 1;
    const slow = (position * speeds.at(-1)) / (2 * Math.PI);
    const far = position < n_positions / 2 ? position + 20 : position - 20;
    return `At position ${position} the fastest pair has turned ${number(position / (2 * Math.PI), 2)} times, the slowest ${slow < 0.001 && slow > 0 ? "less than 0.001" : number(slow, 2)} times. The dot product of its row with itself is ${number(d_model / 2)}, with a row one position away ${fixed(products[near])}, and with one twenty positions away ${fixed(products[far])}. For every other row it is the same.`;
  },

  draw(view, api) {
    const wide = api.width >= 600;
    const left = wide ? Math.floor(api.width * 0.52) : api.width;
    const right = wide ? api.width - left - 24 : api.width;
    return h("div", { style: `display:grid;${wide ? `grid-template-columns:${left}px ${right}px;` : ""}gap:10px 24px;align-items:start` },
      table(view, left, api),
      h("div", {}, fingerprint(view, right), products(view, right, api)));
  },
});

// The cells change only with d_model, base and width, so while the position moves they are kept.
let kept = { key: "" };

function cells({ table, d_model, base, n_positions }, width, height) {
  const key = [d_model, base, width, height].join();
  if (kept.key === key) return kept.paths;
  const [across, down] = [width / d_model, height / n_positions];
  const paths = range(2 * SHADES + 1).map(() => []);
  for (let i = 0; i < d_model; i += 1) {
    const x = (i * across).toFixed(1);
    const level = (p) => Math.round(table[p][i] * SHADES) + SHADES;
    for (let p = 0, from = 0; p < n_positions; p += 1) {
      if (p + 1 < n_positions && level(p + 1) === level(from)) continue;
      paths[level(from)].push(`M${x} ${(from * down).toFixed(1)}v${((p + 1 - from) * down).toFixed(1)}`);
      from = p + 1;
    }
  }
  kept = { key, paths: paths.map((parts) => parts.join("")) };
  return kept.paths;
}

function table(view, width, api) {
  const { position, n_positions, d_model } = view;
  const [left, top, tall] = [30, 20, 256];
  const [inner, down, across] = [width - left - 2, tall / n_positions, (width - left - 2) / d_model];
  const y = top + position * down;
  return h("svg", {
    class: "ic-draggable", style: "cursor:ns-resize", width, height: top + tall + 30, viewBox: `0 0 ${width} ${top + tall + 30}`, role: "img",
    "aria-label": `Table of ${n_positions} positions by ${d_model} dimensions, row ${position} outlined`,
    ...dragHandlers((_, share) => api.set({ position: clamp(Math.floor((share * (top + tall + 30) - top) / down), 0, n_positions - 1) })),
  },
    h("text", { class: "ic-axis", x: 0, y: 12 }, "Position ↓"),
    h("g", { transform: `translate(${(left + across / 2).toFixed(2)} ${top})`, fill: "none", "stroke-width": (across + 0.3).toFixed(2) },
      cells(view, inner, tall).map((d, level) => h("path", {
        d: d || null, stroke: level < SHADES ? "var(--ic-negative)" : "var(--ic-positive)", "stroke-opacity": fixed(Math.abs(level - SHADES) / SHADES, 3),
      }))),
    [0, 16, 32, 48, n_positions - 1].map((p) => h("text", { class: "ic-axis", x: left - 5, y: top + (p + 0.5) * down, "text-anchor": "end", "dominant-baseline": "central" }, String(p))),
    h("rect", { class: "ic-frame", x: left, y: top, width: inner, height: tall }),
    h("rect", { x: left - 1.5, y: y - 1.5, width: inner + 3, height: down + 3, fill: "none", stroke: "var(--ic-paper)", "stroke-width": 4 }),
    h("rect", { x: left - 1.5, y: y - 1.5, width: inner + 3, height: down + 3, fill: "none", stroke: "var(--ic-text)", "stroke-width": 1.8 }),
    h("text", { class: "ic-axis", x: left, y: top + tall + 17 }, "fast"),
    h("text", { class: "ic-axis", x: left + inner / 2, y: top + tall + 17, "text-anchor": "middle" }, `${d_model} dimensions`),
    h("text", { class: "ic-axis", x: left + inner, y: top + tall + 17, "text-anchor": "end" }, "slow"),
  );
}

/** The chosen row as bars about zero: what is added to whatever token stands there. */
function fingerprint({ row, position, d_model }, width) {
  const [top, half] = [24, 34];
  const across = width / d_model;
  const middle = top + half;
  const bars = (sign) => row.map((value, i) => (value * sign > 0 ? `M${((i + 0.5) * across).toFixed(1)} ${middle}V${(middle - value * half).toFixed(1)}` : "")).join("");
  const thick = Math.max(across * 0.76, 1.2).toFixed(2);
  return h("svg", { width, height: middle + half + 8, viewBox: `0 0 ${width} ${middle + half + 8}`, role: "img", "aria-label": `Row ${position}: ${d_model} values between −1 and 1` },
    h("text", { class: "ic-label", x: 0, y: 13, style: "font-weight:600" }, `Row ${position}: its fingerprint`),
    h("line", { class: "ic-hairline", x1: 0, x2: width, y1: middle, y2: middle }),
    h("path", { d: bars(1) || null, stroke: "var(--ic-positive)", "stroke-width": thick }),
    h("path", { d: bars(-1) || null, stroke: "var(--ic-negative)", "stroke-width": thick }),
  );
}

function products({ products: values, position, d_model, n_positions }, width, api) {
  const whole = d_model / 2; // of a row with itself
  const least = Math.min(...values) / whole;
  const lowest = least < -0.5 ? -1 : least < -0.04 ? -0.5 : 0;
  return chart({
    width, height: 190, margin: { right: 8, top: 30 },
    title: `Dot product of row ${position} with each row`,
    label: `Dot product of row ${position} with each row: ${whole} with itself, lower with all others`,
    x: { from: 0, to: n_positions - 1, ticks: [0, 16, 32, 48, n_positions - 1], title: "Other position" },
    y: { from: lowest * whole, to: whole, ticks: [-1, -0.5, 0, 0.5, 1].map((part) => part * whole) },
    onDrag: (at) => api.set({ position: Math.round(at) }),
  }, ({ line, mark, grip }) => [
    mark(position),
    line([...values.entries()], { stroke: "var(--ic-ink)" }),
    grip(position, values[position], "var(--ic-ink)"),
  ]);
}
