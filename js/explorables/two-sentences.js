// Two sentences that differ in one word, one under the other: where does one head look in each?

import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed } from "../lib/format.js";
import { heatmap } from "../lib/heatmap.js";
import { unpack } from "../lib/pack.js";
import { nameOf } from "../lib/tokens.js";

const COLOURS = ["var(--ic-1)", "var(--ic-2)"]; // of the two nouns, wherever they stand
const CLEAR = 0.02; // a difference of weights that is worth a word
const SHOWN = 0.1; // a weight that is printed at any token

export default explorable({
  name: "two-sentences",

  compute({ values, data }) {
    const { endings, tokens, nouns } = data;
    const maps = data.weights.map((packed) => unpack(packed, values.layer - 1, values.head - 1));
    const rows = maps.map((map) => map[values.position - 1]);
    const leads = rows.map((row) => row[nouns[0]] - row[nouns[1]]);
    return { ...values, endings, tokens, nouns, maps, rows, leads };
  },

  numbers({ endings, tokens, maps, rows, leads, position }) {
    const [first, second] = tokens;
    const names = first.map((token, i) => `${i + 1} ${token === second[i] ? token : `${token} / ${second[i]}`}`);
    const blank = names.slice(1).map(() => "");
    return {
      columns: ["query \\ key", ...names],
      rows: [
        ...rows.map((row, s) => [`${endings[s]}: arcs from ${position}`, ...row]),
        ...leads.map((lead, s) => [`${endings[s]}: chicken minus road`, lead, ...blank]),
        ...maps.flatMap((map, s) => map.map((row, i) => [`${endings[s]}: ${i + 1} ${tokens[s][i]}`, ...row])),
      ],
    };
  },

  sentence(view) {
    const { endings: [tired, wide], rows: [first, second], nouns: [a, b] } = view;
    const [chicken, road] = view.nouns.map((i, n) => (i === view.position - 1 ? "itself" : `the ${["chicken", "road"][n]}`));
    const [from, other] = view.tokens.map((tokens) => nameOf(tokens, view.position - 1));
    const given = from === other
      ? `With “${tired}”, ${from} gives ${chicken} ${fixed(first[a])} and ${road} ${fixed(first[b])} of its weight; with “${wide}”, ${fixed(second[a])} and ${fixed(second[b])}.`
      : `${from} gives ${chicken} ${fixed(first[a])} and ${road} ${fixed(first[b])} of its weight; ${other} gives them ${fixed(second[a])} and ${fixed(second[b])}.`;
    return `${given} ${verdict(view)}`;
  },

  draw(view, api) {
    const pick = (i) => i + 1 !== view.position && api.set({ position: i + 1 });
    const wide = api.width >= 580;
    const side = wide ? Math.floor((api.width - 16) / 2) : api.width;
    return [
      view.endings.map((_, s) => arcs(view, s, api.width, pick)),
      h("details", { class: "ic-fold", ontoggle: letPictureShrink },
        h("summary", {}, "All rows of this head"),
        h("div", { style: `display:grid;gap:12px 16px;${wide ? `grid-template-columns:${side}px ${side}px` : ""}` },
          view.maps.map((map, s) => heatmap({
            matrix: map, rows: view.tokens[s], columns: view.tokens[s], width: side, chosen: { row: view.position - 1 }, onPick: pick,
            label: `Weights with “${view.endings[s]}”: a row for each query, a column for each key`,
          })))),
    ];
  },
});

/** What the two leads of the chicken over the road come to: they should be positive with the first
 *  ending and negative with the second. */
function verdict({ endings: [tired, wide], leads: [first, second] }) {
  const moved = first - second;
  if (Math.abs(moved) < CLEAR) return "The last word makes almost no difference here.";
  if (moved < 0) return `With “${wide}” the balance shifts towards the chicken: the wrong way.`;
  if (first >= CLEAR && second <= -CLEAR) return "The right noun leads in both sentences.";
  if (second > 0) return `The chicken’s lead shrinks from ${fixed(first)} to ${fixed(second)}: the head moves towards the road, and still misses it.`;
  return `With “${wide}” the balance shifts towards the road, by ${fixed(moved)}; with “${tired}” the chicken ${first < 0 ? "stays behind" : "hardly leads"}.`;
}

// The picture keeps the greatest height it had; closing the map gives its space back.
const letPictureShrink = (event) => { event.currentTarget.closest(".ic-picture").style.minHeight = ""; };

/** One sentence on a line, with the arcs of the chosen token above it. Where the line is too short
 *  for the words, they slant. */
