// A run in the page: what src/incontext/training.py does, on the engine of transformer.js. Which
// sentences a step learns from, what held-out sentences show, and the file that Python's load reads.
//
// data is what the explorable carries: words, sentences, sizes, recipe; choices are its controls.

import { forward, learningRate, lossOf, newModel, newOptimizer, normalFrom, step, uniformFrom } from "./transformer.js";

const HIDDEN = 1; // the id of the word that stands where the answer is hidden

/** A sentence as the model reads it, from a text such as "the cat bit the dog , who : the
 *  *cat/dog* .": the ids, the row that is asked, and the ids of the answer and of the other. */
export function exampleOf(text, words, reading) {
  const idOf = (word) => words.indexOf(word);
  const parts = text.split(" ");
  const row = parts.findIndex((part) => part.startsWith("*"));
  const [right, other] = parts[row].slice(1, -1).split("/").map(idOf);
  const ids = parts.map((part, i) => (i === row ? HIDDEN : idOf(part)));
  // Left to right, no word after the one that is asked can change anything.
  return reading === "left-to-right" ? { ids: ids.slice(0, row), row: row - 1, right, other } : { ids, row, right, other };
}

/** Examples one below the other, as the engine takes them. */
export function batchOf(examples) {
  const lengths = examples.map(({ ids }) => ids.length);
  const starts = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, n) => sum + n, 0));
  return {
    ids: examples.flatMap(({ ids }) => ids),
    places: examples.flatMap(({ ids }) => ids.map((_, place) => place)),
    lengths,
    rows: examples.map(({ row }, i) => starts[i] + row),
    answers: examples.map(({ right }) => right),
    starts,
  };
}

/** A run before its first step: starting weights from the seed. */
export function newRun(choices, data) {
  const read = (texts) => texts.map((text) => exampleOf(text, data.words, choices.reading));
  const families = data.family_sets[choices.families];
  const config = {
    vocabSize: data.words.length, nPositions: data.sizes.n_positions, dModel: data.sizes.d_model, dFf: data.sizes.d_ff,
    heads: choices.heads, layers: choices.layers, positions: choices.positions,
    causal: choices.reading === "left-to-right", scaled: choices.scaled, residual: choices.residual,
  };
  const model = newModel(config, normalFrom(uniformFrom(choices.seed)));
  return {
    choices, data, families, model,
    optimizer: newOptimizer(model, { weightDecay: data.recipe.weight_decay }),
    train: families.map((family) => read(data.sentences[family].train)),
    heldOut: families.map((family) => read(data.sentences[family].held_out)),
    shown: read(data.shown),
    banks: read(data.banks),
    losses: [], looks: [],
  };
}

/** The sentences of a step, in equal parts from each family: they follow from the seed and the step
 *  alone. */
export function sentencesOfStep(at, { choices, data, train }) {
  const uniform = uniformFrom(Math.imul(choices.seed, 1_000_003) + at + 1);
  const batch = [];
  train.forEach((sentences, i) => {
    const until = Math.floor((data.recipe.batch_size * (i + 1)) / train.length);
    while (batch.length < until) batch.push(sentences[Math.floor(uniform() * sentences.length)]);
  });
  return batch;
}

/** One step of training. */
export function trainStep(run) {
  const at = run.losses.length;
  const { n_steps: nSteps, warm_up: warmUp } = run.data.recipe;
  const { loss } = lossOf(run.model, batchOf(sentencesOfStep(at, run)));
  step(run.model, run.optimizer, learningRate(at, { nSteps, warmUp, highest: run.choices.learning_rate }));
  run.losses.push(loss);
}

/** What held-out sentences show now: loss and share of right answers by family. */
export function look(run) {
  const seen = { step: run.losses.length, loss: {}, accuracy: {} };
  run.families.forEach((family, i) => {
    const examples = run.heldOut[i];
    const { loss, p } = lossOf(run.model, batchOf(examples), false);
    const wins = examples.filter(({ right, other }, j) => p[j * run.data.words.length + right] > p[j * run.data.words.length + other]);
    seen.loss[family] = loss;
    seen.accuracy[family] = wins.length / examples.length;
  });
  run.looks.push(seen);
  return seen;
}

/** The weights of attention in each shown sentence, [layer][head][query][key] in one array. */
export function mapsOf(run) {
  return run.shown.map((example) => {
    const { maps } = lossOf(run.model, batchOf([example]), false);
    return Float32Array.from(maps.flatMap(([heads]) => heads.flatMap((rows) => rows.flatMap((row) => [...row]))));
  });
}

/** What tells the vectors of "bank" apart after the first layer: mean cosine between sentences of
 *  one meaning, and of different meanings, once the mean of all is subtracted. The first half of
 *  data.banks is about money. */
export function cosinesOf(run) {
  const batch = batchOf(run.banks);
  const { hidden } = lossOf(run.model, batch, false);
  const { data, cols } = hidden[1];
  const bank = run.data.words.indexOf("bank");
  const rows = run.banks.map(({ ids }, i) => batch.starts[i] + ids.indexOf(bank));
  return meaningCosines(rows.map((row) => [...data.subarray(row * cols, (row + 1) * cols)]));
}

/** The mean cosine within each half of the vectors, and between the halves, about their mean. */
export function meaningCosines(vectors) {
  const n = vectors.length;
  const mean = vectors[0].map((_, c) => vectors.reduce((sum, one) => sum + one[c], 0) / n);
  const units = vectors.map((one) => {
    const apart = one.map((x, c) => x - mean[c]);
    const length = Math.hypot(...apart) || 1;
    return apart.map((x) => x / length);
  });
  const found = { same: [], other: [] };
  units.forEach((one, i) => units.slice(0, i).forEach((another, j) => {
    found[i < n / 2 === j < n / 2 ? "same" : "other"].push(one.reduce((sum, x, c) => sum + x * another[c], 0));
  }));
  const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { same: average(found.same), other: average(found.other) };
}

/** The scores of all words for the answer's place in each shown sentence. */
export function logitsOf(run) {
  const { logits } = forward([], run.model, batchOf(run.shown));
  return run.shown.map((_, i) => [...logits.data.subarray(i * logits.cols, (i + 1) * logits.cols)]);
}

/** The run as the bytes of a safetensors file, as incontext.training.save writes it. */
export function fileOf({ choices, data, families, model, losses, looks }) {
  const { sizes, recipe } = data;
  const about = {
    config: {
      vocab_size: data.words.length, ...sizes, n_heads: choices.heads, n_layers: choices.layers, activation: "relu",
      positions: choices.positions ? "learned" : null, scaled: choices.scaled, residual: choices.residual,
    },
    reading: choices.reading, seed: choices.seed,
    recipe: { ...recipe, learning_rate: choices.learning_rate, families, loss: "answer", stop_at: null },
    vocabulary: data.words, losses, looks,
  };
  const header = { __metadata__: { incontext: JSON.stringify(about) } };
  let end = 0;
  const tensors = Object.entries(model.weights);
  for (const [name, { rows, cols, data: values }] of tensors) {
    header[name] = { dtype: "F32", shape: rows === 1 ? [cols] : [rows, cols], data_offsets: [end, end + values.byteLength] };
    end += values.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = 8 * Math.ceil(text.length / 8); // filled up with spaces: the numbers begin at a multiple of 8
  const file = new Uint8Array(8 + length + end).fill(32, 8, 8 + length);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(text, 8);
  let at = 8 + length;
  for (const [, { data: values }] of tensors) {
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return file;
}
