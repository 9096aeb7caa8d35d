// One explorable: controls, live sentence, picture, table of numbers, Reset. The definition says
// what is computed and drawn; everything around it is the same for all and stands here.
//
// The sentence stands twice, one on top of the other. What is seen follows every step and is hidden
// from assistive technology. What is spoken, the <output>, takes it over once the changes pause, so
// that a slider on its way does not talk without end.
//
// definition = {
//   name,                                   of the Python class too
//   compute({ values, data }) -> view       pure
//   numbers(view) -> { columns, rows }      pure: every number drawn
//   sentence(view) -> string                pure: what is seen now, in plain words
//   draw(view, api) -> vnodes               api: { width, id, set(patch), control(trait, i), length(trait), live }
//                                           pure; like compute and sentence it is also called ahead, to
//                                           know how tall a choice gets
//   prepare?(data) -> data                  once, before the rest: unpack what travelled packed
//   limits?(values, data, live) -> { trait: maximum }   maxima that depend on other controls
//   react?(trait, values, data) -> patch                what else changes when a control changes
//   inPicture?: [trait, …]                  controls that draw() places itself
//   more?(api) -> vnodes                    a control that is no trait, after the first
//   live?({ model, data, values(), set(patch), changed(), figure }) -> { state(), reset(), end(), unsent?() }
//                                           what goes on by itself, such as a training run: compute
//                                           gets its state as `live`, draw all of it as `api.live`;
//                                           `unsent` says what of it a link does not carry; linked()
//                                           what it does, as controls with a value, and open(given,
//                                           then) takes it back, true if `then` has to be waited for
// }

import { control, lengthButtons, scaleOf } from "./controls.js";
import { h, patch } from "./dom.js";
import { keepKeys } from "./keys.js";
import { fragmentOf, readFragment, readValue } from "./link.js";
import { showNumbers } from "./table.js";

const CHOICES = 24; // how tall each choice of a control gets is found out ahead, if there are no more
const SPARE = 0.15; // and the space is kept for it, if it takes no larger a part of what is there
const SAMPLES = 7; // values of each control at which the height of the sentence is found out
const PAUSE = 500; // ms without a change, and the sentence is spoken
const COPIED = 3000; // ms for which a button says that it has copied
const SHOWN = 40; // characters of what a link says and nobody knows

let instances = 0;
const whenIdle = globalThis.requestIdleCallback ?? ((task) => setTimeout(task, 50));

export function explorable(definition) {
  return { definition, render: (context) => mount(definition, context) };
}

/** What the learner changed with all that follows from it, to be written as one change. */
export function consequences(definition, before, change, data, live) {
  const changes = { ...change };
  const changed = Object.keys(change).filter((trait) => change[trait] !== before[trait]);
  for (const trait of changed) {
    Object.assign(changes, definition.react?.(trait, { ...before, ...changes }, data));
  }
  const after = { ...before, ...changes };
  for (const [trait, maximum] of Object.entries(definition.limits?.(after, data, live) ?? {})) {
    if (after[trait] > maximum) changes[trait] = maximum;
  }
  return changes;
}

/** The values that a link gives the controls, and what of it was ignored, as [name, text]. What it does
 *  not name has its default. As `Explorable.from_link` does it, in two rounds, since a control may
 *  move another. */
export function restored(definition, { controls, initial }, given, data, live) {
  const defaults = {};
  const named = {};
  for (const control of controls) {
    const [usual, value] = [String(control.default), given.get(control.trait)].map((text) =>
      text === undefined ? undefined : readValue(control, text));
    if (value !== undefined) named[control.trait] = value;
    if (usual !== undefined) defaults[control.trait] = usual; // a choice of one's own sentences has none
  }
  const others = Object.entries(defaults).filter(([trait]) => !(trait in named));
  const all = [...others, ...Object.entries(named)];
  let values = { ...initial };
  for (const [trait, value] of [...all, ...all]) {
    values = { ...values, ...consequences(definition, values, { [trait]: value }, data, live) };
  }
  for (const [trait, maximum] of Object.entries(definition.limits?.(values, data, live) ?? {})) {
    if (!(named[trait] > maximum)) continue;
    delete named[trait];
    values[trait] = Math.min(defaults[trait], maximum);
  }
  return { values, ignored: [...given].filter(([name]) => !Object.hasOwn(named, name)) };
}

