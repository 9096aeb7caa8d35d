// Divide the width of a model into heads, and look at what each of them attends to.

import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";
import { heatmap } from "../lib/heatmap.js";
import { argmax, dot, range, softmax } from "../lib/math.js";
import { unpack } from "../lib/pack.js";

const LEVELS = 48; // shades of ink in the grid; one path each, instead of an element for each cell

export default explorable({
  name: "multi-head",

  prepare: (data) => ({ ...data, queries: unpack(data.queries), keys: unpack(data.keys) }),

  limits: (values) => ({ head: values.heads }),

  compute({ values, data }) {
    const d_k = data.d_model / values.heads;
    const part = (vectors, head) => vectors.map((vector) => vector.slice(head * d_k, (head + 1) * d_k));
    const weights = range(values.heads).map((head) => {
      const [queries, keys] = [part(data.queries, head), part(data.keys, head)];
      return queries.map((q) => softmax(keys.map((k) => dot(q, k) / Math.sqrt(d_k)), values.temperature));
    });
    const [first, last] = [(values.head - 1) * d_k + 1, values.head * d_k];
    return { ...data, ...values, d_k, first, last, weights };
  },

  numbers: ({ tokens, head: chosen, d_k, first, last, n_parameters, weights }) => {
    const blank = tokens.slice(1).map(() => "");
    return {
      columns: ["", "query", ...tokens],
      rows: [
        ["d_k", "", d_k, ...blank],
        ["parameters", "", n_parameters, ...blank],
        ["chosen head", "", chosen, ...blank],
        ["its first dimension", "", first, ...blank],
        ["its last dimension", "", last, ...blank],
        ...weights.flatMap((rows, head) => rows.map((row, i) => [`head ${head + 1}`, tokens[i], ...row])),
      ],
    };
  },

  sentence({ tokens, heads, head, temperature, d_model, d_k, weights, n_parameters }) {
    const peaks = weights[head - 1].map((row) => Math.max(...row));
    const query = argmax(peaks);
    const key = argmax(weights[head - 1][query]);
    const split = heads === 1
      ? `One head compares all ${d_model} dimensions of q and k.`
      : `Each of ${heads} heads compares ${d_k} of the ${d_model} dimensions of q and k.`;
    return `${split} In head ${head} at T = ${number(temperature)} the sharpest look is from “${tokens[query]}” to “${tokens[key]}”: ${percent(peaks[query])}. The layer has ${n_parameters} parameters, whatever H is.`;
  },

  draw(view, api) {
    const wide = api.width >= 600;
    const left = wide ? Math.floor(api.width * 0.44) : api.width;
    const right = wide ? api.width - left - 24 : api.width;
    const columns = wide ? `grid-template-columns:${left}px ${right}px;` : "";
    return h("div", { style: `display:grid;${columns}gap:12px 24px;align-items:start` },
      slices(view, left),
      h("div", { class: "ic-label" },
        h("div", {}, `d_k = ${view.d_model} / ${view.heads} = ${view.d_k}; head ${view.head}: ${view.d_k === 1 ? `dimension ${view.last}` : `dimensions ${view.first}–${view.last}`}`),
        h("div", {}, `4 · ${view.d_model}² + 4 · ${view.d_model} = ${view.n_parameters} parameters`)),
      grid(view, left, api),
      h("div", {},
        h("div", { class: "ic-head" }, `Head ${view.head} of ${view.heads}: queries down, keys across`),
        heatmap({
          matrix: view.weights[view.head - 1], rows: view.tokens, columns: view.tokens, width: right,
          values: true, label: `Weights of head ${view.head}, ${view.tokens.length} queries by ${view.tokens.length} keys`,
        })),
    );
  },
});

/** The width of a vector as d_model squares, cut into heads; the chosen head's slice is filled. */
function slices({ heads, head, d_model, d_k, first, last }, width) {
  const gap = 0.25; // between heads, in squares
  const size = width / (d_model + gap * (heads - 1));
  const x = (i) => size * (i + gap * Math.floor(i / d_k));
  return h("svg", { width, height: 40, viewBox: `0 0 ${width} 40`, role: "img", "aria-label": `Head ${head} works in dimensions ${first} to ${last} of ${d_model}` },
    h("text", { class: "ic-axis", x: 0, y: 11 }, `the ${d_model} dimensions of q and k`),
    range(d_model).map((i) => h("rect", {
      x: x(i), y: 20, width: size - 1, height: 18, rx: 2,
      fill: Math.floor(i / d_k) === head - 1 ? "var(--ic-2)" : "var(--ic-line)",
    })),
  );
}

/** Small maps of all heads. The chosen one is outlined; arrow keys and pointer choose another. */
function grid({ heads, head, tokens, weights }, width, api) {
  const columns = range(heads + 1).find((n) => heads % n === 0 && n * n >= heads);
  const rows = heads / columns;
  const [gap, title] = [8, 17];
  const side = Math.min((width - gap * (columns - 1) - 2) / columns, api.width < 600 ? 130 : 230);
  const cell = side / tokens.length;
  const at = (i) => ({ x: 1 + (i % columns) * (side + gap), y: 1 + Math.floor(i / columns) * (side + title + gap) });
  const height = rows * (side + title + gap);
  const square = `h${cell.toFixed(2)}v${cell.toFixed(2)}h-${cell.toFixed(2)}z`;
  const shades = Array.from({ length: LEVELS + 1 }, () => "");
  weights.forEach((map, i) => {
    const across = tokens.map((_, s) => `M${(at(i).x + s * cell).toFixed(1)} `);
    const down = tokens.map((_, t) => (at(i).y + title + t * cell).toFixed(1) + square);
    map.forEach((row, t) => row.forEach((weight, s) => { shades[Math.round(weight * LEVELS)] += across[s] + down[t]; }));
  });
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  const onkeydown = (event) => {
    const next = head - 1 + (moves[event.key] ?? NaN);
    if (!(next >= 0 && next < heads)) return;
    event.preventDefault();
    api.set({ head: next + 1 });
    event.currentTarget.children[next].focus();
  };
  return h("div", { style: `position:relative;width:${width}px;height:${height}px` },
    h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
      shades.map((d, level) => h("path", { d: d || null, fill: "var(--ic-ink)", "fill-opacity": fixed(level / LEVELS, 3) })),
      range(heads).map((i) => [
        h("text", { class: i === head - 1 ? "ic-axis ic-chosen-text" : "ic-axis", x: at(i).x, y: at(i).y + 12 }, side > 70 ? `head ${i + 1}` : i + 1),
        h("rect", { class: i === head - 1 ? "ic-chosen" : "ic-frame", x: at(i).x, y: at(i).y + title, width: side, height: side }),
      ]),
    ),
    h("div", { role: "radiogroup", "aria-label": "Head, from the grid", onkeydown },
      range(heads).map((i) => h("button", {
        type: "button", role: "radio", "aria-checked": i === head - 1 ? "true" : "false", "aria-label": `Head ${i + 1}`,
        tabindex: i === head - 1 ? 0 : -1, onclick: () => api.set({ head: i + 1 }), key: `head-${i}`,
        style: `position:absolute;left:${at(i).x}px;top:${at(i).y}px;width:${side}px;height:${side + title}px;min-height:0;padding:0;border:0;background:transparent`,
      })),
    ),
  );
}
