// Ten transformers with a mistake each, beside a healthy one: what do loss and maps say?

import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, percent } from "../lib/format.js";
import { heatmap } from "../lib/heatmap.js";
import { argmax } from "../lib/math.js";
import { unpack } from "../lib/pack.js";
import { dragHandlers } from "../lib/pointer.js";

const COLOURS = ["var(--ic-1)", "var(--ic-2)", "var(--ic-3)", "var(--ic-4)"]; // of the families
const HALO = "paint-order:stroke;stroke:var(--ic-paper);stroke-width:4px";

export default explorable({
  name: "clinic",

  compute({ values, data }) {
    const { steps, map_steps, sentences } = data;
    const patient = data.patients[values.patient - 1];
    const healthy = data.healthy[patient.reading];
    const drawn = map_steps.filter((step) => step <= values.step).length - 1;
    const place = [drawn, Object.keys(sentences).indexOf(values.sentence), values.layer - 1, values.head - 1];
    return {
      ...data, ...values, ...sentences[values.sentence][patient.reading],
      at: steps.indexOf(values.step),
      mapStep: map_steps[drawn],
      both: [["patient", patient], ["healthy", healthy]].map(([name, one]) => ({ name, ...one, map: unpack(one.maps, ...place) })),
    };
  },

  numbers({ words, both, at, steps, families, patient, step, mapStep, no_context }) {
    const filled = (...row) => [...row, ...Array(words.length + 2 - row.length).fill("")];
    return {
      columns: ["what", "step or query", ...words.map((_, i) => String(i + 1))],
      rows: [
        filled("patient", "", patient),
        filled("training step", "", step),
        filled("map drawn at step", "", mapStep),
        filled("family", "", ...families, "own batches"),
        ...both.map(({ name, accuracy }) => filled(`${name}: accuracy`, "", ...accuracy.map((of) => of[at]))),
        ...both.flatMap(({ name, loss, training }) =>
          steps.map((one, i) => filled(`${name}: loss`, `step ${one}`, ...loss.map((of) => of[i]), training[i]))),
        filled("loss without context", "", ...no_context),
        ["key", "", ...words],
        ...both.flatMap(({ name, map }) => map.map((weights, i) => [`${name}: weights`, words[i], ...weights])),
      ],
    };
  },

  sentence({ patient, step, families, both: [ill, well], at, words, row, layer, head }) {
    const losses = families.map((family, i) => `${family} ${fixed(ill.loss[i][at])}`).join(", ");
    const right = (one) => percent(one.accuracy.reduce((all, of) => all + of[at] / families.length, 0));
    const key = argmax(ill.map[row]);
    const looks = ill.map[row][key] > 0
      ? `From “${words[row]}”, layer ${layer}, head ${head} looks most at “${words[key]}” (${percent(ill.map[row][key])}).`
      : `From “${words[row]}”, layer ${layer}, head ${head} looks at nothing.`;
    return `Patient ${patient} at step ${step}: loss ${losses}; by its own account ${right(ill)} of the answers are right, and the healthy run has ${right(well)}. ${looks}`;
  },

  draw(view, api) {
    const narrow = api.width < 520;
    const width = narrow ? api.width : Math.floor((api.width - 20) / 2);
    const { words, both, layer, head, mapStep, row, patient } = view;
    return [
      losses(view, api),
      h("div", { style: `display:grid;gap:0.6rem 20px;margin-top:0.6rem;grid-template-columns:${narrow ? "1fr" : `${width}px ${width}px`}` },
        both.map(({ name, map }) => h("div", {},
          h("div", { class: "ic-head" }, `${name === "healthy" ? "Healthy" : `Patient ${patient}`}: layer ${layer}, head ${head}, step ${mapStep}`),
          heatmap({
            matrix: map, rows: words, columns: words, width, chosen: { row }, maxCell: 24,
            label: `Weights of the ${name} model, ${words.length} queries by ${words.length} keys`,
          })))),
    ];
  },
});