/** What is said of it, with the names that the controls have on the page. */
function ignoredSaid(ignored, controls) {
  const cut = (text) => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
  const listed = ignored.slice(0, 4).map(([name, text]) => {
    const label = controls.find(({ trait }) => trait === name)?.label ?? name;
    return `${cut(label)} = ${cut(text)}`;
  });
  const more = ignored.length > 4 ? ` and ${ignored.length - 4} more` : "";
  return `Ignored from the link, since there is no such control or value here: ${listed.join("; ")}${more}.`;
}

function mount(definition, { model, el }) {
  const spec = model.get("spec");
  const traits = spec.controls.map((one) => one.trait);
  const byTrait = Object.fromEntries(spec.controls.map((one) => [one.trait, one]));
  const prepared = definition.prepare ? definition.prepare(spec.data) : spec.data;
  const id = `${spec.name}-${++instances}`; // a bundle counts its own, so the name is needed
  const figure = el.matches?.("figure.explorable") ? el : el.appendChild(newFigure(spec));
  const body = document.createElement("div");
  body.className = "explorable-body";
  body.addEventListener("focusin", keepKeys);
  figure.insertBefore(body, figure.querySelector("figcaption"));

  let frame = 0;
  let tableTimer = 0;
  let speechTimer = 0;
  let ahead = 0;
  let told = {}; // about a link: what is said, what is shown, whether it was copied, the link to copy by hand
  let width = body.clientWidth || 640;

  const read = () => Object.fromEntries(traits.map((trait) => [trait, model.get(trait)]));
  const live = definition.live?.({ model, data: prepared, values: read, set, changed: schedule, figure });
  const linked = () => live?.linked?.() ?? []; // what a link carries beside the controls
  const viewOf = (values) => definition.compute({ values, data: prepared, live: live?.state() });

  function set(change) {
    for (const [trait, value] of Object.entries(consequences(definition, read(), change, prepared, live?.state()))) {
      model.set(trait, value);
    }
    model.save_changes();
  }

  function reset() {
    live?.reset();
    write(spec.initial);
    tell({});
    if (inAddress()) replaceFragment(figure.id);
    letShrink();
  }

  function write(values) {
    for (const trait of traits) model.set(trait, values[trait]);
    model.save_changes();
  }

  function tell(next) {
    told = next;
    schedule();
  }

  function changed() {
    tell({});
  }

  /** What the page's address says about this explorable. In Jupyter there is no such page. */
  function inAddress() {
    const { anchor, given } = readFragment(location.hash);
    return figure.id && anchor === figure.id ? given : null;
  }

  function openAddress() {
    const given = inAddress();
    if (!given) return;
    const waits = live?.open?.(given, () => restore(given));
    restore(given, waits);
  }

  /** Controls may depend on a text that is still to be read: then only what they have is restored. */
  function restore(given, waits) {
    const { values, ignored } = restored(definition, spec, given, prepared, live?.state());
    write(values);
    const own = linked().map(({ trait }) => trait);
    const unknown = waits ? [] : ignored.filter(([name]) => !own.includes(name));
    const text = unknown.length ? ignoredSaid(unknown, spec.controls) : "";
    tell({ said: text, shown: text });
  }

  async function copy() {
    const values = { ...read(), ...Object.fromEntries(linked().map(({ trait, value }) => [trait, value])) };
    const fragment = fragmentOf(figure.id || `explorable-${spec.name}`, [...spec.controls, ...linked()], values);
    const link = figure.id ? addressWith(fragment) : `#${fragment}`;
    const notes = [live?.unsent?.(), !figure.id && `A notebook opens it with Explorable.from_link("${link}").`].filter(Boolean);
    if (figure.id) replaceFragment(fragment);
    try {
      await navigator.clipboard.writeText(link);
      const shown = notes.join(" ");
      const mine = { said: ["Link copied.", ...notes].join(" "), shown, copied: true };
      tell(mine);
      setTimeout(() => told === mine && tell({ shown }), COPIED);
    } catch { // the browser refuses, or has no clipboard for pages that come over http
      const shown = ["The browser does not let this page copy. The link is selected, for you to copy.", ...notes].join(" ");
      told = { said: shown, shown, link };
      redraw();
      body.querySelector(".ic-link input").select();
    }
  }

  function apiFor(values, prefix) {
    const limits = definition.limits?.(values, prepared, live?.state()) ?? {};
    return {
      id: prefix,
      width,
      set,
      live,
      control: (trait, i) => control(byTrait[trait], values[trait], { id: prefix, set, limit: limits[trait], i }),
      length: (trait) => lengthButtons(byTrait[trait], values[trait], (next) => set({ [trait]: next })),
    };
  }

  function redraw() {
    cancelAnimationFrame(frame);
    frame = 0;
    const values = read();
    const view = viewOf(values);
    const api = apiFor(values, id);
    const outside = traits.filter((trait) => !definition.inPicture?.includes(trait));
    patch(body, [
      h("div", { class: "ic-controls", role: "group", "aria-label": `Controls: ${spec.title}` },
        outside.map((trait, i) => [api.control(trait), i === 0 && definition.more?.(api)]),
        h("div", { class: "ic-ends" },
          h("button", { type: "button", class: "ic-copy", "aria-label": "Copy link", "data-copied": told.copied, onclick: copy },
            h("span", {}, "Copy link"), h("span", {}, "Link copied")),
          h("button", { type: "button", onclick: reset }, "Reset"),
        ),
      ),
      h("div", { class: "ic-note" },
        h("span", { class: "ic-visually-hidden", role: "status", keep: true }),
        told.shown && h("p", {}, told.shown),
        told.link && h("div", { class: "ic-control ic-wide ic-link" },
          h("label", { for: `${id}-link` }, "Link to copy"),
          h("input", { id: `${id}-link`, type: "text", readonly: true, value: told.link })),
      ),
      h("div", { class: "ic-verdict" },
        h("p", { class: "ic-sentence", "aria-hidden": "true" }, definition.sentence(view)),
        h("output", { class: "ic-spoken", "aria-live": "polite", keep: true }),
      ),
      h("div", { class: "ic-picture" }, definition.draw(view, api)),
      h("details", { class: "ic-numbers" },
        h("summary", {}, "Numbers"),
        h("div", { class: "ic-table", tabindex: 0, role: "group", "aria-label": `Numbers: ${spec.title}`, keep: true }),
      ),
    ]);
    fillTable(view);
    speakLater();
  }

  function speak() {
    const [sentence, spoken] = [body.querySelector(".ic-sentence"), body.querySelector(".ic-spoken")];
    if (spoken.textContent !== sentence.textContent) spoken.textContent = sentence.textContent;
    const status = body.querySelector(".ic-note > [role=status]");
    if (status.textContent !== (told.said ?? "")) status.textContent = told.said ?? "";
  }

  function speakLater() {
    clearTimeout(speechTimer);
    speechTimer = setTimeout(speak, PAUSE);
  }

  // The table is filled just after the frame, so that it never delays one.
  function fillTable(view) {
    clearTimeout(tableTimer);
    tableTimer = setTimeout(() => showNumbers(body.querySelector(".ic-table"), definition.numbers(view), spec.title));
  }

  function schedule() {
    if (!frame) frame = requestAnimationFrame(redraw);
  }

  const resized = new ResizeObserver(() => {
    const now = body.clientWidth;
    if (now && now !== width) {
      width = now;
      letShrink();
      schedule();
    }
  });

  // Sentence and picture keep the greatest height they had, so that a move does not shift what is
  // below, until Reset or another width. What the sentence will need is measured at once; what the
  // picture will need, in idle moments.
  const grown = new ResizeObserver((entries) => {
    if (frame || body.clientWidth !== width) return; // not yet drawn for this width
    for (const { target, borderBoxSize: [{ blockSize }] } of entries) target.style.minHeight = `${blockSize}px`;
  });

  function letShrink() {
    for (const node of steady) node.style.minHeight = "";
    reserveSentence();
    lookAhead();
  }

  /** How tall each of `children` would be here. */
  function heightsOf(children) {
    const place = document.createElement("div");
    place.className = "ic-trial";
    place.inert = true;
    body.append(place);
    patch(place, children);
    const heights = [...place.children].map((node) => Math.ceil(node.getBoundingClientRect().height));
    place.remove();
    return heights;
  }

  function following(change) {
    const before = read();
    return { ...before, ...consequences(definition, before, change, prepared, live?.state()) };
  }

  function reserveSentence() {
    const states = spec.controls.flatMap((one) => samples(one).map((value) => following({ [one.trait]: value })));
    const texts = states.map((values) => definition.sentence(viewOf(values)));
    const heights = heightsOf([...new Set(texts)].map((text) => h("p", { class: "ic-sentence" }, text)));
    const tallest = Math.max(...heights, steady[0].offsetHeight);
    if (tallest > 0) steady[0].style.minHeight = `${tallest}px`; // 0 while it is not in the document
  }

  function lookAhead() {
    const changes = spec.controls
      .filter((one) => choices(one)?.length <= CHOICES)
      .flatMap((one) => choices(one).map((value) => ({ [one.trait]: value })));
    const now = ++ahead; // an earlier look is over
    const next = () => {
      if (now !== ahead || !body.isConnected || !changes.length) return;
      tryOut(changes.pop());
      whenIdle(next);
    };
    whenIdle(next);
  }

  function tryOut(change) {
    const values = following(change);
    const view = viewOf(values);
    const heights = heightsOf([
      h("p", { class: "ic-sentence" }, definition.sentence(view)),
      h("div", { class: "ic-picture" }, definition.draw(view, apiFor(values, `${id}-trial`))),
    ]);
    steady.forEach((node, i) => {
      const present = node.offsetHeight;
      const spare = i === 1 ? SPARE * present : Infinity; // a line of text is always worth it
      if (heights[i] >= present && heights[i] <= present + spare) node.style.minHeight = `${heights[i]}px`;
    });
  }

  openAddress();
  const opened = "said" in told;
  for (const trait of traits) model.on(`change:${trait}`, changed);
  addEventListener("hashchange", openAddress);
  redraw();
  if (!opened) speak(); // with the region itself: nothing is announced
  const steady = [body.querySelector(".ic-sentence"), body.querySelector(".ic-picture")];
  resized.observe(body);
  for (const node of steady) grown.observe(node);
  reserveSentence();
  lookAhead();
  figure.dataset.ready = "";

  return () => {
    ahead += 1;
    told = {};
    live?.end();
    for (const trait of traits) model.off(`change:${trait}`, changed);
    removeEventListener("hashchange", openAddress);
    resized.disconnect();
    grown.disconnect();
    cancelAnimationFrame(frame);
    clearTimeout(tableTimer);
    clearTimeout(speechTimer);
    body.remove();
    delete figure.dataset.ready;
    if (figure !== el) figure.remove();
  };
}

