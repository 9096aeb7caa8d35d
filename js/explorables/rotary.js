// Turn a query and a key by their positions; the score is left with the distance between them.

import { bar } from "../lib/bars.js";
import { chart, note, scale } from "../lib/chart.js";
import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number } from "../lib/format.js";
import { dot, range } from "../lib/math.js";
import { dragHandlers } from "../lib/pointer.js";

const [QUERY, KEY] = ["var(--ic-1)", "var(--ic-2)"];

const turn = ([x, y], angle) => {
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  return [x * cosine - y * sine, x * sine + y * cosine];
};
const pairsOf = (vector) => range(vector.length / 2).map((i) => vector.slice(2 * i, 2 * i + 2));

export default explorable({
  name: "rotary",

  compute({ values, data }) {
    const { offset, position, pair } = values;
    const width = data.query.length;
    const speeds = range(width / 2).map((i) => Math.exp((-Math.log(data.base) * 2 * i) / width));
    const rotate = (vector, at) => pairsOf(vector).map((two, i) => turn(two, at * speeds[i]));
    const [query, key] = [rotate(data.query, position + offset), rotate(data.key, position)];
    const parts = query.map((two, i) => dot(two, key[i]));
    const scores = range(data.longest + 1).map((at) => dot(rotate(data.query, position + at).flat(), key.flat()));
    return {
      ...data, ...values, speeds, parts, scores, score: dot(query.flat(), key.flat()), turnedQuery: query, turnedKey: key,
      queryNorm: Math.hypot(...query.flat()), keyNorm: Math.hypot(...key.flat()),
    };
  },

  numbers({ speeds, offset, pair, parts, score, scores, turnedQuery, turnedKey, queryNorm, keyNorm }) {
    const blank = ["", "", "", ""];
    return {
      columns: ["", "query x", "query y", "key x", "key y", "offset · ω (radians)", "product"],
      rows: [
        ...parts.map((part, i) => [`pair ${i + 1}`, ...turnedQuery[i], ...turnedKey[i], offset * speeds[i], part]),
        [`chosen: pair ${pair}`, ...blank, offset * speeds[pair - 1], parts[pair - 1]],
        ["score", ...blank, "", score],
        ["norm of the query", ...blank, "", queryNorm],
        ["norm of the key", ...blank, "", keyNorm],
        ...scores.map((value, k) => [`score at offset ${k}`, ...blank, "", value]),
      ],
    };
  },

  sentence({ position, offset, pair, speeds, parts, score }) {
    const degrees = (offset * speeds[pair - 1] * 180) / Math.PI;
    return `With the key at position ${position} and the query at ${position + offset}, the offset is ${offset}. In pair ${pair} the query is turned ${degrees >= 100 ? Math.round(degrees) : number(degrees)}° further than the key, and the pair adds ${fixed(parts[pair - 1])} to a score of ${fixed(score)} in all.`;
  },

  draw(view, api) {
    const wide = api.width >= 600;
    const left = wide ? 250 : api.width;
    const right = wide ? api.width - left - 26 : api.width;
    return [
      line(view, api),
      h("div", { style: `display:grid;${wide ? `grid-template-columns:${left}px ${right}px;` : ""}gap:10px 26px;align-items:start` },
        plane(view, left),
        h("div", {}, contributions(view, right), curve(view, right, api))),
    ];
  },
});

const held = new Map(); // which of the two tokens each figure's pointer has taken

/** Both tokens on the line of positions. The key takes the query along. */
function line({ position, offset, longest }, api) {
  const { width } = api;
  const [left, right, y] = [12, width - 12, 34];
  const x = scale({ from: 0, to: 2 * longest }, left, right);
  const at = (across) => Math.round(x.value(across * width));
  const take = (across) => {
    const from = at(across);
    held.set(api.id, Math.abs(from - position) < Math.abs(from - position - offset) ? "key" : "query");
  };
  const move = (across) => {
    if (held.get(api.id) === "key") api.set({ position: clamp(at(across), 0, longest) });
    else api.set({ offset: clamp(at(across) - position, 0, longest) });
  };
  // The names stand side by side, whatever the distance, and inside the picture.
  const atStart = x(position) < 48;
  const keyEnd = atStart ? 54 : Math.min(x(position) + 8, width - 78);
  const queryStart = Math.max(x(position + offset) - 8, keyEnd + 8);
  const atEnd = queryStart > width - 70;
  const token = (place, colour) => h("circle", { cx: x(place), cy: y, r: 8, fill: colour, stroke: "var(--ic-paper)", "stroke-width": 2 });
  return h("svg", {
    class: "ic-draggable", width, height: 72, viewBox: `0 0 ${width} 72`, role: "img",
    "aria-label": `Key at position ${position}, query at position ${position + offset}`,
    ...dragHandlers(move, take),
  },
    h("rect", { width, height: 72, fill: "transparent" }),
    h("line", { x1: left, x2: right, y1: y, y2: y, stroke: "var(--ic-line)", "stroke-width": 2 }),
    h("line", { x1: x(position), x2: x(position + offset), y1: y, y2: y, stroke: "var(--ic-muted)", "stroke-width": 4 }),
    [0, 30, 60, 90, 120].map((p) => [
      h("line", { class: "ic-hairline", x1: x(p), x2: x(p), y1: y + 8, y2: y + 14 }),
      h("text", { class: "ic-axis", x: x(p), y: y + 28, "text-anchor": "middle" }, String(p)),
    ]),
    token(position + offset, QUERY),
    token(position, KEY),
    note(`key ${position}`, { x: keyEnd, y: y - 15, "text-anchor": "end" }),
    note(`query ${position + offset}`, { x: atEnd ? width : queryStart, y: y - 15, "text-anchor": atEnd ? "end" : "start" }),
  );
}

