// Where does a decision come from? What each part of a real model wrote along one direction.

import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed } from "../lib/format.js";
import { range, sum } from "../lib/math.js";
import { unpack } from "../lib/pack.js";

const FOR = "var(--ic-1)";
const AGAINST = "var(--ic-2)";
const colourOf = (value) => (value < 0 ? AGAINST : FOR);
const signed = (value) => (value < 0 ? fixed(value) : `+${fixed(value)}`);

export default explorable({
  name: "residual-stream",

  compute({ values, data }) {
    const one = data[values.direction];
    const at = values.sentence - 1;
    const layers = unpack(one.parts, at).map((row) => {
      const heads = row.slice(0, -1);
      return { heads, together: sum(heads), network: row.at(-1) };
    });
    return {
      ...values, layers, model: one.model, for: one.for, against: one.against, midway: one.midway,
      tokens: one.tokens[at], place: one.places[at], rest: one.rests[at], total: one.totals[at],
    };
  },

  limits: (values, data) => ({ layer: data[values.direction].parts.shape[1] }),

  numbers: ({ total, midway, rest, layer, layers }) => ({
    columns: ["", "along the direction"],
    rows: [
      ["direction · output", total],
      ["halfway", midway],
      ...Object.entries(rest),
      ...layers[layer - 1].heads.map((value, i) => [`layer ${layer}, head ${i + 1}`, value]),
      ...layers.flatMap(({ together, network }, i) => [[`layer ${i + 1}, heads`, together], [`layer ${i + 1}, feed-forward`, network]]),
    ],
  }),

  sentence(view) {
    const { total, midway, rest, layers, layer } = view;
    const heads = sum(layers.map((one) => one.together));
    const networks = sum(layers.map((one) => one.network));
    const said = midway === 0
      ? `The logit of “${view.for}” is ${fixed(Math.abs(total))} ${total < 0 ? "below" : "above"} that of “${view.against}”`
      : `“bank” stands at ${signed(total)}, on the ${total < midway ? view.against : view.for} side of ${signed(midway)}, which is halfway`;
    const { value, name } = largest(layers);
    return `${said}: heads ${signed(heads)}, feed-forward networks ${signed(networks)}, embeddings and constants ${signed(sum(Object.values(rest)))}. Of heads and networks, ${name} wrote most, ${signed(value)}. In layer ${layer}: heads ${signed(layers[layer - 1].together)}, network ${signed(layers[layer - 1].network)}.`;
  },

  draw(view, api) {
    const narrow = api.width < 520;
    const gap = 26;
    const left = narrow ? api.width : Math.floor(0.6 * (api.width - gap));
    const right = narrow ? api.width : api.width - gap - left;
    return [
      text(view),
      h("div", { style: `display:grid;gap:0.6rem ${gap}px;margin-top:0.7rem;align-items:start;grid-template-columns:${narrow ? "1fr" : `${left}px ${right}px`}` },
        ledger(view, api, left), headsOf(view, right)),
    ];
  },
});

/** The row of the largest size, among heads and networks. */
function largest(layers) {
  const rows = layers.flatMap(({ heads, network }, i) => [
    ...heads.map((value, j) => ({ value, name: `layer ${i + 1}, head ${j + 1}` })),
    { value: network, name: `the network of layer ${i + 1}` },
  ]);
  return rows.reduce((best, row) => (Math.abs(row.value) > Math.abs(best.value) ? row : best));
}

/** The sentence; the token whose output is asked has a frame. */
function text({ model, tokens, place }) {
  return [
    h("div", { class: "ic-head" }, `${model}, asked at the framed token`),
    h("div", { class: "ic-chips", role: "group", "aria-label": `${tokens.join(" ")}: asked at “${tokens[place]}”` },
      tokens.map((token, i) => h("span", { class: "ic-chip", key: `chip-${i}`, style: i === place ? "outline:2px solid var(--ic-ink);outline-offset:-2px;font-weight:600" : undefined }, token))),
  ];
}

