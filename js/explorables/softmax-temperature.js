// Turn scores into weights, and heat or cool the result.

import { bar } from "../lib/bars.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";
import { argmax, entropy, softmax } from "../lib/math.js";

const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

export default explorable({
  name: "softmax-temperature",
  inPicture: ["scores"],

  compute({ values }) {
    const weights = softmax(values.scores, values.temperature);
    return { ...values, weights, entropy: entropy(weights), uniform: Math.log(values.scores.length) };
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
    columns: ["", "score", "weight"],
    rows: [
      ...view.scores.map((score, i) => [`key ${i + 1}`, score, view.weights[i]]),
      ["entropy (nats)", "", view.entropy],
      ["entropy at most: ln n", "", view.uniform],
    ],
  }),

  sentence({ scores, weights, temperature, entropy, uniform }) {
    const top = argmax(weights);
    const spread = entropy / uniform;
    const how = spread < 0.05 ? "almost a hard choice" : spread > 0.95 ? "almost an even split" : "a soft choice";
    return `At T = ${number(temperature)}, key ${top + 1} with score ${number(scores[top])} gets ${percent(weights[top])} of the weight: ${how}, entropy ${fixed(entropy)} of at most ${fixed(uniform)} nats.`;
  },

  draw(view, api) {
    const narrow = api.width < 520;
    const input = narrow ? 124 : 150;
    const column = Math.floor((api.width - input - 24) / 2);
    const reach = reachOf(view.scores);
    const low = Math.min(...view.scores) < 0 ? -reach : 0;
    const write = (i) => (score) => api.set({ scores: view.scores.map((old, at) => (at === i ? round(score, reach) : old)) });
    return [
      h("div", { class: "ic-rows", style: `grid-template-columns:${input}px 1fr 1fr` },
        h("span"), h("span", { class: "ic-head" }, "score"), h("span", { class: "ic-head" }, "weight"),
        view.scores.map((score, i) => [
          api.control("scores", i),
          bar({ value: score, low, high: reach, width: column, colour: "var(--ic-muted)", onDrag: write(i), label: `Score ${i + 1}: ${number(score)}` }),
          bar({ value: view.weights[i], low: 0, high: 1, width: column, text: fixed(view.weights[i], 3), label: `Weight ${i + 1}: ${fixed(view.weights[i], 3)}` }),
        ]),
      ),
      api.length("scores"),
      entropyScale(view, api.width),
    ];
  },
});

/** Where the score axis ends: a round number that leaves room to drag. */
function reachOf(scores) {
  const largest = Math.max(...scores.map(Math.abs));
  return [6, 12, 60, 120, 600].find((reach) => largest <= reach) ?? 1000;
}

const round = (score, reach) => Number(score.toFixed(reach <= 12 ? 1 : 0));

function entropyScale({ entropy, uniform }, width) {
  const [left, right] = [4, width - 4];
  const x = left + (entropy / uniform) * (right - left);
  return h("svg", { class: "ic-entropy", width, height: 58, viewBox: `0 0 ${width} 58`, role: "img", "aria-label": `Entropy ${fixed(entropy)} nats, between 0 and ${fixed(uniform)}` },
    h("line", { class: "ic-hairline", x1: left, x2: right, y1: 26, y2: 26 }),
    h("line", { x1: left, x2: x, y1: 26, y2: 26, stroke: "var(--ic-ink)", "stroke-width": 4, "stroke-linecap": "round" }),
    h("circle", { cx: x, cy: 26, r: 6, fill: "var(--ic-ink)" }),
    h("text", { class: "ic-label", x: Math.min(Math.max(x, 50), width - 50), y: 11, "text-anchor": "middle" }, `entropy ${fixed(entropy)}`),
    h("text", { class: "ic-axis", x: left, y: 48 }, "0: one key takes all"),
    h("text", { class: "ic-axis", x: right, y: 48, "text-anchor": "end" }, `ln n = ${fixed(uniform)}: even`),
  );
}
