// How a model writes, as src/incontext/generation.py has it: scores for the next word, temperature,
// the cut, a draw, and the longer text is read again.

import { range, softmax, sum } from "../lib/math.js";
import { unpack } from "../lib/pack.js";
import { forward, matrix } from "./transformer.js";

const KEPT = 2000; // rows of scores that are remembered, so that a text is not read twice

/** A left-to-right model for `scoresOf`, in float64. config: { heads, layers, dModel }; weights: packed,
 *  under PyTorch's names; nSigns: how many of the first ids are never written. */
export function writerFrom({ config, weights, nSigns }) {
  const read = Object.entries(weights).map(([name, packed]) => {
    const [rows, cols] = packed.shape.length === 2 ? packed.shape : [1, ...packed.shape];
    const weight = matrix(rows, cols, Float64Array);
    weight.data.set(unpack(packed).flat());
    return [name, weight];
  });
  const full = { ...config, positions: true, causal: true, scaled: true, residual: true };
  return { model: { config: full, weights: Object.fromEntries(read) }, nSigns, known: new Map() };
}

/** For each word of a text, the scores of all words that could follow it. ids: numbers of words. */
export function scoresOf({ model, nSigns, known }, ids) {
  const keys = ids.map((_, i) => ids.slice(0, i + 1).join());
  if (!keys.every((key) => known.has(key))) {
    if (known.size > KEPT) known.clear();
    const places = range(ids.length);
    const { logits } = forward([], model, { ids: ids.map((id) => id + nSigns), places, lengths: [ids.length], rows: places });
    keys.forEach((key, i) => known.set(key, [...logits.data.subarray(i * logits.cols + nSigns, (i + 1) * logits.cols)]));
  }
  return keys.map((key) => known.get(key));
}

/** What the next word is drawn from, the likeliest first: [{ word, logit, before, after }], `word` its
 *  number, `before` the cut and `after` it. Temperature first, then top-k, then top-p on what is left. */
export function ranked(scores, { temperature, top_k, top_p, greedy }) {
  const before = softmax(scores, temperature);
  const order = range(scores.length).sort((one, other) => scores[other] - scores[one] || one - other);
  let left = order.map((word) => before[word]);
  const keep = (isKept) => {
    const kept = left.map((part, rank) => (isKept(part, rank) ? part : 0));
    const whole = sum(kept);
    left = kept.map((part) => part / whole);
  };
  if (greedy) keep((_, rank) => rank === 0);
  else {
    let likelier = 0; // what the words ranked above have together
    if (top_k !== "all") keep((_, rank) => rank < top_k);
    if (top_p < 1) keep((part) => (likelier += part) - part < top_p);
  }
  return order.map((word, rank) => ({ word, logit: scores[word], before: before[word], after: left[rank] }));
}

/** The first, from the likeliest on, whose running total passes a random number between 0 and 1. */
export function draw(list, number) {
  let total = 0;
  return list.find(({ after }) => (total += after) > number) ?? list.filter(({ after }) => after > 0).at(-1);
}
