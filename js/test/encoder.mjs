// What the page's encoder sees, from packed files: for tests/unit/test_js_encoder.py and
// benchmarks/own_sentence.py.
// Usage: node encoder.mjs folder cases.json [times]     cases: [[id, …], …]
// Prints [{ last, scores, attentions, ms }], each flat; ms: the least of `times` readings.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encoder } from "../engine/encoder.js";
import { PackedModel } from "../engine/packed.js";

const [folder, cases, times = "1"] = process.argv.slice(2);
let model;
const take = (name) => {
  const told = readFileSync(join(folder, `${name}.js`), "utf8");
  return JSON.parse(told.slice(told.indexOf(",") + 1, told.lastIndexOf(")")));
};
const index = take("index");
model = new PackedModel(index);
for (const name of Object.keys(index.parts)) if (name !== "vocabulary") model.take(name, take(name));

const flat = (matrices) => matrices.flatMap((heads) => heads.flatMap(({ data }) => [...data]));
const found = JSON.parse(readFileSync(cases, "utf8")).map((ids) => {
  for (const name of model.missing(ids)) model.take(name, take(name));
  let [ms, seen] = [Infinity, null];
  for (let i = 0; i < Number(times); i++) {
    const start = performance.now();
    seen = encoder(model.model, ids);
    ms = Math.min(ms, performance.now() - start);
  }
  return { last: [...seen.hiddenStates.at(-1).data], scores: flat(seen.scores), attentions: flat(seen.attentions), ms };
});
console.log(JSON.stringify(found));
