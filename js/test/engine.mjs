// What the engine computes for a model and a batch that are given: for tests/unit/test_js_engine.py.
// Usage: node engine.mjs case.json      prints { loss, gradients, maps, stepped }
import { readFileSync } from "node:fs";
import { lossOf, matrix, newOptimizer, step } from "../engine/transformer.js";

const { config, weights, batch, optimizer, learningRate } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const model = { config, weights: {} };
for (const [name, { shape, values }] of Object.entries(weights)) {
  const [rows, cols] = shape.length === 2 ? shape : [1, ...shape];
  model.weights[name] = matrix(rows, cols, Float64Array);
  model.weights[name].data.set(values);
}
const { loss, maps } = lossOf(model, batch);
const gradients = Object.fromEntries(Object.entries(model.weights).map(([name, { grad }]) => [name, [...grad]]));
const state = newOptimizer(model, optimizer);
step(model, state, learningRate);
step(model, state, learningRate); // the second, too, with the same gradients
const stepped = Object.fromEntries(Object.entries(model.weights).map(([name, { data }]) => [name, [...data]]));
const plain = maps.map((layer) => layer.map((sentence) => sentence.map((head) => head.map((row) => [...row]))));
process.stdout.write(JSON.stringify({ loss, gradients, maps: plain, stepped }));
