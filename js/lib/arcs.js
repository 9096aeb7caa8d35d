// Arcs from one token to the tokens it attends to; the thicker and darker, the more weight.

import { h } from "./dom.js";

/** tokens along a line; from: the index of the query; weights [n] of its row. width in px. */
export function arcs({ tokens, from, weights, width, label, onPick, minStep = 0 }) {
  const longest = Math.max(...tokens.map((token) => token.length));
  const slanted = width / tokens.length < 8 * longest;
  const indent = slanted ? 3.4 * tokens[0].length : 0; // the first slanted label reaches left
  const step = Math.max((width - indent) / tokens.length, minStep);
  const x = (i) => indent + (i + 0.5) * step;
  const farthest = Math.max(from, tokens.length - 1 - from, 1);
  const lift = (i) => 26 + 84 * (Math.abs(i - from) / farthest);
  const base = 98;
  const total = indent + step * tokens.length;
  const height = base + (slanted ? 24 + 5.2 * longest : 30);
  const path = (i) => i === from
    ? `M ${x(i) - 5} ${base} C ${x(i) - 22} ${base - 34}, ${x(i) + 22} ${base - 34}, ${x(i) + 5} ${base}`
    : `M ${x(from)} ${base} C ${x(from)} ${base - lift(i)}, ${x(i)} ${base - lift(i)}, ${x(i)} ${base}`;
  return h("svg", { class: "ic-arcs", width: total, height, viewBox: `0 0 ${total} ${height}`, role: "img", "aria-label": label },
    weights.map((weight, i) => h("path", {
      d: path(i), fill: "none", stroke: "var(--ic-ink)", "stroke-width": 0.6 + 7 * weight, "stroke-opacity": Math.min(1, 0.08 + weight), "stroke-linecap": "round",
    })),
    tokens.map((token, i) => h("text", {
      class: i === from ? "ic-tick ic-chosen-text" : "ic-tick", "data-token": i, onclick: onPick && (() => onPick(i)),
      ...(slanted
        ? { transform: `translate(${x(i) + 3} ${base + 12}) rotate(-50)`, "text-anchor": "end" }
        : { x: x(i), y: base + 18, "text-anchor": "middle" }),
    }, token)),
  );
}