function arcs({ tokens: all, rows, nouns, endings, position }, s, width, pick) {
  const [tokens, row, from] = [all[s], rows[s], position - 1];
  const slanted = width < 560;
  const place = slanted ? evenly(tokens, width) : byLength(tokens, width);
  const base = slanted ? 92 : 88; // of the arcs, px from the top
  const farthest = Math.max(from, tokens.length - 1 - from);
  const lift = (i) => 24 + 62 * (Math.abs(i - from) / farthest);
  const path = (i) => i === from
    ? `M ${place[i] - 4} ${base} C ${place[i] - 18} ${base - 28}, ${place[i] + 18} ${base - 28}, ${place[i] + 4} ${base}`
    : `M ${place[from]} ${base} C ${place[from]} ${base - lift(i)}, ${place[i]} ${base - lift(i)}, ${place[i]} ${base}`;
  const height = base + (slanted ? 78 : 50);
  const [chicken, road] = nouns.map((i) => fixed(row[i]));
  const nounsOnTop = row.map((_, i) => i).sort((i, j) => nouns.includes(i) - nouns.includes(j));
  const label = slanted ? slantedLabel : uprightLabel;
  return h("svg", {
    width, height, viewBox: `0 0 ${width} ${height}`, role: "img", onclick: (event) => choose(event, pick),
    "aria-label": `Arcs from ${nameOf(tokens, from)}, sentence with “${endings[s]}”: chicken ${chicken}, road ${road}`,
  },
    h("text", { class: "ic-label ic-chosen-text", x: 0, y: 16 }, `… too ${endings[s]}.`),
    nounsOnTop.map((i) => h("path", {
      d: path(i), fill: "none", stroke: colourOf(i, nouns), "stroke-linecap": "round", "stroke-width": (0.8 + 8 * row[i]).toFixed(2),
      "stroke-opacity": nouns.includes(i) ? 0.9 : Math.min(0.1 + row[i], 0.7).toFixed(2),
    })),
    tokens.map((token, i) => label(token, i, {
      x: place[i], base, noun: nouns.includes(i), chosen: i === from, colour: colourOf(i, nouns),
      weight: nouns.includes(i) || row[i] >= SHOWN ? fixed(row[i]) : "",
    })),
  );
}

const colourOf = (i, nouns) => COLOURS[nouns.indexOf(i)] ?? "var(--ic-muted)";
const tick = (strong) => (strong ? "ic-tick ic-chosen-text" : "ic-tick");
const ring = { class: "ic-frame", style: "stroke:var(--ic-text)" }; // around the chosen token

function uprightLabel(token, i, { x, base, noun, chosen, colour, weight }) {
  const half = 3.6 * token.length + 6;
  const text = (y, style, content) => h("text", { class: style, "data-token": i, x, y: base + y, "text-anchor": "middle" }, content);
  return h("g", { style: "cursor:pointer" },
    chosen && h("rect", { ...ring, x: x - half, y: base + 3, width: 2 * half, height: 21, rx: 10 }),
    noun && h("rect", { x: x - half + 6, y: base + 22, width: 2 * half - 12, height: 3, rx: 1.5, fill: colour }),
    h("rect", { "data-token": i, x: x - half, y: base - 6, width: 2 * half, height: 50, fill: "transparent" }),
    text(18, tick(noun || chosen), token),
    text(40, noun ? tick(true) : "ic-axis", weight));
}

function slantedLabel(token, i, { x, base, noun, chosen, colour, weight }) {
  const content = weight ? `${token} ${weight}` : token;
  const long = 7 * content.length;
  const reach = Math.max(long, 44); // of a finger
  return h("g", { transform: `translate(${x + 3} ${base + 11}) rotate(-50)`, style: "cursor:pointer" },
    chosen && h("rect", { ...ring, x: -long - 6, y: -12, width: long + 12, height: 16, rx: 8 }),
    noun && h("rect", { x: -long, y: 3, width: long, height: 2, rx: 1, fill: colour }),
    h("rect", { "data-token": i, x: -reach, y: -12, width: reach + 8, height: 16, fill: "transparent" }),
    h("text", { class: tick(noun || chosen), "data-token": i, "text-anchor": "end" }, content));
}

function choose(event, pick) {
  const { token } = event.target.dataset;
  if (token !== undefined) pick(Number(token));
}

/** The middle of each token, px: as far apart as the words are long. */
function byLength(tokens, width) {
  const lengths = tokens.map((token) => Math.max(7.2 * token.length, 9));
  const gap = (width - 16 - lengths.reduce((a, b) => a + b)) / (tokens.length - 1);
  let edge = 8;
  return lengths.map((length) => {
    const middle = edge + length / 2;
    edge += length + gap;
    return middle;
  });
}

function evenly(tokens, width) {
  const indent = 32; // the first slanted label reaches left
  return tokens.map((_, i) => indent + ((i + 0.5) * (width - indent)) / tokens.length);
}
