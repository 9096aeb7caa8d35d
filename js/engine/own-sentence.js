// The field "Your sentence": what is typed, the model that reads it, what was read. In Jupyter the
// kernel reads; in the page the packed encoder, once it has been asked for (reading.js).

import { h } from "../lib/dom.js";

const LONGEST = 500; // characters
const MOST_TOKENS = 64; // [CLS] and [SEP] included, as in src/incontext/packing.py
const NOTES = {
  page: " Your sentence is read in this page. 8-bit weights: attention within 0.03 of the full model.",
  kernel: " Your sentence is read by the full model.",
};

/** A `live` for explorable(): state() → { reading, position }, field(id) → what to draw.
 *  read(loader, text, values) → a promise of { tokens, … }: asks the page's model.
 *  first(reading, values): the position that is shown first; shown(reading, position, values): the
 *  controls that change with it; back(values): those that change when the book's own are shown again.
 *  behind: the trait whose change leads back to the book's own. chosen: whether a token of the
 *  reader's is chosen apart from the controls. */
export function ownSentence({ model, values, set, changed, figure }, { read, first, behind, shown, back, chosen }) {
  const inKernel = typeof model.send === "function";
  const offered = inKernel || Boolean(globalThis.incontextModel);
  const caption = figure.querySelector("figcaption");
  const note = caption?.appendChild(document.createElement("span"));
  let state = { draft: model.get("your_sentence") ?? "", said: "", busy: false, reading: null };
  let asked = 0;
  let arrival = null; // { text, position, then } of a link that was opened

  const loader = () => globalThis.incontextReading;
  const status = () => (inKernel ? "ready" : loader()?.state.status ?? "asleep");

  function tell(change) {
    state = { ...state, ...change };
    if (note) note.textContent = state.reading ? NOTES[inKernel ? "kernel" : "page"] : "";
    changed();
  }

  async function wake() {
    if (!loader()) {
      tell({ busy: true, said: "" });
      await script(globalThis.incontextModel.reader);
    }
    loader().listeners.add(changed); // a set: once
    tell({ busy: false });
    await loader().load();
    return status() === "ready";
  }

  function cancel() {
    asked += 1;
    loader().cancel();
    tell({ busy: false });
  }

  async function submit() {
    if (status() === "loading" || state.busy) return;
    const text = state.draft.trim();
    const now = ++asked;
    if (!text && status() === "ready") return tell({ said: "Type a sentence first." });
    const same = model.get("your_sentence") === text;
    model.set("your_sentence", text);
    model.save_changes();
    if (inKernel) return same ? fromKernel() : tell({ busy: true, said: "" });
    try {
      if (status() !== "ready" && !(await wake())) return tell({ busy: false });
      if (now !== asked) return;
      if (!text) return tell({ busy: false, said: "The model is here. Type a sentence." });
      tell({ busy: true, said: "" });
      let [found, stands] = [];
      do { // once more where the choice that it is read for was changed meanwhile
        stands = values()[behind];
        found = await read(loader(), text, values());
      } while (now === asked && values()[behind] !== stands);
      if (now === asked) take(found, text);
    } catch (error) {
      if (now === asked) tell({ busy: false, said: `${sentenceCase(error.message)}. Check the connection and try again.` });
    }
  }

  function take(found, text) {
    const said = complaint(found.tokens);
    if (said) {
      if (state.reading) leave();
      return tell({ busy: false, said });
    }
    const place = first(found, values());
    tell({ busy: false, said: "", reading: { ...found, text, behind: values()[behind] } });
    choose(place);
    set(shown(state.reading, place, values()));
    if (arrival?.text !== text) return;
    const { then, position } = arrival;
    arrival = null;
    then();
    if (position >= 1 && position <= found.tokens.length) choose(position);
  }

  /** A link's sentence goes into the field, and is read as soon as the model is here. */
  function open(given, then) {
    const text = (given.get("your_sentence") ?? "").trim();
    arrival = null;
    if (!text || text.length > LONGEST) {
      forget();
      return false;
    }
    arrival = { text, position: Number(given.get("your_position") ?? NaN), then };
    tell({ draft: text, said: "The link brings a sentence. Load the model, and it is read." });
    if (status() === "ready") queueMicrotask(submit);
    return true;
  }

  /** What a link carries of it, declared as controls are. */
  function linked() {
    const text = { trait: "your_sentence", kind: "text", default: "", value: model.get("your_sentence") ?? "" };
    const place = { trait: "your_position", kind: "integer", default: state.reading ? null : 1, value: model.get("your_position") ?? 1 };
    return !offered ? [] : chosen ? [text, place] : [text];
  }

  function fromKernel() {
    const found = model.get("your_reading") ?? {};
    if (found.message) return tell({ busy: false, said: found.message, reading: null });
    if (!found.tokens) return tell({ busy: false, said: "", reading: null });
    tell({ busy: false, said: "", draft: found.text, reading: { ...found, behind: values()[behind] } });
  }

  /** Another token of the reader's sentence. */
  function choose(position) {
    model.set("your_position", position);
    model.save_changes();
  }

  /** Back to the book's own. */
  function forget() {
    asked += 1;
    if (!state.reading && !model.get("your_sentence")) return;
    model.set("your_sentence", "");
    model.save_changes();
    leave();
  }

  function leave() {
    tell({ reading: null, busy: false, said: "" });
    if (!inKernel) set(back(values())); // there the kernel says so
  }

  /** Another choice among the book's own: the reader's gives way. */
  function turned() {
    if (!state.reading || state.reading.behind === values()[behind]) return;
    tell({ reading: null });
    model.set("your_sentence", "");
    if (!inKernel) set({}); // within the limits that hold now
  }

  const events = { [`change:${behind}`]: turned, "change:your_position": changed };
  if (inKernel) events["change:your_reading"] = fromKernel;
  for (const [event, listener] of Object.entries(events)) model.on(event, listener);
  loader()?.listeners.add(changed);
  if (inKernel) queueMicrotask(fromKernel); // once it is mounted

  return {
    state: () => ({ reading: state.reading, position: model.get("your_position") ?? 1 }),
    reset() {
      forget();
      tell({ draft: "", said: "" });
    },
    end() {
      asked += 1;
      for (const [event, listener] of Object.entries(events)) model.off(event, listener);
      loader()?.listeners.delete(changed);
      note?.remove();
    },
    choose,
    linked,
    open: offered ? open : undefined,
    field: (id) => offered && field(`${id}-your-sentence`),
  };

  function field(id) {
    const [now, { loaded, total, error }] = [status(), loader()?.state ?? { loaded: 0, total: globalThis.incontextModel?.bytes }];
    const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
    const button = { asleep: `Load the model (${megabytes(total)} MB, once)`, loading: "Loading", failed: "Try again", ready: "Read it" }[now];
    const said = now === "failed" ? `The model did not arrive: ${error}. What has come is kept.`
      : now === "loading" ? "Loading the model." : state.busy ? "Reading." : state.said || (now === "asleep" ? "Nothing you type leaves this page." : "");
    return h("form", { class: "ic-own", key: "your-sentence", onsubmit: (event) => { event.preventDefault(); submit(); } },
      h("div", { class: "ic-control ic-wide ic-text-field" },
        h("label", { for: id }, "Your sentence"),
        h("input", {
          id, type: "text", value: state.draft, maxlength: LONGEST, autocomplete: "off", spellcheck: "false", "data-own": "",
          "aria-describedby": `${id}-said`, oninput: (event) => { state.draft = event.target.value; },
        })),
      h("button", { type: "submit", "aria-disabled": now === "loading" || state.busy ? "true" : "false" }, button),
      now === "loading" && h("progress", { key: "progress", max: total, value: loaded, "aria-label": "Loading the model" }),
      now === "loading" && h("span", { class: "ic-value", key: "amount" }, `${megabytes(loaded)} of ${megabytes(total)} MB`),
      now === "loading" && h("button", { type: "button", key: "cancel", onclick: cancel }, "Cancel"),
      state.reading && h("button", { type: "button", key: "back", onclick: forget }, "Back to the book’s sentences"),
      h("p", { class: "ic-own-said", id: `${id}-said`, role: "status", key: "said" }, said));
  }
}

/** Why a text with these tokens cannot be read; "" where it can. */
export function complaint(tokens) {
  if (tokens.length <= 2) return "There is no word in it. Type a sentence.";
  if (tokens.length > MOST_TOKENS) return `Your sentence has ${tokens.length} tokens, and at most ${MOST_TOKENS} are read. Shorten it.`;
  return "";
}

const sentenceCase = (text) => text[0].toUpperCase() + text.slice(1);

function script(address) {
  return new Promise((resolve, reject) => {
    const node = document.createElement("script");
    node.src = new URL(address, document.baseURI);
    node.onload = resolve;
    node.onerror = () => { node.remove(); reject(new Error("The reader's script did not arrive")); };
    document.head.append(node);
  });
}
