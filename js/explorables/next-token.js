// What does a real decoder expect next? Cut the list, draw from it, read where it leads.
//
// The logits of a prompt come in groups, from the likeliest to the least: the listed tokens are
// groups of one, the others a histogram whose groups count as so many equal tokens.

import { chips } from "../lib/chips.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";
import { entropy, range, softmax, sum } from "../lib/math.js";

const N_SHOWN = 10; // tokens with a bar of their own
const MOST_DRAWS = 1000;
const N_LATEST = 12; // of the draws, by name

export default explorable({
  name: "next-token",
  inPicture: ["seed", "draws"],

  prepare({ tokens, step, counts, recorded_at, prompts }) {
    const ranking = ({ listed, first, drops, continuations }) => {
      let code = first;
      return {
        tokens: listed.map((at) => tokens[at]),
        logits: [first, ...drops.map((drop) => (code -= drop))].map((steps) => steps * step),
        counts: [...listed.map(() => 1), ...counts],
        continuations,
      };
    };
    const rankings = Object.fromEntries(Object.entries(prompts).map(([prompt, one]) => [prompt, ranking(one)]));
    return { rankings, recorded_at, uniform: Object.fromEntries([1, 2, 3].map((seed) => [seed, uniform(MOST_DRAWS, seed)])) };
  },

  compute({ values, data: { rankings, recorded_at, uniform } }) {
    const { tokens, logits, counts, continuations } = rankings[values.prompt];
    const cut = cutOf(logits, counts, values);
    const drawn = drawsFrom(cut, uniform[values.seed].slice(0, values.draws));
    const times = logits.map(() => 0);
    for (const group of drawn) times[group] += 1;
    const nAll = sum(counts);
    const others = (parts) => sum(parts.slice(N_SHOWN));
    const nearest = recorded_at.reduce((best, T, i) => (ratio(T, values.temperature) < ratio(recorded_at[best], values.temperature) ? i : best), 0);
    return {
      ...values, ...cut, tokens, logits, nAll,
      shown: tokens.slice(0, N_SHOWN).map((token, i) => ({ token, logit: logits[i], before: cut.before[i], after: cut.after[i], kept: cut.kept[i] > 0, times: times[i] })),
      others: { n: others(counts), before: others(cut.before), after: others(cut.after), kept: others(cut.kept), times: others(times) },
      nKept: sum(cut.kept),
      entropyBefore: groupEntropy(cut.before, counts),
      entropyAfter: groupEntropy(cut.after, cut.kept),
      names: drawn.map((group) => tokens[group] ?? `one of ${commas(nAll - tokens.length)} others`),
      recordedAt: recorded_at[nearest],
      continuation: continuations[nearest]?.[values.seed - 1],
    };
  },

  react: (trait) => (trait === "draws" ? {} : { draws: 0 }),

  numbers: (view) => ({
    columns: ["", "logit", "before the cut", "probability", "drawn"],
    rows: [
      ...view.shown.map(({ token, logit, before, after, times }) => [token, logit, before, after, times]),
      [`${commas(view.others.n)} others`, "", view.others.before, view.others.after, view.others.times],
      ["tokens kept", "", view.nAll, view.nKept, ""],
      ["entropy (nats)", "", view.entropyBefore, view.entropyAfter, ""],
      ["equal tokens with this entropy", "", Math.exp(view.entropyBefore), Math.exp(view.entropyAfter), ""],
      ["largest possible entropy: ln n", "", Math.log(view.nAll), Math.log(view.nKept), ""],
      ["top-k", "", "", view.top_k, ""],
      ["top-p", "", "", view.top_p, ""],
      ["seed", "", "", view.seed, ""],
      ["last draw", "", "", view.names.at(-1) ?? "none yet", ""],
      ["continuation recorded at T", "", "", view.recordedAt, ""],
    ],
  }),

  sentence(view) {
    const { shown, others, temperature, nKept, nAll, entropyAfter, names, draws } = view;
    const [first] = shown;
    const kept = nKept < nAll ? `${commas(nKept)} of ${commas(nAll)} tokens are kept: ` : "";
    const rest = nKept > N_SHOWN ? `, and all beyond the ${N_SHOWN} likeliest have ${percent(others.after)} together` : "";
    const chances = nKept === 1
      ? `only “${first.token}” is kept, and nothing is left to chance.`
      : `${kept}“${first.token}” has ${percent(first.after)}${rest}. Entropy ${fixed(entropyAfter)} of at most ${fixed(Math.log(nKept))} nats, like ${equals(Math.exp(entropyAfter))} equal tokens.`;
    const drawn = draws && ` In ${draws} ${draws === 1 ? "draw" : "draws"}, “${first.token}” ${came(first.times)}; the last was ${quoted(names.at(-1))}.`;
    return `At T = ${number(temperature)}${view.top_p < 1 ? ` and p = ${number(view.top_p)}` : ""}, ${chances}${drawn || ""}`;
  },

  draw: (view, api) => [
    bars(view, api.width),
    entropyScale(view, api.width),
    drawing(view, api),
    reading(view),
  ],
});

