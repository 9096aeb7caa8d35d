// How much must one key lead, to keep its weight among n others?

import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";
import { dragHandlers } from "../lib/pointer.js";

const ONE = "var(--ic-2)";
const NEEDED = "var(--ic-ink)";
const HALO = "paint-order:stroke;stroke:var(--ic-paper);stroke-width:4px";
const [LOWEST, HIGHEST] = [-2.5, 13.5]; // of the margin axis

/** Weights of one key with the score `margin` and of each of n − 1 keys with the score 0. */
function weightsOf(n, margin) {
  const each = Math.exp(-margin);
  const total = 1 + (n - 1) * each;
  return { one: 1 / total, other: each / total };
}

const marginNeeded = (n, target) => Math.log(((n - 1) * target) / (1 - target));

export default explorable({
  name: "attention-dilution",

  compute({ values, data }) {
    const { length, margin, target } = values;
    const at = (n) => ({ n, ...weightsOf(n, margin), even: 1 / n, needed: marginNeeded(n, target) });
    const longest = 1 + (Math.exp(margin) * (1 - target)) / target;
    return {
      ...values, longest, now: at(length), curve: data.lengths.map(at),
      crossing: { n: longest, one: target, other: (1 - target) / (longest - 1), even: 1 / longest, needed: margin },
    };
  },

  numbers({ now, curve, crossing }) {
    const row = (name) => ({ n, one, other, even, needed }) => [name, n, one, other, even, needed];
    return {
      columns: ["", "n", "one key", "each other", "even share 1/n", "margin needed"],
      rows: [row("now")(now), ...curve.map(row("curve")), row("m just enough")(crossing)],
    };
  },

  sentence({ now, margin, target, longest, curve }) {
    const last = Math.floor(longest);
    const upTo = last > curve.at(-1).n ? "at every length shown" : last < 2 ? "at no length" : `up to n\u00a0=\u00a0${last}`;
    const others = now.n === 2 ? "the other gets" : `each of the other ${now.n - 1} gets`;
    const verdict = now.n <= longest
      ? `That is enough for p\u00a0=\u00a0${fixed(target)} ${upTo}.`
      : `For p\u00a0=\u00a0${fixed(target)} it would need a margin of ${fixed(now.needed)}; ${number(margin)} is enough ${upTo === "at no length" ? upTo : `only ${upTo}`}.`;
    return `With a margin of ${number(margin)}, one key among ${now.n} gets ${percent(now.one)} of the weight and ${others} ${now.other < 5e-5 ? "<0.01" : number(100 * now.other, 2)}%. ${verdict}`;
  },

  draw(view, api) {
    const narrow = api.width < 520;
    const gap = 26;
    const width = narrow ? api.width : Math.floor((api.width - gap) / 2);
    return [
      wholeStrip(view.now, api.width),
      h("div", { style: `display:grid;gap:0.4rem ${gap}px;grid-template-columns:${narrow ? "1fr" : "1fr 1fr"}` },
        weightPanel(view, api, width), marginPanel(view, api, width)),
    ];
  },
});

/** A weight with three decimals, or five where three would show little of it. */
function small(weight) {
  if (weight < 5e-6) return "<0.00001";
  return fixed(weight, weight < 0.005 ? 5 : 3);
}

/** All the weight there is, as one strip: the one key's part, then the others'. */
function wholeStrip({ n, one, other }, width) {
  const x = one * width;
  const slice = other * width;
  const parts = slice >= 3 ? Array.from({ length: n - 2 }, (_, i) => x + (i + 1) * slice) : [];
  const others = width < 380 ? "each other" : `each of the other ${n - 1}`;
  const label = `${n === 2 ? "the other" : others}: ${small(other)}`;
  return h("svg", { width, height: 60, viewBox: `0 0 ${width} 60`, role: "img", "aria-label": `The one key has ${small(one)} of the weight, ${label}` },
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, `one key: ${small(one)}`),
    h("text", { class: "ic-label", x: width, y: 14, "text-anchor": "end" }, label),
    h("rect", { x, y: 22, width: Math.max(width - x, 0), height: 24, fill: "var(--ic-muted)", "fill-opacity": 0.3 }),
    h("path", { d: parts.map((at) => `M${at.toFixed(1)} 22v24`).join(""), stroke: "var(--ic-paper)", "stroke-width": 1 }),
    h("rect", { x: 0, y: 22, width: Math.max(x, 1), height: 24, rx: 2, fill: ONE }),
  );
}

function weightPanel(view, api, width) {
  const { target, curve, now } = view;
  const y = (weight, { top, bottom }) => bottom - weight * (bottom - top);
  return panel({
    view, api, width, y, ticks: [0, 0.5, 1],
    title: "Weight of the one key",
    lines: [
      { key: "even", colour: "var(--ic-muted)", thin: true, name: "1/n" },
      { key: "one", colour: ONE },
    ],
    now: { value: now.one, colour: ONE, text: fixed(now.one, 3) },
    level: {
      value: target, colour: NEEDED, text: `p = ${fixed(target)}`,
      drag: (share) => api.set({ target: clamp(Number((1 - share).toFixed(2)), 0.1, 0.99) }),
    },
    label: `Weight of the one key against sequence length: ${fixed(curve[0].one, 3)} at n = ${curve[0].n}, ${fixed(curve.at(-1).one, 3)} at n = ${curve.at(-1).n}`,
  });
}