/** Two columns of signed bars, a row for each layer. A click chooses a layer, as the slider does. */
function ledger(view, api, width) {
  const { layers, layer, rest } = view;
  const row = layers.length > 12 ? 14 : 30;
  const [top, start, between] = [52, 30, 16];
  const half = (width - start - between) / 2;
  const height = top + row * (layers.length + 1) + 8;
  const others = sum(Object.values(rest));
  const most = Math.max(Math.abs(others), ...layers.flatMap(({ together, network }) => [Math.abs(together), Math.abs(network)]));
  const x = (value, column) => start + column * (half + between) + half / 2 + (value / most) * (half / 2 - 2);
  const bar = (value, column, i) => h("rect", { x: Math.min(x(0, column), x(value, column)), y: top + row * i + 1.5, width: Math.max(Math.abs(x(value, column) - x(0, column)), 0.8), height: row - 3, rx: 1.5, fill: colourOf(value) });
  const pick = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const i = Math.floor((event.clientY - box.top - top) / row);
    if (i >= 1 && i <= layers.length && i !== layer) api.set({ layer: i });
  };
  const label = `Heads and feed-forward network of each of ${layers.length} layers, along ${view.for} minus ${view.against}; layer ${layer}: heads ${signed(layers[layer - 1].together)}, network ${signed(layers[layer - 1].network)}`;
  const title = (column, words) => h("text", { class: "ic-label", x: x(0, column), y: 14, "text-anchor": "middle", style: "font-weight:600" }, words);
  const ends = (column) => h("text", { class: "ic-axis", x: x(0, column), y: 32, "text-anchor": "middle" }, `← ${view.against} · ${view.for} →`);
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, style: "cursor:pointer", onclick: pick },
    h("rect", { width, height, fill: "transparent" }),
    h("rect", { x: 0, y: top + row * layer, width, height: row, rx: 3, fill: "var(--ic-soft)" }),
    [0, 1].map((column) => h("line", { class: "ic-hairline", x1: x(0, column), x2: x(0, column), y1: top + row * column, y2: height - 8 })),
    title(0, "Heads"), title(1, "Feed-forward"), ends(0), ends(1),
    h("text", { class: "ic-axis", x: width - 2, y: top + row / 2, "text-anchor": "end", "dominant-baseline": "central" }, "← embeddings, constants"),
    bar(others, 0, 0),
    layers.map(({ together, network }, i) => [bar(together, 0, i + 1), bar(network, 1, i + 1)]),
    range(layers.length).filter((i) => layers.length < 12 || (i + 1) % 5 === 0 || i === 0).map((i) =>
      h("text", { class: "ic-axis", x: start - 8, y: top + row * (i + 1.5), "text-anchor": "end", "dominant-baseline": "central" }, String(i + 1))),
  );
}

/** What each head of the chosen layer wrote, and its network. */
function headsOf({ layers, layer }, width) {
  const { heads, network } = layers[layer - 1];
  const rows = [...heads.map((value, i) => [`head ${i + 1}`, value]), ["network", network]];
  const [row, top, start] = [24, 28, 62];
  const height = top + row * 13 + 4;
  const most = Math.max(...layers.flatMap((one) => [...one.heads, one.network]).map(Math.abs));
  const middle = start + (width - start) / 2;
  const reach = (width - start) / 2 - 44;
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Layer ${layer}: ${rows.map(([name, value]) => `${name} ${signed(value)}`).join(", ")}` },
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, `Inside layer ${layer}`),
    h("line", { class: "ic-hairline", x1: middle, x2: middle, y1: top, y2: top + row * rows.length }),
    rows.map(([name, value], i) => {
      const y = top + row * (i + 0.5);
      const end = middle + (value / most) * reach;
      return [
        h("text", { class: "ic-label", x: start - 6, y, "text-anchor": "end", "dominant-baseline": "central" }, name),
        h("rect", { x: Math.min(middle, end), y: y - 8, width: Math.max(Math.abs(end - middle), 0.8), height: 16, rx: 2, fill: colourOf(value) }),
        h("text", { class: "ic-label", x: end + (value < 0 ? -5 : 5), y, "text-anchor": value < 0 ? "end" : "start", "dominant-baseline": "central" }, signed(value)),
      ];
    }),
  );
}
