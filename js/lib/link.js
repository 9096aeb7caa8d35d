// What an explorable shows, as the fragment of an address: explorable-softmax-temperature?temperature=0.3
// A control that has its declared default is left out. src/incontext/explorables/links.py writes and
// reads the same.

/** The fragment, without "#". `anchor` is the id of the figure. */
export function fragmentOf(anchor, controls, values) {
  const changed = controls.filter((one) => String(values[one.trait]) !== String(one.default));
  const told = changed.length ? changed : controls.slice(0, 1); // an anchor alone would restore nothing
  const query = new URLSearchParams(told.map(({ trait }) => [trait, String(values[trait])]));
  // Where it ends with a sign of punctuation, a chat would take that for its own sentence's.
  return `${anchor}?${query}`.replace(/%2C(?!$)/g, ",").replace(/\.$/, "%2E");
}

/** { anchor, given }: the texts by name, or null where the link leads to the explorable alone. */
export function readFragment(hash) {
  const [anchor, ...query] = hash.replace(/^#/, "").split("?");
  return { anchor, given: query.join("") ? new Map(new URLSearchParams(query.join("?"))) : null };
}

/** The value that a text gives a control; undefined where it gives none. */
export function readValue(control, text) {
  return (READERS[control.kind] ?? line)(text, control);
}

const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;
const LINE_BREAK = /[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/;

const numberFrom = (text, { minimum, maximum }) => {
  const value = NUMBER.test(text) ? Number(text) : NaN;
  return value >= minimum && value <= maximum ? value : undefined;
};

const line = (text, { max_length = Infinity }) =>
  [...text].length <= max_length && !LINE_BREAK.test(text) ? text : undefined;

const READERS = {
  slider: numberFrom,
  integer: (text, control) => {
    const value = numberFrom(text, control);
    return Number.isInteger(value) ? value : undefined;
  },
  steps: (text, { values }) => values.find((one) => String(one) === text || (NUMBER.test(text) && Number(text) === one)),
  select: (text, { options }) => options.find(({ value }) => value === text)?.value,
  toggle: (text) => [true, false].find((one) => String(one) === text),
  text: line,
  "number-list": (text, control) => {
    const numbers = text.split(",").map((one) => numberFrom(one, control));
    const fits = numbers.length >= control.min_length && numbers.length <= control.max_length;
    return fits && !numbers.includes(undefined) ? numbers : undefined;
  },
};
