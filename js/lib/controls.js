// Native, labelled inputs from the declarations in src/incontext/explorables/controls.py.

import { h } from "./dom.js";
import { fixed, number } from "./format.js";
import { slideHandlers } from "./pointer.js";

// The stops of a decade on a logarithmic slider: all differ, all are round numbers, and from one to
// the next the ratio is 1.02 to 1.05.
const DECADE = [[1, 2, 0.05], [2, 5, 0.1], [5, 10, 0.2]].flatMap(([from, to, step]) =>
  Array.from({ length: Math.round((to - from) / step) }, (_, i) => from + i * step));

/** One control. `set` takes { trait: value }; `limit` is a maximum that holds just now; `i` picks
 *  one number of a list. */
export function control(spec, value, { id, set, limit, i }) {
  const change = (next) => set({ [spec.trait]: next });
  const inputId = `${id}-${spec.trait}${i === undefined ? "" : `-${i}`}`;
  return KINDS[spec.kind]({ spec, value, change, id: inputId, limit, i });
}

/** A value in the field's notation: "T = 0.50", or the bare number where the label is the symbol. */
export function shown(spec, value) {
  const text = spec.kind === "slider" ? atLeastTwoDecimals(value) : String(value);
  return spec.symbol && spec.symbol !== spec.label ? `${spec.symbol} = ${text}` : text;
}

// "T = 0.50": under a moving slider a value keeps its width.
function atLeastTwoDecimals(value) {
  const text = number(value);
  return Math.abs(value) < 100 && (text.split(".")[1] ?? "").length < 2 ? fixed(value) : text;
}

const KINDS = {
  slider: ({ spec, value, change, id }) => {
    const scale = scaleOf(spec);
    return rangeInput({
      id, spec, value, min: scale.min, max: scale.max, step: scale.step,
      position: scale.toPosition(value),
      pick: (position) => change(scale.toValue(position)),
    });
  },
  integer: ({ spec, value, change, id, limit }) =>
    rangeInput({
      id, spec, value, min: spec.minimum, max: limit ?? spec.maximum, step: 1, position: value,
      pick: (position) => change(Math.round(position)),
    }),
  steps: ({ spec, value, change, id }) =>
    rangeInput({
      id, spec, value, min: 0, max: spec.values.length - 1, step: 1,
      position: spec.values.indexOf(value),
      pick: (position) => change(spec.values[Math.round(position)]),
    }),
  select: ({ spec, value, change, id }) =>
    h("div", { class: `ic-control${spec.options.some(({ text }) => text.length > 32) ? " ic-wide" : ""}`, key: spec.trait },
      h("label", { for: id }, spec.label),
      h("select", { id, value, "data-trait": spec.trait, onchange: (event) => change(event.target.value) }, optionsOf(spec)),
    ),
  toggle: ({ spec, value, change, id }) =>
    h("div", { class: "ic-control ic-toggle", key: spec.trait },
      h("input", { id, type: "checkbox", checked: value, "data-trait": spec.trait, onchange: (event) => change(event.target.checked) }),
      h("label", { for: id }, spec.label),
    ),
  text: ({ spec, value, change, id }) =>
    h("div", { class: "ic-control ic-wide ic-text-field", key: spec.trait },
      h("label", { for: id }, spec.label),
      h("input", {
        id, type: "text", value, maxlength: spec.max_length, list: `${id}-examples`, "data-trait": spec.trait, autocomplete: "off",
        autocapitalize: "none", autocorrect: "off", spellcheck: "false", oninput: (event) => change(event.target.value),
      }),
      h("datalist", { id: `${id}-examples` }, optionsOf(spec)),
    ),
  "number-list": ({ spec, value, change, id, i }) => {
    if (i === undefined && spec.columns) {
      return h("fieldset", { class: "ic-matrix", key: spec.trait, style: `--columns:${spec.columns}` }, h("legend", {}, spec.label),
        value.map((_, at) => numberInput({ spec, value, change, id: `${id}-${at}`, at })));
    }
    if (i === undefined) {
      return h("fieldset", { class: "ic-control ic-list", key: spec.trait }, h("legend", {}, `${spec.label}s`),
        value.map((_, at) => numberInput({ spec, value, change, id: `${id}-${at}`, at })), lengthButtons(spec, value, change));
    }
    return numberInput({ spec, value, change, id, at: i });
  },
};

