// One explorable: controls, picture, live sentence, table of numbers, Reset. The definition says
// what is computed and drawn; everything around it is the same for all and stands here.
//
// definition = {
//   name,                                   of the Python class too
//   compute({ values, data }) -> view       pure
//   numbers(view) -> { columns, rows }      pure: every number drawn
//   sentence(view) -> string                pure: what is seen now, in plain words
//   draw(view, api) -> vnodes               api: { width, id, set(patch), control(trait, i), length(trait) }
//                                           pure: it is also called ahead, to know how tall a choice gets
//   prepare?(data) -> data                  once, before the rest: unpack what travelled packed
//   limits?(values, data) -> { trait: maximum }         maxima that depend on other controls
//   react?(trait, values, data) -> patch                what else changes when a control changes
//   inPicture?: [trait, …]                  controls that draw() places itself
// }

import { control, lengthButtons } from "./controls.js";
import { h, patch } from "./dom.js";
import { showNumbers } from "./table.js";

const CHOICES = 24; // how tall each choice of a control gets is found out ahead, if there are no more
const SPARE = 0.15; // and the space is kept for it, if it takes no larger a part of what is there

let instances = 0;
const whenIdle = globalThis.requestIdleCallback ?? ((task) => setTimeout(task, 50));

export function explorable(definition) {
  return { definition, render: (context) => mount(definition, context) };
}

/** What the learner changed with all that follows from it, to be written as one change. */
export function consequences(definition, before, change, data) {
  const changes = { ...change };
  const changed = Object.keys(change).filter((trait) => change[trait] !== before[trait]);
  for (const trait of changed) {
    Object.assign(changes, definition.react?.(trait, { ...before, ...changes }, data));
  }
  const after = { ...before, ...changes };
  for (const [trait, maximum] of Object.entries(definition.limits?.(after, data) ?? {})) {
    if (after[trait] > maximum) changes[trait] = maximum;
  }
  return changes;
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
  figure.insertBefore(body, figure.querySelector("figcaption"));

  let frame = 0;
  let tableTimer = 0;
  let ahead = 0;
  let width = body.clientWidth || 640;

  const read = () => Object.fromEntries(traits.map((trait) => [trait, model.get(trait)]));

  function set(change) {
    for (const [trait, value] of Object.entries(consequences(definition, read(), change, prepared))) {
      model.set(trait, value);
    }
    model.save_changes();
  }

  function reset() {
    for (const trait of traits) model.set(trait, spec.initial[trait]);
    model.save_changes();
    letShrink();
  }

  function apiFor(values, prefix) {
    const limits = definition.limits?.(values, prepared) ?? {};
    return {
      id: prefix,
      width,
      set,
      control: (trait, i) => control(byTrait[trait], values[trait], { id: prefix, set, limit: limits[trait], i }),
      length: (trait) => lengthButtons(byTrait[trait], values[trait], (next) => set({ [trait]: next })),
    };
  }

  function redraw() {
    frame = 0;
    const values = read();
    const view = definition.compute({ values, data: prepared });
    const api = apiFor(values, id);
    const outside = traits.filter((trait) => !definition.inPicture?.includes(trait));
    patch(body, [
      h("div", { class: "ic-controls", role: "group", "aria-label": `Controls: ${spec.title}` },
        outside.map((trait) => api.control(trait)),
        h("button", { type: "button", class: "ic-reset", onclick: reset }, "Reset"),
      ),
      h("div", { class: "ic-picture" }, definition.draw(view, api)),
      h("output", { class: "ic-sentence", "aria-live": "polite" }, definition.sentence(view)),
      h("details", { class: "ic-numbers" },
        h("summary", {}, "Numbers"),
        h("div", { class: "ic-table", tabindex: 0, role: "group", "aria-label": `Numbers: ${spec.title}`, keep: true }),
      ),
    ]);
    fillTable(view);
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

  // Picture and sentence keep the greatest height they had, so that a move does not shift the page,
  // until Reset or another width. What they will need is measured ahead, in idle moments.
  const grown = new ResizeObserver((entries) => {
    if (frame || body.clientWidth !== width) return; // not yet drawn for this width
    for (const { target, borderBoxSize: [{ blockSize }] } of entries) target.style.minHeight = `${blockSize}px`;
  });

  function letShrink() {
    for (const node of steady) node.style.minHeight = "";
    lookAhead();
  }

  function lookAhead() {
    const choices = ({ kind, options, values }) => options?.map(({ value }) => value) ?? values ?? (kind === "toggle" ? [true, false] : []);
    const changes = spec.controls
      .filter((one) => choices(one).length <= CHOICES)
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
    const before = read();
    const values = { ...before, ...consequences(definition, before, change, prepared) };
    const view = definition.compute({ values, data: prepared });
    const trial = document.createElement("div");
    trial.className = "ic-trial";
    trial.inert = true;
    body.append(trial);
    patch(trial, [
      h("div", { class: "ic-picture" }, definition.draw(view, apiFor(values, `${id}-trial`))),
      h("div", { class: "ic-sentence" }, definition.sentence(view)),
    ]);
    const heights = [...trial.children].map((node) => Math.ceil(node.getBoundingClientRect().height));
    trial.remove();
    steady.forEach((node, i) => {
      const present = node.offsetHeight;
      const spare = i === 0 ? SPARE * present : Infinity; // a line of text is always worth it
      if (heights[i] >= present && heights[i] <= present + spare) node.style.minHeight = `${heights[i]}px`;
    });
  }

  for (const trait of traits) model.on(`change:${trait}`, schedule);
  redraw();
  const steady = body.querySelectorAll(".ic-picture, .ic-sentence");
  resized.observe(body);
  for (const node of steady) grown.observe(node);
  lookAhead();
  figure.dataset.ready = "";

  return () => {
    ahead += 1;
    for (const trait of traits) model.off(`change:${trait}`, schedule);
    resized.disconnect();
    grown.disconnect();
    cancelAnimationFrame(frame);
    clearTimeout(tableTimer);
    body.remove();
    delete figure.dataset.ready;
    if (figure !== el) figure.remove();
  };
}

function newFigure({ name, provenance, title, caption }) {
  const figure = document.createElement("figure");
  figure.className = "explorable";
  figure.dataset.explorable = name;
  figure.dataset.provenance = provenance;
  figure.setAttribute("aria-label", title);
  figure.appendChild(document.createElement("figcaption")).textContent = caption;
  return figure;
}