function marginPanel(view, api, width) {
  const { margin, target, curve, now } = view;
  const y = (value, { top, bottom }) => bottom - ((value - LOWEST) / (HIGHEST - LOWEST)) * (bottom - top);
  return panel({
    view, api, width, y, ticks: [0, 4, 8, 12],
    title: `Margin needed for p = ${fixed(target)}`,
    lines: [{ key: "needed", colour: NEEDED }],
    now: { value: now.needed, colour: NEEDED, text: fixed(now.needed) },
    level: {
      value: margin, colour: ONE, text: `m = ${fixed(margin)}`,
      drag: (share) => api.set({ margin: clamp(Number((HIGHEST - share * (HIGHEST - LOWEST)).toFixed(1)), 0, 12) }),
    },
    label: `Margin needed for a weight of ${fixed(target)} against sequence length: ${fixed(curve[0].needed)} at n = ${curve[0].n}, ${fixed(curve.at(-1).needed)} at n = ${curve.at(-1).n}`,
  });
}

/** One chart over n: its lines, the point at the present n, and a level that can be dragged. */
function panel({ view, api, width, y, ticks, title, lines, now, level, label }) {
  const { curve, length, longest } = view;
  const height = 216;
  const edge = { left: 32, right: width - 12, top: 34, bottom: height - 38 };
  const last = Math.log2(curve.at(-1).n);
  const x = (n) => edge.left + ((Math.log2(n) - 1) / (last - 1)) * (edge.right - edge.left);
  const at = (value) => y(value, edge);
  const chooseLength = dragHandlers((share) => {
    const along = (share * width - edge.left) / (edge.right - edge.left);
    const i = Math.round(clamp(along, 0, 1) * (curve.length - 1));
    api.set({ length: curve[i].n });
  });
  const enough = clamp(longest, 2, curve.at(-1).n);
  const [px, py] = [x(length), at(now.value)];
  const rises = curve[0][lines.at(-1).key] < curve.at(-1)[lines.at(-1).key];
  const leftwards = px > (rises ? edge.left + 46 : edge.right - 46); // the point's text, off its curve
  // The level's text stands at the side where the point is not, and off the curve.
  const atLeft = px > (edge.left + edge.right) / 2;
  const curveThere = curve.at(atLeft ? 0 : -1)[lines.at(-1).key];
  const under = at(curveThere) < at(level.value) && at(level.value) + 20 < edge.bottom;
  return h("svg", { class: "ic-draggable", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, ...chooseLength },
    h("rect", { width, height, fill: "transparent" }),
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, title),
    h("rect", { x: edge.left, y: edge.top, width: x(enough) - edge.left, height: edge.bottom - edge.top, fill: "var(--ic-accent)", "fill-opacity": 0.09 }),
    ticks.map((value) => [
      h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: at(value), y2: at(value) }),
      h("text", { class: "ic-axis", x: edge.left - 11, y: at(value), "text-anchor": "end", "dominant-baseline": "central" }, String(value)),
    ]),
    [2, 16, 128, 1024].map((n) => h("text", { class: "ic-axis", x: x(n), y: edge.bottom + 16, "text-anchor": "middle" }, String(n))),
    h("text", { class: "ic-axis", x: (edge.left + edge.right) / 2, y: height - 4, "text-anchor": "middle" }, "Sequence length n"),
    h("line", { x1: px, x2: px, y1: edge.top, y2: edge.bottom, stroke: "var(--ic-muted)", "stroke-width": 1, "stroke-dasharray": "2 3" }),
    lines.map(({ key, colour, thin, name }) => [
      h("polyline", { points: curve.map((point) => `${x(point.n).toFixed(1)},${at(point[key]).toFixed(1)}`).join(" "), fill: "none", stroke: colour, "stroke-width": thin ? 1.2 : 2.4, "stroke-linejoin": "round" }),
      name && h("text", { class: "ic-axis", x: x(4) + 8, y: at(1 / 4) - 4, style: HALO }, name),
    ]),
    h("line", { x1: edge.left, x2: edge.right, y1: at(level.value), y2: at(level.value), stroke: level.colour, "stroke-width": 1.4, "stroke-dasharray": "6 4" }),
    h("text", { class: "ic-label", x: atLeft ? edge.left + 5 : edge.right - 14, y: at(level.value) + (under ? 17 : -7), "text-anchor": atLeft ? "start" : "end", style: HALO }, level.text),
    h("circle", { cx: px, cy: py, r: 7, fill: now.colour, stroke: "var(--ic-paper)", "stroke-width": 2 }),
    h("text", { class: "ic-label", x: px + (leftwards ? -11 : 11), y: py < edge.top + 8 ? py + 20 : py - 10, "text-anchor": leftwards ? "end" : "start", style: `${HALO};font-weight:600` }, now.text),
    h("circle", { class: "ic-grip", cx: edge.right, cy: at(level.value), r: 6, style: "cursor:ns-resize", ...dragLevel(edge, level.drag) }),
  );
}

/** Reports how far down between the top and bottom edge the pointer is. A finger that moves down
 *  scrolls the page; for it there is the slider. */
function dragLevel({ top, bottom }, move) {
  const report = (event) => {
    const box = event.currentTarget.ownerSVGElement.getBoundingClientRect();
    move(clamp((event.clientY - box.top - top) / (bottom - top), 0, 1));
  };
  return {
    onpointerdown: (event) => {
      if (event.pointerType === "touch") return;
      event.currentTarget.setPointerCapture(event.pointerId);
      event.preventDefault();
      event.stopPropagation(); // the chart below chooses n
    },
    onpointermove: (event) => {
      if (event.pointerType === "touch") return;
      if (event.currentTarget.hasPointerCapture(event.pointerId)) report(event);
    },
  };
}
