// Five tokens with four named dimensions, and the three matrices that say who looks at whom.

import { bar } from "../lib/bars.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, percent } from "../lib/format.js";
import { heatmap, signedFill, weightFill } from "../lib/heatmap.js";
import { argmax, dot, matmul, range, softmax } from "../lib/math.js";

const MATRICES = { w_q: 2, w_k: 2, w_v: 1 }; // columns of each
const SIZE = 3; // the column of x that the adjective brings

const rowsOf = (flat, n) => range(flat.length / n).map((i) => flat.slice(i * n, (i + 1) * n));
const same = (a, b) => a.every((value, i) => value === b[i]);

export default explorable({
  name: "projection-bench",
  inPicture: Object.keys(MATRICES),

  compute({ values, data }) {
    const [query, key, value] = Object.entries(MATRICES).map(([name, n]) => matmul(data.x, rowsOf(values[name], n)));
    const weights = query.map((q) => softmax(key.map((k) => dot(q, k) / Math.sqrt(q.length))));
    const output = matmul(weights, value);
    const found = data.wanted.map(([noun, adjective]) => ({
      noun, adjective, weight: weights[noun][adjective], size: output[noun][0], wanted: data.x[adjective][SIZE],
    }));
    return { ...data, ...values, query, key, weights, output, found };
  },

  react(trait, values, { starts }) {
    if (trait === "start" && starts[values.start]) return { ...starts[values.start] };
    if (trait in MATRICES) {
      const fits = (key) => Object.keys(MATRICES).every((name) => same(starts[key][name], values[name]));
      return { start: Object.keys(starts).find(fits) ?? "own" };
    }
    return {};
  },

  numbers({ tokens, x, query, key, output, weights, found }) {
    const filled = (row) => [...row, ...Array(5 - row.length).fill("")];
    const rows = (name, matrix) => matrix.map((row, i) => [name, tokens[i], ...filled(row)]);
    return {
      columns: ["", "", "1", "2", "3", "4", "5"],
      rows: [
        ...rows("token", x), ...rows("query", query), ...rows("key", key), ...rows("output", output), ...rows("weights of", weights),
        ...found.map(({ noun, adjective, weight }) => [`${tokens[noun]} to`, tokens[adjective], ...filled([weight])]),
      ],
    };
  },

  sentence({ tokens, weights, found, goal }) {
    const looks = found.map(({ noun, adjective, weight }) => {
      const top = argmax(weights[noun]);
      const ties = weights[noun].filter((w) => w > weights[noun][top] - 1e-9).length;
      if (ties === tokens.length) return `“${tokens[noun]}” looks at all five equally`;
      const most = ties > 1 ? `gives “${tokens[adjective]}” ${percent(weight)}, and as much to another` : `looks most at “${tokens[top]}” (${percent(weights[noun][top])})`;
      return `“${tokens[noun]}” ${most}`;
    });
    const near = found.every(({ weight }) => weight >= goal);
    const there = found.every(({ size, wanted }) => size * wanted >= goal);
    const verdict = near && there ? "Every noun has found its adjective, and its size has arrived."
      : near ? "Every noun has found its adjective. Its size has yet to arrive: that is the value matrix's part."
        : found.some(({ weight }) => weight >= goal) ? "One noun has found its adjective, the other has not."
          : "No noun has found its adjective yet.";
    return `${looks.join("; ")}. ${verdict}`;
  },

  draw(view, api) {
    const { tokens, columns, x, weights, found, goal } = view;
    const narrow = api.width < 620;
    const half = narrow ? api.width : Math.floor((api.width - 24) / 2);
    const panel = (title, ...nodes) => h("div", { key: title }, h("div", { class: "ic-head" }, h("strong", {}, title)), nodes);
    const row = (text, key, one) => [h("div", { class: "ic-head", key: `text-${key}` }, text), bar({ width: half, height: 18, ...one })];
    const [query, key, value] = Object.keys(MATRICES).map((name) => api.control(name));
    const given = panel("The tokens", heatmap({
      matrix: x, rows: tokens, columns, width: half, fill: (number) => signedFill(number, 1.6), values: true, decimals: 0, maxCell: 40,
      label: "The tokens: noun, adjective, place and size of each",
    }));
    const looks = panel("Weights: who looks at whom", heatmap({
      matrix: weights, rows: tokens, columns: tokens, width: half, fill: weightFill, values: true, maxCell: 40,
      framed: found.map(({ noun, adjective }) => ({ row: noun, column: adjective })),
      label: found.map(({ noun, adjective, weight }) => `“${tokens[noun]}” to “${tokens[adjective]}” ${fixed(weight, 2)}`).join(", "),
    }));
    const near = panel("How near you are", found.map(({ noun, adjective, weight }) => row(
      `“${tokens[noun]}” to “${tokens[adjective]}”: ${percent(weight)}, wanted ${percent(goal)}`, `weight-${noun}`,
      { value: weight, low: 0, high: 1, colour: weight >= goal ? "var(--ic-3)" : "var(--ic-ink)", label: `weight ${fixed(weight, 2)}, wanted ${goal}` },
    )));
    const arrives = panel("What arrives", found.map(({ noun, size, wanted }) => row(
      `size at “${tokens[noun]}”: ${fixed(size, 2)}, wanted ${fixed(wanted, 0)}`, `size-${noun}`,
      { value: size, low: -1.5, high: 1.5, colour: size < 0 ? "var(--ic-negative)" : "var(--ic-positive)", label: `size ${fixed(size, 2)}, wanted ${fixed(wanted, 0)}` },
    )));
    const steps = (name, wide, ...nodes) => h("div", { class: "ic-steps", key: name, style: `grid-template-columns:${narrow ? "1fr" : wide}` }, nodes);
    if (narrow) return [steps("all", "", given, query, key, looks, near, value, arrives)]; // each beside what it changes
    return [steps("inputs", "2fr 2fr 1.2fr", query, key, value), steps("results", "1fr 1fr", given, looks, near, arrives)];
  },
});