/** The chosen pair's plane: both vectors as they were (thin) and turned (thick). */
function plane({ query, key, turnedQuery, turnedKey, pair, speeds }, width) {
  const side = Math.min(width, 250);
  const [cx, cy] = [width / 2, side / 2 + 14];
  const radius = side / 2 - 22;
  const point = ([x, y]) => [cx + (x * radius) / 1.15, cy - (y * radius) / 1.15];
  const arrow = (vector, colour, name, turned) => {
    const [x, y] = point(vector);
    const angle = Math.atan2(cy - y, x - cx);
    const barb = (by) => `${(x + 10 * Math.cos(angle + by)).toFixed(1)} ${(y - 10 * Math.sin(angle + by)).toFixed(1)}`;
    const size = Math.hypot(x - cx, y - cy);
    return [
      h("path", {
        d: `M${cx} ${cy}L${x.toFixed(1)} ${y.toFixed(1)}${turned ? `M${barb(2.7)}L${x.toFixed(1)} ${y.toFixed(1)}L${barb(-2.7)}` : ""}`,
        stroke: colour, "stroke-width": turned ? 2.8 : 1.4, "stroke-dasharray": turned ? null : "3 4", fill: "none", "stroke-linecap": "round", "stroke-linejoin": "round",
      }),
      turned && note(name, { x: x + (13 * (x - cx)) / size, y: y + (13 * (y - cy)) / size, "text-anchor": "middle", "dominant-baseline": "central" }),
    ];
  };
  const two = (vector) => vector.slice(2 * pair - 2, 2 * pair);
  return h("svg", { width, height: side + 46, viewBox: `0 0 ${width} ${side + 46}`, role: "img", "aria-label": `Query and key in the plane of pair ${pair}` },
    h("text", { class: "ic-label", x: 0, y: 13, style: "font-weight:600" }, `Pair ${pair}`),
    h("line", { class: "ic-hairline", x1: cx - radius, x2: cx + radius, y1: cy, y2: cy }),
    h("line", { class: "ic-hairline", x1: cx, x2: cx, y1: cy - radius, y2: cy + radius }),
    arrow(two(query), QUERY, "q", false),
    arrow(two(key), KEY, "k", false),
    arrow(turnedQuery[pair - 1], QUERY, "q", true),
    arrow(turnedKey[pair - 1], KEY, "k", true),
    h("text", { class: "ic-axis", x: cx, y: side + 18, "text-anchor": "middle" }, "dashed: before they are turned"),
    h("text", { class: "ic-axis", x: cx, y: side + 36, "text-anchor": "middle" }, `turns ${number((speeds[pair - 1] * 180) / Math.PI)}° per position`),
  );
}

/** What each pair gives to the score. */
function contributions({ parts, pair, score }, width) {
  const label = 62;
  const row = (name, value, colour, strong) => [
    h("span", { class: strong ? "ic-label ic-chosen-text" : "ic-label" }, name),
    bar({ value, low: -1.5, high: 2.8, width: width - label - 12, height: 22, colour, text: fixed(value), label: `${name}: ${fixed(value)}` }),
  ];
  return h("div", { class: "ic-rows", style: `grid-template-columns:${label}px 1fr;row-gap:0` },
    parts.map((part, i) => row(`pair ${i + 1}`, part, i + 1 === pair ? "var(--ic-ink)" : "var(--ic-muted)", i + 1 === pair)),
    row("score", score, "var(--ic-3)", true),
  );
}

function curve({ scores, offset, longest }, width, api) {
  return chart({
    width, height: 158, style: "margin-top:10px", margin: { right: 10, top: 26, bottom: 36 },
    title: "Score at every offset", label: `Score against offset: ${fixed(scores[offset])} at offset ${offset}`,
    x: { from: 0, to: longest, ticks: [0, 15, 30, 45, 60], title: "Offset" },
    y: { from: -1.5, to: 2.8, ticks: [-1, 0, 1, 2] },
    onDrag: (at) => api.set({ offset: Math.round(at) }),
  }, ({ line, grip }) => [
    line([...scores.entries()], { stroke: "var(--ic-3)" }),
    grip(offset, scores[offset], "var(--ic-3)"),
  ]);
}