/** Temperature, top-k and top-p, in that order: probabilities before and after, and tokens kept. */
function cutOf(logits, counts, { temperature, top_k, top_p }) {
  const before = softmax(logits.map((logit, i) => logit + temperature * Math.log(counts[i])), temperature);
  let share = before;
  if (top_k !== "all") {
    const whole = sum(before.slice(0, top_k));
    share = before.map((part, i) => (i < top_k ? part / whole : 0));
  }
  let likelier = 0; // what the groups before have together
  const kept = share.map((part, i) => {
    if (part === 0) return 0;
    const needed = top_p < 1 ? Math.ceil((top_p - likelier) / (part / counts[i])) : counts[i];
    likelier += part;
    return Math.min(Math.max(needed, 0), counts[i]);
  });
  const left = share.map((part, i) => (part * kept[i]) / counts[i]);
  const whole = sum(left);
  return { before, after: left.map((part) => part / whole), kept };
}

/** Groups whose tokens are equal: the entropy of the groups and log of the size within each. */
const groupEntropy = (groups, sizes) => entropy(groups) + sum(groups.map((part, i) => part * Math.log(Math.max(sizes[i], 1))));

/** Park and Miller (1988): x becomes 48271 · x mod 2³¹ − 1. All products are exact. */
function uniform(n, seed) {
  const modulus = 2 ** 31 - 1;
  let state = (987654321 * seed) % modulus;
  return range(n).map(() => (state = (48271 * state) % modulus) / modulus);
}

/** The group of each draw: the first whose running total passes the number. */
function drawsFrom({ after, kept }, numbers) {
  let total = 0;
  const totals = after.map((part) => (total += part));
  const last = kept.reduce((found, n, i) => (n ? i : found), 0);
  return numbers.map((one) => {
    let [low, high] = [0, last];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (totals[middle] > one) high = middle;
      else low = middle + 1;
    }
    return low;
  });
}

const ratio = (one, other) => Math.abs(Math.log(one / other));
const commas = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
const equals = (n) => (n < 100 ? fixed(n, 1) : commas(Math.round(n)));
const came = (n) => ["never came up", "came up once", "came up twice"][n] ?? `came up ${n} times`;
const quoted = (name) => (name.startsWith("one of ") ? name : `“${name}”`);

