// Points in the plane with their labels beside them.

import { h } from "./dom.js";

/** points [{ x, y, text, colour, faint }] inside `bounds` { x: [low, high], y: [low, high] }.
 *  axes: { x, y } titles. Labels move up or down a little where they would collide. */
export function scatter({ points, bounds, width, height, axes = {}, label, origin = false }) {
  const margin = { left: 16, right: 16, top: 16, bottom: axes.x ? 30 : 16 };
  const scale = ([low, high], from, to) => (v) => from + ((v - low) / (high - low)) * (to - from);
  const x = scale(bounds.x, margin.left, width - margin.right);
  const y = scale(bounds.y, height - margin.bottom, margin.top);
  const placed = [];
  const labels = points.map((point) => ({ point, ...place(point, x(point.x), y(point.y), width, placed) }));
  return h("svg", { class: "ic-scatter", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    h("rect", { class: "ic-frame", x: 0.5, y: 0.5, width: width - 1, height: height - margin.bottom + 11, rx: 6 }),
    origin && h("line", { class: "ic-hairline", x1: x(0), x2: x(0), y1: margin.top, y2: height - margin.bottom }),
    origin && h("line", { class: "ic-hairline", x1: margin.left, x2: width - margin.right, y1: y(0), y2: y(0) }),
    points.map((point) => h("circle", { cx: x(point.x), cy: y(point.y), r: 6, fill: point.colour ?? "var(--ic-ink)", "fill-opacity": point.faint ? 0.35 : 0.9 })),
    labels.map(({ point, ...at }) => h("text", { class: "ic-label", "dominant-baseline": "central", ...at }, point.text)),
    axes.x && h("text", { class: "ic-axis", x: width / 2, y: height - 5, "text-anchor": "middle" }, axes.x),
    axes.y && h("text", { class: "ic-axis", transform: `translate(12 ${(height - margin.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, axes.y),
  );
}

function place(point, px, py, width, placed) {
  const wide = 7.4 * point.text.length;
  const leftwards = px + 12 + wide > width;
  const box = (offset) => ({
    left: leftwards ? px - 12 - wide : px + 12, right: leftwards ? px - 12 : px + 12 + wide, y: py + offset,
  });
  const clash = (one) => placed.some((other) => Math.abs(one.y - other.y) < 15 && one.left < other.right && other.left < one.right);
  const offset = [0, -14, 14, -28, 28, -42, 42].find((candidate) => !clash(box(candidate))) ?? 0;
  placed.push(box(offset));
  return { x: leftwards ? px - 12 : px + 12, y: py + offset, "text-anchor": leftwards ? "end" : "start" };
}