/** Loss by family over the steps, the healthy run pale behind it, and the step that is looked at. */
function losses(view, api) {
  const { steps, families, both: [ill, well], no_context, top, step, at, patient } = view;
  const [width, height] = [api.width, 236];
  const edge = { left: 30, right: width - 94, top: 30, bottom: height - 42 };
  const last = steps.at(-1);
  const x = (one) => edge.left + Math.sqrt(one / last) * (edge.right - edge.left); // room for the first steps
  const y = (loss) => edge.bottom - (Math.min(loss, top) / top) * (edge.bottom - edge.top);
  const line = (values) => values.map((loss, i) => `${x(steps[i]).toFixed(1)},${y(loss).toFixed(1)}`).join(" ");
  const choose = dragHandlers((across) => {
    const along = clamp((across * width - edge.left) / (edge.right - edge.left), 0, 1);
    const near = (one) => Math.abs(Math.sqrt(one / last) - along);
    api.set({ step: steps.reduce((best, one) => (near(one) < near(best) ? one : best)) });
  });
  const names = apart(families.map((name, i) => ({ name, i, y: y(ill.loss[i].at(-1)) })), 15, edge);
  const label = `Held-out loss of patient ${patient}: ${families.map((name, i) => `${name} from ${fixed(ill.loss[i][0])} to ${fixed(ill.loss[i].at(-1))}`).join(", ")}`;
  return h("svg", { class: "ic-draggable", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, ...choose },
    h("rect", { width, height, fill: "transparent" }),
    h("text", { class: "ic-label", x: 0, y: 14, style: "font-weight:600" }, "Held-out loss at the answer, in nats"),
    [0, 1, 2, 3, 4, 5].map((value) => [
      h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: y(value), y2: y(value) }),
      h("text", { class: "ic-axis", x: edge.left - 8, y: y(value), "text-anchor": "end", "dominant-baseline": "central" }, String(value)),
    ]),
    [0, 50, 200, 500, 1000].map((one) => h("text", { class: "ic-axis", x: x(one), y: edge.bottom + 19, "text-anchor": "middle" }, String(one))),
    h("text", { class: "ic-axis", x: (edge.left + edge.right) / 2, y: height - 4, "text-anchor": "middle" }, "Training step"),
    h("line", { x1: x(step), x2: x(step), y1: edge.top, y2: edge.bottom, stroke: "var(--ic-muted)", "stroke-width": 1 }),
    families.map((_, i) => [
      h("polyline", { points: line(well.loss[i]), fill: "none", stroke: COLOURS[i], "stroke-opacity": 0.3, "stroke-width": 2 }),
      h("line", { x1: edge.right - 16, x2: edge.right, y1: y(no_context[i]), y2: y(no_context[i]), stroke: COLOURS[i], "stroke-width": 2, "stroke-dasharray": "4 2" }),
    ]),
    families.map((_, i) => [
      h("polyline", { points: line(ill.loss[i]), fill: "none", stroke: COLOURS[i], "stroke-width": 2 }),
      h("circle", { cx: x(step), cy: y(ill.loss[i][at]), r: 4, fill: COLOURS[i], stroke: "var(--ic-paper)", "stroke-width": 1.5 }),
    ]),
    names.map(({ name, i, y: at }) => [
      h("circle", { cx: edge.right + 9, cy: at, r: 4, fill: COLOURS[i] }),
      h("text", { class: "ic-label", x: edge.right + 17, y: at, "dominant-baseline": "central", style: HALO }, name),
    ]),
  );
}

/** The same labels, none nearer than `gap` to the one above it, and all inside. */
function apart(labels, gap, { top, bottom }) {
  const sorted = [...labels].sort((one, other) => one.y - other.y);
  let least = top;
  const down = sorted.map((one) => { const y = Math.max(one.y, least); least = y + gap; return { ...one, y }; });
  let most = bottom;
  return down.reverse().map((one) => { const y = Math.min(one.y, most); most = y - gap; return { ...one, y }; });
}
