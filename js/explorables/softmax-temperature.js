// Turn scores into weights, and heat or cool the result. A key keeps its colour from score to
// weight.

import { bar } from "../lib/bars.js";
import { chart } from "../lib/chart.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";
import { entropy, softmax } from "../lib/math.js";

const COLOURS = [1, 2, 3, 4, 5, 6, 7].map((i) => `var(--ic-${i})`).concat("var(--ic-text)");

const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

export default explorable({
  name: "softmax-temperature",
  inPicture: ["scores"],

  compute({ values, data }) {
    const plain = softmax(values.scores);
    const weights = softmax(values.scores, values.temperature);
    return {
      ...values, plain, weights,
      spread: entropy(weights), plainSpread: entropy(plain), uniform: Math.log(values.scores.length),
      curve: data.temperatures.map(([T, text]) => ({ T, text, spread: entropy(softmax(values.scores, T)) })),
    };
  },

  react(trait, values, { examples }) {
    if (trait === "example" && examples[values.example]) return { scores: examples[values.example] };
    if (trait === "scores") {
      const known = Object.keys(examples).find((key) => same(examples[key], values.scores));
      return { example: known ?? "own" };
    }
    return {};
  },

  numbers: (view) => ({
    columns: ["", "score", "weight at T = 1", "weight"],
    rows: [
      ...view.scores.map((score, i) => [`key ${i + 1}`, score, view.plain[i], view.weights[i]]),
      ["entropy (nats)", "", view.plainSpread, view.spread],
      ["equal keys with this entropy", "", Math.exp(view.plainSpread), Math.exp(view.spread)],
      ["largest possible entropy: ln n", "", "", view.uniform],
      ...view.curve.map(({ text, spread }) => [`entropy at T = ${text}`, "", "", spread]),
    ],
  }),

  sentence({ scores, weights, temperature, spread, uniform }) {
    const highest = Math.max(...scores);
    const top = scores.flatMap((score, i) => (score === highest ? [i] : []));
    const share = percent(weights[top[0]]);
    const who = top.length === 1
      ? `key ${top[0] + 1} (score ${number(highest)}) takes ${share} of the weight`
      : top.length === scores.length
        ? `all ${scores.length} keys take ${share} each`
        : `keys ${listed(top.map((i) => i + 1))} (score ${number(highest)}) take ${share} each`;
    return `At T = ${number(temperature)}, ${who}. The entropy is ${fixed(spread)} of at most ${fixed(uniform)} nats, as if ${fixed(Math.exp(spread), 1)} keys shared the weight equally.`;
  },

  draw(view, api) {
    const narrow = api.width < 480;
    const input = narrow ? 122 : 150;
    const column = Math.floor(narrow ? api.width - input - 12 : (api.width - input - 24) / 2);
    const [low, high] = axisOf(view.scores, api.id);
    const write = (i) => (score) => {
      const scores = view.scores.map((old, at) => (at === i ? Number(score.toFixed(high <= 12 ? 1 : 0)) : old));
      dragged.set(api.id, { scores, axis: [low, high] });
      api.set({ scores });
    };
    const mark = view.temperature !== 1 && h("span", { class: "ic-head" }, "┃ at T = 1");
    const heads = [h("span", { class: "ic-head" }, "score"), h("span", { class: "ic-head" }, "weight ", mark)];
    const row = (score, i) => [
      bar({ value: score, low, high, width: column, colour: COLOURS[i], onDrag: write(i), label: `Score ${i + 1}: ${number(score)}` }),
      share(view, i, column),
    ];
    const pair = (parts) => (narrow ? h("div", {}, parts) : parts);
    return [
      h("div", { class: "ic-rows", style: `row-gap:4px;grid-template-columns:${narrow ? `${input}px 1fr` : `${input}px 1fr 1fr`}` },
        h("span"), narrow ? h("span", { class: "ic-head" }, "score, weight ", mark) : heads,
        view.scores.map((score, i) => [api.control("scores", i), pair(row(score, i))]),
      ),
      api.length("scores"),
      entropyCurve(view, api),
    ];
  },
});

const listed = (names) => `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

// The score axis ends at a round number that leaves room to drag. While a bar is being dragged the
// axis must not change under the pointer, so a drag keeps the one it began with.
const dragged = new Map();

function axisOf(scores, id) {
  const last = dragged.get(id);
  if (last && same(last.scores, scores)) return last.axis;
  const largest = Math.max(...scores.map(Math.abs));
  const reach = [6, 12, 60, 120, 600].find((end) => largest <= end) ?? 1000;
  const lowest = Math.min(...scores);
  return [lowest >= 0 ? 0 : lowest >= -reach / 3 ? -reach / 3 : -reach, reach];
}

/** One weight as a part of the whole, which the pale track is; a mark where it is at T = 1. */
function share({ weights, plain, temperature }, i, width, height = 26) {
  const whole = width - 46;
  const text = fixed(weights[i], 3);
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Weight ${i + 1}: ${text}` },
    h("rect", { x: 0, y: 4, width: whole, height: height - 8, rx: 2, fill: "var(--ic-soft)" }),
    h("rect", { x: 0, y: 4, width: Math.max(weights[i] * whole, 1), height: height - 8, rx: 2, fill: COLOURS[i] }),
    temperature !== 1 && h("rect", { x: plain[i] * whole - 1, y: 1, width: 2, height: height - 2, fill: "var(--ic-text)", stroke: "var(--ic-paper)", "stroke-width": 0.5 }),
    h("text", { class: "ic-label", x: width, y: height / 2, "text-anchor": "end", "dominant-baseline": "central" }, text),
  );
}

function entropyCurve({ curve, temperature, spread, uniform, scores }, { width, set }) {
  const lowAtRight = curve[Math.round(0.75 * (curve.length - 1))].spread < 0.35 * uniform;
  return chart({
    width, height: 158, margin: { left: 8, right: 10, top: 40, bottom: 36 },
    title: "Entropy (nats)", label: `Entropy against temperature: ${fixed(spread)} nats at T = ${number(temperature)}, between 0 and ${fixed(uniform)}`,
    x: { from: curve[0].T, to: curve.at(-1).T, log: true, ticks: [0.05, 0.2, 1, 5, 20], title: "Temperature T" },
    y: { from: 0, to: uniform },
    onDrag: (T) => set({ temperature: Number(T.toPrecision(2)) }),
  }, ({ x, y, edge, line, level, grip, beside }) => {
    const px = x(temperature);
    const below = y(spread) < edge.top + 14;
    const left = below ? px > edge.right - 110 : px > 110; // a rising curve is below the point at the left
    const zeroLeft = lowAtRight && px > edge.left + 210; // the text keeps off the curve and the point
    return [
      level(uniform, `ln ${scores.length} = ${fixed(uniform)}: an even split`, { left: true }),
      level(0, (zeroLeft || !lowAtRight) && "0: one key takes all", { left: zeroLeft }),
      line(curve.map(({ T, spread: nats }) => [T, nats]), { stroke: "var(--ic-ink)" }),
      grip(temperature, spread, "var(--ic-ink)"),
      beside(`entropy ${fixed(spread)}`, temperature, spread, { left, below }),
    ];
  });
}
