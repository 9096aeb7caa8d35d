// Horizontal bars, positive or signed, that can be dragged by their end.

import { clamp } from "./controls.js";
import { h } from "./dom.js";
import { textOn } from "./heatmap.js";
import { dragHandlers } from "./pointer.js";

/** One bar as an SVG.
 *  value, low, high: what the left and right edge stand for (0 lies between them or on one).
 *  colour: a CSS colour. onDrag(value): makes the bar draggable. text: drawn at the bar's end. */
export function bar({ value, low, high, width, height = 26, colour = "var(--ic-ink)", onDrag, text, label }) {
  const x = (v) => ((clamp(v, low, high) - low) / (high - low)) * width;
  const [from, to] = [x(Math.min(0, value)), x(Math.max(0, value))];
  const end = value < 0 ? from : to;
  const drag = onDrag && dragHandlers((share) => onDrag(low + share * (high - low)));
  const roomRight = width - to > 52;
  return h("svg", { class: `ic-bar${onDrag ? " ic-draggable" : ""}`, width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, ...drag },
    h("rect", { x: 0, y: 0, width, height, fill: "transparent" }),
    low < 0 && h("line", { x1: x(0), x2: x(0), y1: 0, y2: height, class: "ic-hairline" }),
    h("rect", { x: from, y: 4, width: Math.max(to - from, 1), height: height - 8, rx: 2, fill: colour }),
    onDrag && h("circle", { cx: clamp(end, 6, width - 6), cy: height / 2, r: 6, class: "ic-grip" }),
    text && h("text", {
      x: roomRight ? to + (onDrag ? 12 : 6) : to - (onDrag ? 12 : 6), y: height / 2,
      "dominant-baseline": "central", "text-anchor": roomRight ? "start" : "end",
      class: roomRight ? "ic-label" : `ic-label ${textOn({ fill: colour })}`,
    }, text),
  );
}