function bars({ shown, others, draws, temperature }, width) {
  const narrow = width < 480;
  const [step, top, start] = [30, 20, narrow ? 104 : 132];
  const numberAt = width - (narrow ? 48 : 64);
  const whole = numberAt - 50 - start;
  const rows = [...shown, { ...others, token: `${commas(others.n)} others`, all: true }];
  const height = top + step * rows.length;
  const label = rows.map(({ token, after }) => `${token} ${fixed(after, 3)}`).join(", ");
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Probabilities at T = ${number(temperature)}: ${label}` },
    h("text", { class: "ic-axis", x: numberAt, y: 12, "text-anchor": "end" }, "probability"),
    h("text", { class: "ic-axis", x: width, y: 12, "text-anchor": "end" }, "drawn"),
    rows.map(({ token, before, after, kept, times: count, all }, i) => {
      const y = top + i * step;
      const colour = all ? "var(--ic-muted)" : "var(--ic-1)";
      return [
        h("text", { class: `ic-label${i === 0 ? " ic-chosen-text" : ""}`, x: start - 8, y: y + 13, "text-anchor": "end", "dominant-baseline": "central", "fill-opacity": kept ? 1 : 0.7 }, clipped(token, narrow ? 13 : 17)),
        h("rect", { x: start, y: y + 4, width: whole, height: 22, rx: 2, fill: "var(--ic-soft)" }),
        h("rect", { x: start, y: y + 4, width: before * whole, height: 15, rx: 2, fill: colour, "fill-opacity": 0.3 }),
        h("rect", { x: start, y: y + 4, width: after * whole, height: 15, rx: 2, fill: colour }),
        h("rect", { x: start, y: y + 20, width: draws ? (count / draws) * whole : 0, height: 6, rx: 2, fill: "var(--ic-2)" }),
        h("text", { class: "ic-label", x: numberAt, y: y + 13, "text-anchor": "end", "dominant-baseline": "central" }, kept ? fixed(after, 3) : "cut"),
        h("text", { class: "ic-label", x: width, y: y + 13, "text-anchor": "end", "dominant-baseline": "central" }, draws ? String(count) : ""),
      ];
    }),
  );
}

const clipped = (token, most) => (token.length > most ? `${token.slice(0, most - 1)}…` : token);

function entropyScale({ entropyAfter, nKept, nAll }, width) {
  const height = 82;
  const [left, right, line] = [8, width - 8, 52];
  const x = (nats) => left + (nats / Math.log(nAll)) * (right - left);
  const [at, most] = [x(entropyAfter), x(Math.log(nKept))];
  const cut = nKept < nAll;
  const near = (position) => (position < 0.3 * width ? "start" : position > 0.7 * width ? "end" : "middle");
  const limit = `ln ${commas(nKept)} = ${fixed(Math.log(nKept))}`;
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Entropy ${fixed(entropyAfter)} nats, between 0 and ${limit}` },
    h("line", { class: "ic-hairline", x1: left, x2: right, y1: line, y2: line }),
    h("line", { x1: left, x2: Math.max(most, left), y1: line, y2: line, stroke: "var(--ic-muted)", "stroke-width": 2 }),
    h("line", { x1: most, x2: most, y1: line - 6, y2: line + 6, stroke: "var(--ic-muted)", "stroke-width": 2 }),
    h("text", { class: "ic-label", x: at, y: 32, "text-anchor": near(at), style: "font-weight:600" }, `entropy ${fixed(entropyAfter)} nats`),
    h("circle", { class: "ic-grip", cx: at, cy: line, r: 6, style: "fill:var(--ic-ink);stroke:var(--ic-paper)" }),
    most > left + 150 && h("text", { class: "ic-axis", x: left, y: height - 6 }, "0: one token certain"),
    h("text", { class: "ic-axis", x: most, y: height - 6, "text-anchor": near(most) }, cut ? `${limit}: ${nKept === 1 ? "one kept" : "all kept equal"}` : `${limit}: all equal`),
  );
}

function drawing({ draws, names }, api) {
  const more = (n) => h("button", { type: "button", disabled: draws >= MOST_DRAWS, onclick: () => api.set({ draws: Math.min(draws + n, MOST_DRAWS) }) }, n === 1 ? "Draw" : `Draw ${n}`);
  return [
    h("div", { class: "ic-controls", style: "margin:0.6rem 0 0.2rem" }, api.control("draws"), h("span", { class: "ic-length", style: "margin:0" }, more(1), more(100)), api.control("seed")),
    h("div", { style: "height:42px;overflow:hidden" }, names.length
      ? chips({ tokens: names.slice(-N_LATEST).reverse().map((name) => (name.startsWith("one of ") ? "another" : name)), label: "The latest draws, the last one first" })
      : h("p", { class: "ic-head", style: "margin:0;line-height:42px" }, "Nothing drawn yet.")),
  ];
}

function reading({ prompt, temperature, recordedAt, continuation, seed }) {
  const head = continuation === undefined
    ? "No continuation of this prompt is recorded; in a notebook, write() draws one."
    : `A continuation recorded at T = ${fixed(recordedAt, 1)}${temperature === recordedAt ? "" : ", the nearest temperature recorded"}, seed ${seed}, nothing cut:`;
  return h("div", { style: "margin-top:0.4rem;padding-top:0.6rem;border-top:1px solid var(--ic-line)" },
    h("p", { class: "ic-head", style: "margin:0 0 0.2rem" }, head),
    h("p", { style: "margin:0;overflow-wrap:anywhere" }, h("span", { style: "color:var(--ic-muted)" }, prompt), h("strong", { style: "font-weight:500" }, visible(continuation ?? " …"))),
  );
}

const visible = (text) => text.replace(/\s*\n\s*/g, " ↵ ");
