// Trains beside the page, in a worker, so that the page stays quick. It hears { do: "train", … },
// "pause", "go on", "file"; it tells of steps, of looks, of the end.

import { cosinesOf, fileOf, look, mapsOf, newRun, trainStep } from "./run.js";

const SLICE = 40; // ms of training before it listens again
const TELL = 200; // ms between two words about the step

let run = null;
let going = false;
let seconds = 0;
let told = 0;
const next = new MessageChannel(); // unlike a timer it does not wait
next.port1.onmessage = slice;

function slice() {
  if (!going) return;
  const start = performance.now();
  const { n_steps: nSteps, validate_every: every } = run.data.recipe;
  while (performance.now() - start < SLICE && run.losses.length < nSteps) {
    trainStep(run);
    if (run.losses.length % every === 0 || run.losses.length === nSteps) tellLook();
  }
  const now = performance.now();
  seconds += (now - start) / 1000;
  going = run.losses.length < nSteps;
  if (now - told > TELL || !going) {
    told = now;
    postMessage({ kind: "step", step: run.losses.length, seconds, ended: !going });
  }
  if (going) next.port2.postMessage(null);
}

function tellLook() {
  postMessage({ kind: "look", ...look(run), ...cosinesOf(run), maps: mapsOf(run) });
}

const DO = {
  train({ choices, data }) {
    run = newRun(choices, data);
    tellLook();
    DO["go on"]();
  },
  pause() { going = false; },
  "go on"() {
    if (going) return;
    going = true;
    next.port2.postMessage(null);
  },
  file() { postMessage({ kind: "file", bytes: fileOf(run) }); },
};

onmessage = ({ data }) => DO[data.do](data);
