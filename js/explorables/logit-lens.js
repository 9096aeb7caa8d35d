// What would the decoder say if it stopped after this layer?

import { chart } from "../lib/chart.js";
import { chips } from "../lib/chips.js";
import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, percent } from "../lib/format.js";
import { unpack } from "../lib/pack.js";

export default explorable({
  name: "logit-lens",

  compute({ values, data: { names, texts } }) {
    const { tokens, places, shares } = texts[values.prompt];
    const at = values.position - 1;
    const layers = places.map((ofLayer, layer) => {
      const numbers = unpack(shares, layer, at);
      return { likeliest: ofLayer[at].map((place, i) => ({ token: names[place], share: numbers[i] })), last: numbers.at(-1) };
    });
    return { ...values, tokens, layers, now: layers[values.layer], last: layers.at(-1).likeliest[0].token };
  },

  limits: (values, { texts }) => ({ position: texts[values.prompt].tokens.length }),

  numbers: ({ layers, layer, now, last }) => ({
    columns: ["", "token", "probability"],
    rows: [
      ...now.likeliest.map(({ token, share }, i) => [`${i + 1} after layer ${layer}`, token, share]),
      ["layer", "", layer],
      ...layers.map((one, n) => [`after layer ${n}`, last, one.last]),
      ...layers.map(({ likeliest: [first] }, n) => [`likeliest after layer ${n}`, first.token, first.share]),
    ],
  }),

  sentence({ layers, layer, now, last, tokens, position }) {
    const { token, share } = now.likeliest[0];
    const text = tokens.slice(0, position).join("").replaceAll("␣", " ");
    if (layer === layers.length - 1) return `After the last layer the likeliest token to follow “${text}” is “${token}”, with ${percent(share)}.`;
    const stays = firstOfLast(layers, last);
    const first = stays === layers.length - 1 ? "only after the last layer" : `from layer ${stays} on`;
    const where = layer === 0 ? "Without any layer" : `Stopped after layer ${layer}`;
    return `${where}, the decoder would say “${token}”, with ${percent(share)}, after “${text}”. “${last}”, its word in the end, has ${percent(now.last)} here, and is the likeliest ${first}.`;
  },

  draw(view, api) {
    const narrow = api.width < 520;
    const gap = 26;
    const width = narrow ? api.width : Math.floor((api.width - gap) / 2);
    return [
      chips({ tokens: view.tokens, chosen: view.position - 1, onPick: (i) => api.set({ position: i + 1 }), label: "Position: the text is read up to this token" }),
      h("div", { style: `display:grid;gap:0.6rem ${gap}px;margin-top:0.8rem;grid-template-columns:${narrow ? "1fr" : "1fr 1fr"}` },
        bars(view, width), curve(view, api, width)),
    ];
  },
});

/** The layer from which on the last layer's word is the likeliest. */
function firstOfLast(layers, last) {
  let layer = layers.length - 1;
  while (layer > 0 && layers[layer - 1].likeliest[0].token === last) layer -= 1;
  return layer;
}

function bars({ now, layer, last }, width) {
  const [row, top, start] = [32, 32, 104];
  const reach = width - start - 44;
  const height = top + row * now.likeliest.length;
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `After layer ${layer}: ${now.likeliest.map(({ token, share }) => `${token} ${fixed(share)}`).join(", ")}` },
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, `After layer ${layer}`),
    now.likeliest.map(({ token, share }, i) => {
      const y = top + row * (i + 0.5);
      return [
        h("text", { class: `ic-label${token === last ? " ic-chosen-text" : ""}`, x: start - 8, y, "text-anchor": "end", "dominant-baseline": "central" }, token),
        h("rect", { x: start, y: y - 10, width: reach, height: 20, rx: 2, fill: "var(--ic-soft)" }),
        h("rect", { x: start, y: y - 10, width: Math.max(share * reach, 1), height: 20, rx: 2, fill: token === last ? "var(--ic-2)" : "var(--ic-1)" }),
        h("text", { class: "ic-label", x: width, y, "text-anchor": "end", "dominant-baseline": "central" }, fixed(share)),
      ];
    }),
  );
}

function curve({ layers, layer, now, last }, api, width) {
  return chart({
    width, height: 216, title: `Probability of “${last}”`, label: `Probability of “${last}” by layer: ${fixed(now.last)} after layer ${layer}`,
    x: { from: 0, to: layers.length - 1, ticks: [0, 10, 20, 30], title: "Stopped after layer" },
    y: { from: 0, to: 1, ticks: [0, 0.5, 1] },
    onDrag: (value) => api.set({ layer: clamp(Math.round(value), 0, layers.length - 1) }),
  }, ({ line, mark, grip, beside }) => [
    mark(layer),
    line(layers.map((one, n) => [n, one.last]), { stroke: "var(--ic-2)" }),
    grip(layer, now.last, "var(--ic-2)"),
    beside(fixed(now.last), layer, now.last, { left: layer > 15 }),
  ]);
}
