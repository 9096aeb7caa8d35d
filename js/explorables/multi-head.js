// Divide the width of a model into heads: what one head has to work with, and what it has learned to
// attend to, in four trained models that differ in the number of heads alone.

import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number } from "../lib/format.js";
import { heatmap } from "../lib/heatmap.js";
import { argmax, dot, range, softmax } from "../lib/math.js";
import { unpack } from "../lib/pack.js";
import { nameOf } from "../lib/tokens.js";

export default explorable({
  name: "multi-head",

  limits: (values) => ({ head: values.heads }),

  compute({ values, data }) {
    const d_k = data.d_model / values.heads;
    const [first, last] = [(values.head - 1) * d_k + 1, values.head * d_k];
    const both = unpack(data.projected, data.models.indexOf(values.heads), values.layer - 1);
    const [queries, keys] = both.map((vectors) => vectors.map((one) => one.slice(first - 1, last)));
    // Left to right: a query sees the keys up to its own place.
    const weights = queries.map((q, t) => softmax(
      keys.map((k, s) => (s > t ? -Infinity : dot(q, k) / Math.sqrt(d_k))), values.temperature));
    return { ...data, ...values, d_k, first, last, weights };
  },

  numbers: ({ tokens, layer, head, d_k, first, last, n_parameters, weights }) => {
    const blank = tokens.slice(1).map(() => "");
    const names = tokens.map((token, i) => `${i + 1} ${token}`);
    return {
      columns: ["", "query", ...names],
      rows: [
        ["d_k", "", d_k, ...blank],
        ["parameters", "", n_parameters, ...blank],
        ["chosen layer", "", layer, ...blank],
        ["chosen head", "", head, ...blank],
        ["its first dimension", "", first, ...blank],
        ["its last dimension", "", last, ...blank],
        ...weights.map((row, i) => [`head ${head}`, names[i], ...row]),
      ],
    };
  },

  sentence({ tokens, heads, layer, head, temperature, d_model, d_k, weights, n_parameters }) {
    const row = weights.at(-1);
    const split = heads === 1
      ? `One head compares all ${d_model} dimensions of q and k`
      : `Each of ${heads} heads compares ${d_k} of the ${d_model} dimensions of q and k`;
    return `${split}. A layer has ${n_parameters} parameters, whatever H is. In layer ${layer}, head ${head} at T = ${number(temperature)}, the last word looks most at ${nameOf(tokens, argmax(row))}: ${fixed(Math.max(...row))} of its weight.`;
  },

  draw(view, api) {
    const wide = api.width >= 600;
    const map = wide ? Math.floor(api.width * 0.62) : api.width;
    const columns = wide ? `grid-template-columns:${map}px 1fr;` : "";
    return h("div", { style: `display:grid;${columns}gap:12px 24px;align-items:start` },
      h("div", { style: "grid-column:1/-1" }, slices(view, api)),
      h("div", { style: wide ? "grid-row:2" : "" },
        h("div", { class: "ic-head" }, `Layer ${view.layer}, head ${view.head} of ${view.heads}: queries down, keys across`),
        heatmap({
          matrix: view.weights, rows: view.tokens, columns: view.tokens, width: map, chosen: { row: view.tokens.length - 1 },
          label: `Weights of layer ${view.layer}, head ${view.head}, ${view.tokens.length} queries by ${view.tokens.length} keys`,
        })),
      h("div", { class: "ic-label", style: wide ? "align-self:center" : "" },
        h("p", { style: "margin:0 0 0.8rem" }, h("strong", {}, `d_k = ${view.d_model} / ${view.heads} = ${view.d_k}`), h("br"), `head ${view.head}: dimensions ${view.first}–${view.last}`),
        h("p", { style: "margin:0" }, h("strong", {}, `${view.n_parameters} parameters`), h("br"), `4 · ${view.d_model}² + 4 · ${view.d_model}`)),
    );
  },
});

/** The width of a vector as d_model squares, cut into heads; the chosen head's slice is filled. A
 *  click on a slice chooses its head. */
function slices({ heads, head, d_model, d_k, first, last }, api) {
  const gap = 0.25; // between heads, in squares
  const size = api.width / (d_model + gap * (heads - 1));
  const x = (i) => size * (i + gap * Math.floor(i / d_k));
  const pick = (event) => event.target.dataset.head && api.set({ head: Number(event.target.dataset.head) });
  return h("svg", { width: api.width, height: 46, viewBox: `0 0 ${api.width} 46`, role: "img", "aria-label": `Head ${head} works in dimensions ${first} to ${last} of ${d_model}`, onclick: pick },
    h("text", { class: "ic-axis", x: 0, y: 11 }, `the ${d_model} dimensions of q and k`),
    range(d_model).map((i) => h("rect", {
      x: x(i), y: 20, width: size - 1, height: 24, rx: 2, style: "cursor:pointer", "data-head": Math.floor(i / d_k) + 1,
      fill: Math.floor(i / d_k) === head - 1 ? "var(--ic-2)" : "var(--ic-line)",
    })),
  );
}
