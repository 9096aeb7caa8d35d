// Trains in Node what the page trains in a worker: for records, benchmarks and tests.
// Usage: node train.mjs task.json     task: { data, choices, steps?, until?, maps?, batches?, file? }
// Prints a look a line as JSON, with the processor seconds so far; `until` ends it once every
// family has this share of right answers. With `batches` the first steps' sentences come first, as
// ids. `file` is where the run is written; its logits for the shown sentences are then the last line.
import { readFileSync, writeFileSync } from "node:fs";
import { cosinesOf, fileOf, logitsOf, look, mapsOf, newRun, sentencesOfStep, trainStep } from "./engine/run.js";

const { data, choices, steps = data.recipe.n_steps, until = 2, maps = false, batches = 0, file } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const every = data.recipe.validate_every;
const run = newRun(choices, data);
const seconds = () => (process.cpuUsage().user - start) / 1e6; // of this process alone
const start = process.cpuUsage().user;

const print = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

function show() {
  const seen = look(run);
  const more = maps ? { ...cosinesOf(run), maps: mapsOf(run).map((one) => [...one]) } : {};
  print({ ...seen, ...more, seconds: seconds() });
  return Math.min(...Object.values(seen.accuracy)) >= until;
}

for (let at = 0; at < batches; at++) print(sentencesOfStep(at, run));
show();
for (let done = false; !done && run.losses.length < steps;) {
  trainStep(run);
  if (run.losses.length % every === 0 || run.losses.length === steps) done = show();
}
if (file) {
  writeFileSync(file, fileOf(run));
  print(logitsOf(run));
}
