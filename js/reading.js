// Loads the packed encoder into the page when a reader asks for it, and reads sentences with it. A
// script of its own: who does not ask never loads it. All explorables of a page share one model.
//
// The parts are classic scripts that call incontextPart(name, told), since fetch is refused under
// file://. The browser's cache keeps them for the next page. What is typed goes to the worker and
// nowhere else; which blocks of the table of tokens are fetched follows from its words.

/* global READER_SOURCE */ // put in by build.mjs
import { newReader } from "./engine/reader.js";

const AT_ONCE = 2; // scripts on their way

const { folder } = globalThis.incontextModel;
const waiting = new Map();
globalThis.incontextPart = (name, told) => waiting.get(name)?.(told);

/** What a part's script hands over. */
function fetched(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    waiting.set(name, (told) => { script.remove(); resolve(told); });
    script.onerror = () => { script.remove(); reject(new Error(`${name}.js did not arrive`)); };
    script.src = new URL(`${folder}${name}.js`, document.baseURI);
    document.head.append(script);
  });
}

/** (what, given) → a promise of the answer: from a worker, or from the page itself. */
async function newAsk(index) {
  const inPage = () => {
    const reader = newReader();
    return async (what, given) => reader(what, given);
  };
  let ask;
  try {
    ask = beside(new Worker(URL.createObjectURL(new Blob([READER_SOURCE], { type: "text/javascript" }))));
    await ask("index", index);
  } catch { // workers are refused here
    ask = inPage();
    await ask("index", index);
  }
  return ask;
}

function beside(worker) {
  const open = new Map();
  let last = 0;
  worker.onmessage = ({ data: { id, answer, error } }) => {
    const [resolve, reject] = open.get(id);
    open.delete(id);
    if (error) reject(new Error(error));
    else resolve(answer);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    for (const [, reject] of open.values()) reject(new Error("the worker did not start"));
  };
  return (what, given) => new Promise((resolve, reject) => {
    open.set(++last, [resolve, reject]);
    worker.postMessage({ id: last, what, given });
  });
}

class Reading {
  constructor() {
    this.state = { status: "asleep", loaded: 0, total: globalThis.incontextModel.bytes };
    this.listeners = new Set();
    this.here = new Set(); // parts that have arrived
  }

  tell(change) {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  /** Loads what is not here yet. Resolves when all is, or when it was cancelled or has failed. */
  async load() {
    if (this.state.status === "loading" || this.state.status === "ready") return;
    const run = this.run = {}; // an older one is over
    const over = () => run !== this.run;
    this.tell({ status: "loading" });
    try {
      if (!this.ask) {
        this.index = await fetched("index");
        if (over()) return;
        this.ask = await newAsk(this.index);
      }
      const parts = Object.entries(this.index.parts);
      const left = parts.filter(([name]) => !this.here.has(name));
      const worker = async () => {
        while (left.length && !over()) {
          const [name, { bytes }] = left.shift();
          const told = await fetched(name);
          if (!this.here.has(name)) await this.ask("part", { name, told });
          this.here.add(name);
          if (!over()) this.tell({ loaded: this.state.loaded + bytes });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      if (!over()) this.tell({ status: "ready" });
    } catch (error) {
      if (!over()) this.tell({ status: "failed", error: error.message });
      this.run = null;
    }
  }

  cancel() {
    this.run = null;
    this.tell({ status: "asleep" });
  }

  /** The tokens of the text; { tokens, answer } where `what` is asked of it and of others. */
  async read(texts, what, given) {
    const { tokens, missing } = await this.ask("tokens", texts);
    if (tokens.length <= 2 || tokens.length > this.index.most_tokens) return { tokens };
    await Promise.all(missing.map(async (name) => this.ask("part", { name, told: await fetched(name) })));
    return { tokens, answer: await this.ask(what, given) };
  }
}

globalThis.incontextReading = new Reading();
