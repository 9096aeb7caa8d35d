// All heads of one layer of the real model side by side, on one sentence.

import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed } from "../lib/format.js";
import { heatmap } from "../lib/heatmap.js";
import { argmax, range } from "../lib/math.js";
import { unpack } from "../lib/pack.js";
import { nameOf } from "../lib/tokens.js";

const LEVELS = 48; // shades of ink in the grid; one path each, instead of an element for each cell
const COUNTS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
const LISTED = 3; // tokens that the sentence names

export default explorable({
  name: "layer-heads",

  compute: ({ values, data }) => ({ ...values, tokens: data.tokens, weights: unpack(data.weights, values.layer - 1) }),

  numbers({ tokens, head, position, weights }) {
    const names = tokens.map((token, i) => `${i + 1} ${token}`);
    return {
      columns: ["", "query", ...names],
      rows: [
        [`chosen: head ${head}`, names[position - 1], ...weights[head - 1][position - 1]],
        ...weights.flatMap((rows, i) => rows.map((row, t) => [`head ${i + 1}`, names[t], ...row])),
      ],
    };
  },

  sentence({ tokens, layer, head, position, weights }) {
    const rows = weights.map((map) => map[position - 1]);
    const places = placesOf(rows);
    const [from, row] = [nameOf(tokens, position - 1), rows[head - 1]];
    const own = `Head ${head} gives ${fixed(Math.max(...row))} of its weight to ${nameOf(tokens, argmax(row))}.`;
    if (places.length === 1) return `In layer ${layer}, ${from} looks most at ${nameOf(tokens, places[0].key)} in all twelve heads. ${own}`;
    const listed = places.slice(0, LISTED).map(({ key, count }, i) => `${nameOf(tokens, key)} in ${COUNTS[count]}${i ? "" : " of the heads"}`);
    const more = places.length - listed.length;
    const last = more ? `, and ${COUNTS[more]} more` : ` and ${listed.pop()}`;
    return `In layer ${layer}, ${from} looks most at ${COUNTS[places.length]} different tokens: ${listed.join(", ")}${last}. ${own}`;
  },

  draw(view, api) {
    const wide = api.width >= 600;
    const left = wide ? Math.floor(api.width * 0.52) : api.width;
    const right = wide ? api.width - left - 20 : api.width;
    const columns = wide ? `grid-template-columns:${left}px ${right}px;` : "";
    const pick = (i) => i + 1 !== view.position && api.set({ position: i + 1 });
    return h("div", { style: `display:grid;${columns}gap:12px 20px;align-items:start` },
      grid(view, left, api),
      h("div", {},
        h("div", { class: "ic-head" }, `Head ${view.head} of layer ${view.layer}: queries down, keys across`),
        heatmap({
          matrix: view.weights[view.head - 1], rows: view.tokens, columns: view.tokens, width: right, chosen: { row: view.position - 1 }, onPick: pick,
          label: `Weights of layer ${view.layer}, head ${view.head}: a row for each query, a column for each key`,
        })));
  },
});

/** Where the heads look most, [{ key, count of heads }], the place of most heads first. */
function placesOf(rows) {
  const keys = rows.map(argmax);
  return [...new Set(keys)]
    .map((key) => ({ key, count: keys.filter((other) => other === key).length }))
    .sort((one, other) => other.count - one.count || one.key - other.key);
}

/** Small maps of all heads. The chosen one is outlined; arrow keys and pointer choose another. */
function grid({ head, position, tokens, weights }, width, api) {
  const heads = weights.length;
  const columns = 4;
  const rows = heads / columns;
  const [gap, title] = [8, 17];
  const side = (width - gap * (columns - 1) - 2) / columns;
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
        h("text", { class: i === head - 1 ? "ic-axis ic-chosen-text" : "ic-axis", x: at(i).x, y: at(i).y + 12 }, `head ${i + 1}`),
        h("rect", { x: at(i).x, y: at(i).y + title + (position - 1) * cell - 0.5, width: side, height: cell + 1, fill: "none", stroke: "var(--ic-2)", "stroke-opacity": 0.5 }),
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
