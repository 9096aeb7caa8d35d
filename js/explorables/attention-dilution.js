// How much must one key lead, to keep its weight among n others?

import { chart, legend } from "../lib/chart.js";
import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";

const ONE = "var(--ic-2)";
const NEEDED = "var(--ic-ink)";

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
  return panel({
    view, api, width, key: "one", colour: ONE,
    title: "Weight of the one key",
    label: `Weight of the one key against sequence length: ${fixed(curve[0].one, 3)} at n = ${curve[0].n}, ${fixed(curve.at(-1).one, 3)} at n = ${curve.at(-1).n}`,
    y: { from: 0, to: 1, ticks: [0, 0.5, 1] },
    text: fixed(now.one, 3),
    bound: { value: target, colour: NEEDED, text: `p = ${fixed(target)}`, set: (p) => api.set({ target: clamp(Number(p.toFixed(2)), 0.1, 0.99) }) },
    behind: ({ x, y, line }) => [
      line(curve.map(({ n, even }) => [n, even]), { stroke: "var(--ic-muted)", "stroke-width": 1.2 }),
      legend("1/n", { x: x(4) + 8, y: y(1 / 4) - 4 }),
    ],
  });
}

function marginPanel(view, api, width) {
  const { margin, target, curve } = view;
  return panel({
    view, api, width, key: "needed", colour: NEEDED,
    title: `Margin needed for p = ${fixed(target)}`,
    label: `Margin needed for a weight of ${fixed(target)} against sequence length: ${fixed(curve[0].needed)} at n = ${curve[0].n}, ${fixed(curve.at(-1).needed)} at n = ${curve.at(-1).n}`,
    y: { from: -2.5, to: 13.5, ticks: [0, 4, 8, 12] },
    text: fixed(view.now.needed),
    bound: { value: margin, colour: ONE, text: `m = ${fixed(margin)}`, set: (m) => api.set({ margin: clamp(Number(m.toFixed(1)), 0, 12) }) },
  });
}

/** One chart over n: the curve of `key`, its point at the present n, and a bound that can be dragged. */
function panel({ view, api, width, key, colour, title, label, y: up, text, bound, behind }) {
  const { curve, length, longest, now } = view;
  const [first, last] = [curve[0], curve.at(-1)];
  return chart({
    width, height: 216, margin: { left: 32 }, title, label, y: up,
    x: { from: first.n, to: last.n, log: true, ticks: [2, 16, 128, 1024], title: "Sequence length n" },
    onDrag: (n) => api.set({ length: 2 ** Math.round(Math.log2(n)) }),
  }, (inside) => {
    const { x, y, edge, line, dot, mark, level, beside } = inside;
    const px = x(length);
    const left = px > (first[key] < last[key] ? edge.left + 46 : edge.right - 46); // the text is off its curve
    // The bound's text stands at the side where the point is not, and off the curve.
    const boundLeft = px > (edge.left + edge.right) / 2;
    const below = y((boundLeft ? first : last)[key]) < y(bound.value) && y(bound.value) + 20 < edge.bottom;
    return [
      h("rect", { x: edge.left, y: edge.top, width: x(clamp(longest, first.n, last.n)) - edge.left, height: edge.bottom - edge.top, fill: "var(--ic-accent)", "fill-opacity": 0.09 }),
      mark(length),
      behind?.(inside),
      line(curve.map((at) => [at.n, at[key]]), { stroke: colour }),
      level(bound.value, bound.text, { stroke: bound.colour, left: boundLeft, below, inset: boundLeft ? 5 : 14 }),
      dot(length, now[key], { r: 7, fill: colour, stroke: "var(--ic-paper)", "stroke-width": 2 }),
      beside(text, length, now[key], { left, below: y(now[key]) < edge.top + 8 }),
      h("circle", { class: "ic-grip", cx: edge.right, cy: y(bound.value), r: 6, style: "cursor:ns-resize", ...dragBound(y, bound.set) }),
    ];
  });
}

/** Sets what is at the pointer's height. A finger that moves down scrolls the page; for it there is
 *  the slider. */
function dragBound(y, set) {
  return {
    onpointerdown: (event) => {
      if (event.pointerType === "touch") return;
      event.currentTarget.setPointerCapture(event.pointerId);
      event.preventDefault();
      event.stopPropagation(); // the chart below chooses n
    },
    onpointermove: (event) => {
      if (event.pointerType === "touch") return;
      const { top } = event.currentTarget.ownerSVGElement.getBoundingClientRect();
      if (event.currentTarget.hasPointerCapture(event.pointerId)) set(y.value(event.clientY - top));
    },
  };
}
