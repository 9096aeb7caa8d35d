// Trains in Node what the page trains in a worker: for records, benchmarks and tests.
// Usage: node train.mjs task.json     task: { data, choices, steps?, until?, maps?, file? }
// Prints a look a line as JSON, with the processor seconds so far; `until` ends it once every
// family has this share of right answers; `file` is where the run is written.
import { readFileSync, writeFileSync } from "node:fs";
import { cosinesOf, fileOf, look, mapsOf, newRun, trainStep } from "./engine/run.js";

const { data, choices, steps = data.recipe.n_steps, until = 2, maps = false, file } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const every = data.recipe.validate_every;
const run = newRun(choices, data);
const seconds = () => (process.cpuUsage().user - start) / 1e6; // of this process alone
const start = process.cpuUsage().user;

function show() {
  const seen = look(run);
  const more = maps ? { ...cosinesOf(run), maps: mapsOf(run).map((one) => [...one]) } : {};
  process.stdout.write(`${JSON.stringify({ ...seen, ...more, seconds: seconds(), trained_on: run.losses.at(-1) ?? null })}\n`);
  return Math.min(...Object.values(seen.accuracy)) >= until;
}

show();
for (let done = false; !done && run.losses.length < steps;) {
  trainStep(run);
  if (run.losses.length % every === 0 || run.losses.length === steps) done = show();
}
if (file) writeFileSync(file, fileOf(run));
