// Every attention head of the real model, on real sentences: where does each token look?

import { arcs } from "../lib/arcs.js";
import { chips } from "../lib/chips.js";
import { explorable } from "../lib/explorable.js";
import { number, percent } from "../lib/format.js";
import { heatmap } from "../lib/heatmap.js";
import { argmax, softmax } from "../lib/math.js";
import { unpack } from "../lib/pack.js";
import { nameOf } from "../lib/tokens.js";

export default explorable({
  name: "attention-lens",

  compute({ values, data }) {
    const { tokens, scores, causal } = data.sentences[values.sentence];
    const shown = unpack(scores, values.layer - 1, values.head - 1); // of one head, not of all
    const allowed = (row, query) => (causal ? row.map((score, key) => (key > query ? -Infinity : score)) : row);
    const weights = shown.map((row, query) => softmax(allowed(row, query), values.temperature));
    return { ...values, tokens, weights, row: weights[values.position - 1] };
  },

  react: (trait, values, { sentences }) => (trait === "sentence" ? { position: sentences[values.sentence].first } : {}),

  limits: (values, { sentences }) => ({ position: sentences[values.sentence].tokens.length }),

  numbers: ({ tokens, weights, row, position }) => {
    const names = tokens.map((token, i) => `${i + 1} ${token}`);
    const arcs = [`arcs from ${names[position - 1]}`, ...row];
    return { columns: ["query \\ key", ...names], rows: [arcs, ...weights.map((line, i) => [names[i], ...line])] };
  },

  sentence({ tokens, row, position, layer, head, temperature }) {
    const order = row.map((_, i) => i).sort((a, b) => row[b] - row[a]);
    const name = (i) => nameOf(tokens, i);
    const where = row[order[0]] > 1 - 1e-6
      ? `only at ${name(order[0])}.`
      : `most at ${name(order[0])}, with ${percent(row[order[0]])} of its weight, and next at ${name(order[1])}, with ${percent(row[order[1]])}.`;
    return `In layer ${layer}, head ${head}, at T = ${number(temperature)}, ${name(position - 1)} looks ${where}`;
  },

  draw({ tokens, weights, row, position, layer, head }, api) {
    const pick = (i) => i + 1 !== position && api.set({ position: i + 1 });
    return [
      chips({ tokens, weights: row, chosen: position - 1, onPick: pick, label: "Tokens: choose whose attention is shown" }),
      arcs({ tokens, from: position - 1, weights: row, width: api.width, onPick: pick, label: `Arcs from “${tokens[position - 1]}”; the widest goes to “${tokens[argmax(row)]}”` }),
      heatmap({
        matrix: weights, rows: tokens, columns: tokens, width: api.width, maxCell: Math.max(30, Math.min(44, 480 / tokens.length)), chosen: { row: position - 1 }, onPick: pick,
        label: `Weights of layer ${layer}, head ${head}: a row for each query, a column for each key`,
      }),
    ];
  },
});