const described = new WeakMap(); // once for each control, since its options stay

function optionsOf(spec) {
  const options = spec.options ?? spec.examples.map((value) => ({ value, text: value }));
  if (!described.has(spec)) described.set(spec, options.map(({ value, text }) => h("option", { value }, text)));
  return described.get(spec);
}

function rangeInput({ id, spec, value, min, max, step, position, pick }) {
  const text = shown(spec, value);
  const ends = [spec.minimum ?? spec.values[0], spec.maximum ?? spec.values.at(-1)];
  const widest = Math.max(...ends.map((end) => shown(spec, end).length)); // no control moves while one is turned
  return h("div", { class: "ic-control", key: spec.trait },
    h("label", { for: id }, spec.label),
    h("span", { class: "ic-value", style: `min-width:${(0.54 * widest).toFixed(1)}em`, "aria-hidden": "true" }, text),
    h("input", {
      id, type: "range", min, max, step, value: position, "data-trait": spec.trait, "aria-valuetext": text,
      ...slideHandlers(pick),
    }),
  );
}

function numberInput({ spec, value, change, id, at }) {
  const write = (event) => {
    const typed = Number(event.target.value);
    if (event.target.value.trim() === "" || !Number.isFinite(typed)) return; // half-typed: wait
    change(value.map((old, i) => (i === at ? clamp(typed, spec.minimum, spec.maximum) : old)));
  };
  // In a matrix each row has the colour of its token.
  const row = spec.columns && { style: `--row:var(--ic-${(Math.floor(at / spec.columns) % 6) + 1})` };
  return h("span", { class: "ic-number", ...row },
    h("label", { for: id }, spec.labels?.[at] ?? `${spec.label} ${at + 1}`),
    h("input", {
      id, type: "number", min: spec.minimum, max: spec.maximum, step: spec.step, value: value[at],
      "data-trait": spec.trait, "data-index": at, oninput: write,
      onblur: (event) => { event.target.value = value[at]; },
    }),
  );
}

/** Add and remove the last number of a list. */
export function lengthButtons(spec, value, change) {
  const name = spec.label.toLowerCase();
  return h("span", { class: "ic-length" },
    h("button", { type: "button", disabled: value.length <= spec.min_length, onclick: () => change(value.slice(0, -1)) }, `Remove ${name}`),
    h("button", { type: "button", disabled: value.length >= spec.max_length, onclick: () => change([...value, 0]) }, `Add ${name}`),
  );
}

const scales = new WeakMap(); // once for each slider, since its range stays

/** How a slider's positions and values belong together. Each position has a value of its own, so
 *  every press of an arrow key changes something. */
export function scaleOf(spec) {
  if (!scales.has(spec)) scales.set(spec, spec.scale === "log" ? logScale(spec) : linearScale(spec));
  return scales.get(spec);
}

const linearScale = ({ minimum, maximum, step }) => ({
  min: minimum, max: maximum, step, toPosition: (value) => value,
  toValue: (position) => tidy(position, step),
});

function logScale({ minimum, maximum }) {
  const decades = [];
  for (let power = Math.floor(Math.log10(minimum)); 10 ** power < maximum; power += 1) decades.push(power);
  const round = decades.flatMap((power) => DECADE.map((lead) => Number((lead * 10 ** power).toPrecision(3))));
  const stops = [minimum, ...round.filter((stop) => stop > minimum && stop < maximum), maximum];
  const nearest = (value) => {
    const above = stops.findIndex((stop) => stop >= value);
    return above > 0 && value / stops[above - 1] < stops[above] / value ? above - 1 : above;
  };
  return { min: 0, max: stops.length - 1, step: 1, toPosition: nearest, toValue: (position) => stops[Math.round(position)] };
}

/** 0.30000000000000004 → 0.3: as many decimals as the step has. */
function tidy(value, step) {
  const decimals = (String(step).split(".")[1] ?? "").length;
  return Number(value.toFixed(decimals));
}

export function clamp(value, minimum, maximum) {
  return Math.min(Math.max(value, minimum), maximum);
}
