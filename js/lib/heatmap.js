// A matrix of squares: weights in one hue from paper (0) to ink (1), or signed values about zero.

import { h } from "./dom.js";
import { fixed } from "./format.js";

const LEVELS = 64; // shades that are told apart; the cells of one shade are one path

/** How a weight in [0, 1] is filled: full ink at 1, see-through (the paper) at 0. */
export const weightFill = (weight) => ({ fill: "var(--ic-ink)", "fill-opacity": weight });

/** How a signed value is filled, `limit` being full colour on either side. */
export const signedFill = (value, limit) => ({
  fill: value < 0 ? "var(--ic-negative)" : "var(--ic-positive)",
  "fill-opacity": Math.min(Math.abs(value) / limit, 1),
});

// From which opacity on black reads better than white in the dark theme, and white better than black
// in the light one. A test computes them anew from the palette.
const TURNS = {
  "var(--ic-ink)": [0.536, 0.691],
  "var(--ic-positive)": [0.64, 0.931],
  "var(--ic-negative)": [0.611, 2],
  "var(--ic-muted)": [0.66, 0.86],
  "var(--ic-1)": [0.714, 0.931],
  "var(--ic-2)": [0.652, 2],
  "var(--ic-3)": [0.613, 2],
};

/** The look as it is drawn: in one of LEVELS shades. */
const shaded = (look) => ({ ...look, "fill-opacity": Math.round((look["fill-opacity"] ?? 1) * LEVELS) / LEVELS });

/** The class of a text on a cell that is filled like this: the better contrast in either theme, and
 *  at least 4.5. */
export function textOn({ fill, "fill-opacity": opacity = 1 }) {
  const [dark, light] = TURNS[fill] ?? [2, 2];
  return opacity > light ? "ic-on-ink" : opacity > dark ? "ic-on-middle" : "";
}

/** matrix [rows][columns] as an SVG with labels on both sides.
 *  rows, columns: label texts. width: of the whole drawing in px. fill(value, i, j): see above.
 *  values: print the numbers in the cells where they fit. chosen: { row, column } gets an outline;
 *  framed: so does each of these.
 *  onPick(i, j): a cell was clicked or pointed at. label: for assistive technology. */
export function heatmap({ matrix, rows, columns, width, fill = weightFill, values = false, chosen, framed = [], onPick, label, maxCell = 44, decimals = 2 }) {
  const left = 10 + 8.2 * Math.min(Math.max(...rows.map((text) => text.length)), 14);
  const reach = 5.4 * Math.min(Math.max(...columns.map((text) => text.length)), 14); // at 45°
  const right = 0.62 * (14 + reach); // slanted labels reach past the last column
  const size = Math.max(Math.min((width - left - right) / columns.length, maxCell), 6);
  const tick = `${Math.min(Math.max(0.85 * size, 8.5), 13).toFixed(1)}px`;
  const slant = size < 18 ? -65 : -45; // where columns are narrow, names stand up
  const top = 14 + (size < 18 ? 1.28 : 1) * reach; // sin 65° / sin 45°
  const total = { width: left + right + size * columns.length, height: top + size * rows.length + 2 };
  const at = (i, j) => ({ x: left + j * size, y: top + i * size });
  const pick = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const [i, j] = [Math.floor((event.clientY - box.top - top) / size), Math.floor((event.clientX - box.left - left) / size)];
    if (i >= 0 && j >= 0 && i < rows.length && j < columns.length) onPick(i, j);
  };
  return h("svg", {
    class: "ic-heatmap", width: total.width, height: total.height, viewBox: `0 0 ${total.width} ${total.height}`,
    role: "img", "aria-label": label, onclick: onPick && pick,
  },
    columns.map((text, j) => h("text", {
      class: "ic-tick", style: `font-size:${tick}`, transform: `translate(${left + (j + 0.5) * size} ${top - 6}) rotate(${slant})`,
    }, text)),
    rows.map((text, i) => h("text", {
      class: chosen?.row === i ? "ic-tick ic-chosen-text" : "ic-tick", style: `font-size:${tick}`, x: left - 7, y: top + (i + 0.5) * size,
      "text-anchor": "end", "dominant-baseline": "central",
    }, text)),
    cells(matrix, fill, size, at),
    values && size >= 30 && matrix.map((line, i) => line.map((value, j) => h("text", {
      x: at(i, j).x + (size - 1) / 2, y: at(i, j).y + (size - 1) / 2, "text-anchor": "middle", "dominant-baseline": "central",
      class: `ic-cell-text ${textOn(shaded(fill(value, i, j)))}`,
    }, fixed(value, decimals)))),
    [...framed, ...(chosen?.row === undefined ? [] : [chosen])].map(({ row, column }) => h("rect", {
      class: "ic-chosen", ...at(row, column ?? 0), rx: 3,
      width: (column === undefined ? size * columns.length : size) - 1, height: size - 1,
    })),
  );
}

/** The cells as one path for each look: a few dozen elements where there may be hundreds of cells. */
function cells(matrix, fill, size, at) {
  const r = Math.min(3, size / 6);
  const side = (size - 1 - 2 * r).toFixed(2);
  const round = r.toFixed(2);
  const cell = `h${side}q${round} 0 ${round} ${round}v${side}q0 ${round} -${round} ${round}h-${side}q-${round} 0 -${round} -${round}v-${side}q0 -${round} ${round} -${round}z`;
  const paths = new Map();
  matrix.forEach((line, i) => line.forEach((value, j) => {
    const look = shaded(fill(value, i, j));
    const key = `${look.fill} ${look["fill-opacity"]}`;
    if (!paths.has(key)) paths.set(key, { ...look, d: "" });
    const { x, y } = at(i, j);
    paths.get(key).d += `M${(x + r).toFixed(1)} ${y.toFixed(1)}${cell}`;
  }));
  return h("g", { class: "ic-cell" }, [...paths.values()].map((path) => h("path", path)));
}
