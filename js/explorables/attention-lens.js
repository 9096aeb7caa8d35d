// Every attention head of the real model, on real sentences: where does each token look?

import { ownSentence } from "../engine/own-sentence.js";
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

  live: (context) => (isEncoder(context.data) ? ownSentence(context, {
    behind: "sentence",
    read: async (reading, text) => {
      const { tokens, answer } = await reading.read([text], "scores", text);
      return { tokens, scores: answer };
    },
    first: () => 2,
    shown: (reading, position) => ({ position }),
  }) : null),

  more: ({ live, id }) => live?.field(id),

  compute({ values, data, live }) {
    const { tokens, scores, causal } = shownOf(values, data, live);
    const [layer, head] = [values.layer - 1, values.head - 1];
    const shown = scores.codes ? unpack(scores, layer, head) : rowsOf(scores[layer][head], tokens.length);
    const allowed = (row, query) => (causal ? row.map((score, key) => (key > query ? -Infinity : score)) : row);
    const weights = shown.map((row, query) => softmax(allowed(row, query), values.temperature));
    return { ...values, tokens, weights, row: weights[values.position - 1] };
  },

  react: (trait, values, { sentences }) => (trait === "sentence" ? { position: sentences[values.sentence].first } : {}),

  limits: (values, data, live) => ({ position: shownOf(values, data, live).tokens.length }),

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

/** The model of the page is MiniLM: it reads beside its own sentences, not beside others' weights. */
const isEncoder = ({ sentences }) => !Object.values(sentences)[0].model;

/** The reader's sentence, or the book's that is chosen. */
function shownOf({ sentence }, { sentences }, live) {
  return live?.reading?.behind === sentence ? live.reading : sentences[sentence];
}

/** n × n numbers in one array to rows. */
const rowsOf = (all, n) => Array.from({ length: n }, (_, i) => Array.from(all.subarray(i * n, (i + 1) * n)));