/** The page's address with another fragment, and without what a search or a switch had put there. */
function addressWith(fragment) {
  const url = new URL(location);
  url.search = "";
  url.hash = fragment;
  return url.href;
}

function replaceFragment(fragment) {
  try {
    history.replaceState(history.state, "", `#${fragment}`);
  } catch { /* a folder's page in some browsers */ }
}

/** Every value of a control that is a choice; undefined where it is a range. */
function choices({ kind, options, values }) {
  return options?.map(({ value }) => value) ?? values ?? (kind === "toggle" ? [true, false] : undefined);
}

/** Some values of a control, from one end to the other. */
function samples(one) {
  const all = choices(one);
  if (all) return spread(all.length - 1).map((i) => all[i]);
  if (one.kind === "integer") return spread(one.maximum - one.minimum).map((i) => one.minimum + i);
  if (one.kind !== "slider") return [];
  const { min, max, step, toValue } = scaleOf(one);
  return spread((max - min) / step).map((i) => toValue(min + i * step));
}

/** At most SAMPLES whole numbers from 0 to last, both of them included. */
function spread(last) {
  const steps = Math.min(SAMPLES - 1, Math.round(last));
  return Array.from({ length: steps + 1 }, (_, i) => Math.round((i * last) / (steps || 1)));
}

/** In Jupyter: the book's page has the figure already, with a number and an id. */
function newFigure({ name, provenance, title, try_first, caption }) {
  const figure = document.createElement("figure");
  figure.className = "explorable";
  figure.dataset.explorable = name;
  figure.dataset.provenance = provenance;
  figure.setAttribute("aria-label", title);
  patch(figure, [
    h("p", { class: "explorable-title" }, title),
    h("p", { class: "explorable-try" }, try_first),
    h("figcaption", {}, caption),
  ]);
  return figure;
}
