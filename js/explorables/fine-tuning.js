// What moves when a pretrained encoder is trained on a small task, and what is it good for?

import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, percent } from "../lib/format.js";

const LINE = "var(--ic-1)";
const POINT = "var(--ic-2)";
const HALO = "paint-order:stroke;stroke:var(--ic-paper);stroke-width:4px";

export default explorable({
  name: "fine-tuning",

  compute({ values, data }) {
    const runs = data.runs[values.regime];
    const run = runs[values.seed];
    const at = data.steps.indexOf(values.step);
    return {
      ...values, ...data, runs, run, at,
      now: run.written[at], moved: run.movement[at],
    };
  },

  numbers: ({ step, steps, seed, now, run, runs, parts, moved }) => ({
    columns: ["", "training step", "value"],
    rows: [
      ["now: new sentences right", step, now],
      ["held-out sentences of the grammar right", steps.at(-1), run.held_out],
      ["seed", "", seed],
      ["seconds of one core", steps.at(-1), run.seconds],
      ...parts.map((part, i) => [`moved: ${part}`, step, moved[i]]),
      ...runs.flatMap((other, i) => other.written.map((share, j) => [`new sentences right, seed ${i}`, steps[j], share])),
    ],
  }),

  sentence({ step, now, moved, parts }) {
    if (step === 0) return `Before the first step, ${percent(now)} of the new sentences are right: the new layer is random, and nothing has moved.`;
    const most = moved.indexOf(Math.max(...moved));
    const where = moved[most] === 0
      ? "Below the new layer nothing has moved."
      : `Of the encoder, ${parts[most]} has moved furthest, by ${share(moved[most])} of its size.`;
    return `After ${step} steps, ${percent(now)} of the new sentences are right. ${where}`;
  },

  draw(view, api) {
    const narrow = api.width < 520;
    const gap = 26;
    const left = narrow ? api.width : Math.floor(0.58 * (api.width - gap));
    const right = narrow ? api.width : api.width - gap - left;
    return h("div", { style: `display:grid;gap:0.6rem ${gap}px;grid-template-columns:${narrow ? "1fr" : `${left}px ${right}px`}` },
      curves(view, api, left), movement(view, right));
  },
});

const share = (value) => `${fixed(100 * value)}%`;

const points = (list) => list.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

/** Accuracy on new sentences over the steps: the chosen seed and the others, against guessing. */
function curves(view, api, width) {
  const height = 260;
  const { steps, step, runs, run, now } = view;
  const edge = { left: 40, right: width - 10, top: 34, bottom: height - 42 };
  const x = (n) => edge.left + (n / steps.at(-1)) * (edge.right - edge.left);
  const y = (part) => edge.bottom - part * (edge.bottom - edge.top);
  const line = (one) => points(one.written.map((part, i) => [x(steps[i]), y(part)]));
  const pick = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const wanted = ((event.clientX - box.left - edge.left) / (edge.right - edge.left)) * steps.at(-1);
    api.set({ step: steps.reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best)) });
  };
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", style: "cursor:pointer", onclick: pick, "aria-label": `Share of new sentences right over training steps: ${percent(now)} at step ${step}; guessing gets half` },
    h("rect", { width, height, fill: "transparent" }),
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, "New sentences right"),
    [0, 0.5, 1].map((part) => [
      h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: y(part), y2: y(part) }),
      h("text", { class: "ic-axis", x: edge.left - 6, y: y(part), "text-anchor": "end", "dominant-baseline": "central" }, percent(part)),
    ]),
    [0, 10, 20, 30].map((n) => h("text", { class: "ic-axis", x: x(n), y: edge.bottom + 19, "text-anchor": "middle" }, String(n))),
    h("text", { class: "ic-axis", x: (edge.left + edge.right) / 2, y: height - 4, "text-anchor": "middle" }, "Training step"),
    h("line", { x1: edge.left, x2: edge.right, y1: y(0.5), y2: y(0.5), stroke: "var(--ic-muted)", "stroke-width": 1.4, "stroke-dasharray": "5 4" }),
    h("line", { x1: edge.right - 92, x2: edge.right - 66, y1: y(0.1), y2: y(0.1), stroke: "var(--ic-muted)", "stroke-width": 1.4, "stroke-dasharray": "5 4" }),
    h("text", { class: "ic-axis", x: edge.right, y: y(0.1), "text-anchor": "end", "dominant-baseline": "central" }, "guessing"),
    runs.map((other) => h("polyline", { points: line(other), fill: "none", stroke: LINE, "stroke-opacity": 0.55, "stroke-width": 1.2 })),
    h("polyline", { points: line(run), fill: "none", stroke: LINE, "stroke-width": 2.2 }),
    h("circle", { cx: x(step), cy: y(now), r: 6, fill: POINT, stroke: "var(--ic-paper)", "stroke-width": 1.5 }),
    h("text", { class: "ic-label", x: x(step) + (step > 15 ? -10 : 10), y: y(now) + (now > 0.8 || now < 0.5 ? 20 : -12), "text-anchor": step > 15 ? "end" : "start", style: `${HALO};font-weight:600` }, percent(now)),
  );
}

/** How far each part has moved, on one scale for all runs. */
function movement({ parts, moved, farthest }, width) {
  const [row, top, start] = [27, 34, 92];
  const height = top + row * parts.length + 8;
  const x = (part) => start + (part / farthest) * (width - start - 54);
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Moved: ${parts.map((part, i) => `${part} ${share(moved[i])}`).join(", ")}` },
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, "Moved, as a share of its size"),
    parts.map((part, i) => {
      const y = top + row * i;
      return [
        h("text", { class: "ic-label", x: start - 8, y: y + 10, "text-anchor": "end", "dominant-baseline": "central" }, part),
        h("rect", { x: start, y, width: Math.max(x(moved[i]) - start, 1), height: 20, rx: 2, fill: moved[i] === 0 ? "var(--ic-line)" : POINT }),
        h("text", { class: "ic-label", x: x(moved[i]) + 6, y: y + 10, "dominant-baseline": "central" }, moved[i] === 0 ? "0" : share(moved[i])),
      ];
    }),
  );
}
