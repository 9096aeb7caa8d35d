// What does a model write that was trained on every word? Draw its next word, and the next.

import { ranked, draw as drawFrom, scoresOf, writerFrom } from "../engine/writer.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";
import { entropy, sum } from "../lib/math.js";
import { roving } from "../lib/roving.js";

const N_SHOWN = 8; // words with a bar of their own
const MOST_NEW = 23;
const N_SEEDS = 30;
const END = ".";

export default explorable({
  name: "sampling",
  inPicture: ["n_new", "seed"],

  prepare({ words, first, chance, grammar, config, ...rest }) {
    const splits = new Map();
    const answers = new Map(); // of a sentence with a gap for it
    for (const { train, heldOut, answer } of grammar) {
      for (const [texts, split] of [[train, "in training"], [heldOut, "held out"]]) {
        for (const text of texts) {
          const one = text.split(" ");
          splits.set(text, split);
          answers.set(without(one, one.length - answer), one.at(-answer));
        }
      }
    }
    const numbers = new Map(words.map((word, i) => [word, i]));
    return { words, numbers, first, chance, splits, answers, nPositions: config.nPositions, writer: writerFrom({ config, ...rest }) };
  },

  compute({ values, data }) {
    const { words, nPositions } = data;
    const tokens = tokensOf(values.beginning);
    const nRead = tokens.findIndex((word, i) => !data.numbers.has(word) || tokens[i - 1] === END || i === nPositions);
    const given = nRead < 0 ? tokens : tokens.slice(0, nRead);
    const unread = tokens.slice(given.length);
    const written = [...given];
    const goesOn = () => written.length > 0 && written.length < nPositions && written.at(-1) !== END;
    const scores = () => scoresOf(data.writer, written.map((word) => data.numbers.get(word)));
    for (let i = 0; i < values.n_new && goesOn(); i++) {
      written.push(words[drawFrom(ranked(scores().at(-1), values), data.chance[values.seed][i]).word]);
    }
    const rows = scores();
    const place = goesOn() ? written.length : Math.max(written.length - 1, 0);
    const list = place ? ranked(rows[place - 1], values).map((one) => ({ ...one, word: words[one.word] })) : [];
    const chances = written.map((word, i) => {
      const found = i && ranked(rows[i - 1], values).find((one) => words[one.word] === word);
      return { word, before: found ? found.before : "", after: found ? found.after : "" };
    });
    return {
      ...values, tokens, given, unread, unknown: unread.filter((word, i) => !data.numbers.has(word) && unread.indexOf(word) === i),
      written, place, list, chances, goesOn: goesOn(), hasEnded: written.at(-1) === END, nPositions, words, first: data.first,
      shown: list.slice(0, N_SHOWN),
      others: { n: list.length - N_SHOWN, before: sum(list.slice(N_SHOWN).map(({ before }) => before)), after: sum(list.slice(N_SHOWN).map(({ after }) => after)) },
      nKept: list.filter(({ after }) => after > 0).length,
      entropyBefore: entropy(list.map(({ before }) => before)),
      entropyAfter: entropy(list.map(({ after }) => after)),
      ...verdict(written, data),
    };
  },

  react: (trait) => (trait === "beginning" ? { n_new: 0 } : {}),

  numbers: (view) => ({
    columns: ["", "logit", "before the cut", "probability"],
    rows: [
      ...view.shown.map(({ word, logit, before, after }) => [word, logit, before, after]),
      ...(view.list.length ? [
        [`${view.others.n} others`, "", view.others.before, view.others.after],
        ["words kept", "", view.list.length, view.nKept],
        ["entropy (nats)", "", view.entropyBefore, view.entropyAfter],
      ] : []),
      ...view.chances.map(({ word, before, after }, i) => [`word ${i + 1}: ${word}`, "", before, after]),
      ["words read", "", "", view.given.length],
      ["words not read", "", "", view.unread.length],
      ["words drawn", "", "", view.written.length - view.given.length],
      ["new words at most", "", "", view.n_new],
      ["temperature", "", "", view.temperature],
      ["top-k", "", "", view.top_k],
      ["top-p", "", "", view.top_p],
      ["greedy", "", "", view.greedy ? "yes" : "no"],
      ["seed", "", "", view.seed],
      ["the sentence is", "", "", view.hasEnded ? view.verdict : "unfinished"],
      ["right answer", "", "", view.right],
    ],
  }),

  sentence(view) {
    const { written, goesOn, hasEnded, shown, nKept, list, entropyAfter } = view;
    const unread = unreadSaid(view);
    if (!written.length) return `${unread}There is nothing to read yet. The model says what follows a word, so it needs a first one: type it, or choose one below.`;
    if (hasEnded) return `${unread}${how(view)}, the sentence is finished. ${ENDS[view.verdict](view)}`;
    if (!goesOn) return `${unread}${how(view)}, the text fills all ${view.nPositions} positions that the model has, and has not come to an end.`;
    const after = `after “${written.at(-1)}”`;
    if (nKept === 1) return `${unread}${how(view)}, “${shown[0].word}” is the only word left ${after}: nothing is left to chance.`;
    const kept = nKept < list.length ? ` of the ${nKept} that are kept` : "";
    return `${unread}${how(view)}, “${shown[0].word}” is the likeliest${kept} ${after}, with ${percent(shown[0].after)}. Entropy ${fixed(entropyAfter)} nats, like ${fixed(Math.exp(entropyAfter), 1)} equal words.`;
  },

  draw: (view, api) => [
    writing(view, api),
    buttons(view, api),
    h("div", { class: "ic-controls" }, api.control("n_new"), api.control("seed")),
    view.list.length ? next(view, api) : beginnings(view, api),
    h("details", { class: "ic-fold" },
      h("summary", {}, `All ${view.words.length} words that the model knows`),
      h("p", { style: "margin:0.2rem 0 0.4rem" }, [...view.words].sort(alphabetically).join("  ")),
    ),
  ],
});

const alphabetically = (one, other) => /\w/.test(one) - /\w/.test(other) || (one < other ? -1 : 1);
const tokensOf = (line) => line.toLowerCase().match(/[.,:]|[^ .,:]+/g) ?? [];
const without = (words, place) => words.map((word, i) => (i === place ? "_" : word)).join(" ");
const quoted = (words) => words.map((word) => `“${word}”`).join(", ");

/** What a finished sentence is, and the right answer where another word stands for it. */
function verdict(words, { splits, answers }) {
  const split = splits.get(words.join(" "));
  if (split) return { verdict: split, right: "" };
  const right = words.map((_, place) => answers.get(without(words, place))).find(Boolean);
  return right ? { verdict: "wrong answer", right } : { verdict: "outside", right: "" };
}

const ENDS = {
  "in training": () => "It is a sentence of the grammar, one that the model was trained on.",
  "held out": () => "It is a sentence of the grammar, one that the model never saw.",
  "wrong answer": ({ right }) => `It would be a sentence of the grammar with the answer “${right}”.`,
  outside: () => "The grammar has no such sentence in any of its families.",
};

function how({ temperature, top_p, greedy }) {
  const chosen = `T = ${number(temperature)}${top_p < 1 ? ` and p = ${number(top_p)}` : ""}`;
  return greedy ? `Greedily (${chosen} ${top_p < 1 ? "play" : "plays"} no part)` : `At ${chosen}`;
}

/** Why the beginning is not read to its end. */
function unreadSaid({ given, unread, unknown, words, nPositions }) {
  if (!unread.length) return "";
  const read = given.length ? `It reads “${given.join(" ")}”.` : "";
  if (unknown.includes(unread[0])) {
    const likely = words.filter((word) => word.startsWith(unread[0])).slice(0, 4);
    const they = unknown.length > 1 ? "are not words" : "is no word";
    return `${quoted(unknown)} ${they} that the model knows${likely.length ? ` (${likely.join(", ")}?)` : ""}. ${read} `;
  }
  if (given.length === nPositions) return `The model has ${nPositions} positions and reads no more words than that; ${quoted(unread)} ${unread.length > 1 ? "are" : "is"} too many. `;
  return `A text ends with the full stop, so ${quoted(unread)} ${unread.length > 1 ? "are" : "is"} not read. `;
}

/** The text: what was typed as plain words, what was drawn in frames, and under each its probability. */
function writing({ given, written, chances }, api) {
  const chance = ({ after }) => h("span", { class: "ic-chance" }, after === "" ? "–" : fixed(after));
  const drawn = chances.slice(given.length);
  const lines = Math.ceil((16 * 52) / api.width); // of the longest sentence
  return h("div", { class: "ic-writing", role: "group", "aria-label": "The text", style: `min-height:${52 * lines}px` },
    chances.slice(0, given.length).map((one) => h("span", { class: "ic-written" }, h("span", { class: "ic-chip" }, one.word), chance(one))),
    drawn.length > 0 && h("div", { role: "toolbar", "aria-label": "Words drawn: choose one to go back to its draw", ...roving(drawn.length - 1) },
      drawn.map((one, i) => h("button", { type: "button", class: "ic-written", key: `drawn-${i}`, title: `Back to the draw of “${one.word}”`, onclick: () => api.set({ n_new: i }) },
        h("span", { class: "ic-chip" }, one.word), chance(one)))),
    !written.length && h("span", { class: "ic-head", style: "line-height:28px" }, "Nothing written yet."),
  );
}

function buttons(view, api) {
  const { given, written, goesOn, tokens, seed } = view;
  const nDrawn = written.length - given.length;
  const slim = api.width < 400 ? { style: "padding-inline:0.5rem" } : {};
  const button = (text, works, change) => h("button", { ...slim, type: "button", "aria-disabled": works ? "false" : "true", onclick: () => works && api.set(change()) }, text);
  return h("div", { class: "ic-length", style: "flex-wrap:wrap;gap:0.4rem;margin:0 0 0.6rem" },
    button("Next word", goesOn, () => ({ n_new: nDrawn + 1 })),
    button("Write on", goesOn, () => ({ n_new: MOST_NEW })),
    button("Another", written.length > 0, () => ({ seed: (seed % N_SEEDS) + 1, n_new: MOST_NEW })),
    button("Undo", tokens.length > 0, () => (nDrawn ? { n_new: nDrawn - 1 } : { beginning: line(tokens.slice(0, -1)) })),
  );
}

const line = (words) => words.map((word) => `${word} `).join("");

/** A chosen word stands at the place that is shown; an unknown word there gives way to it. */
function withWord({ written, place, unread, unknown }, word) {
  return line([...written.slice(0, place), word, ...unread.slice(unknown.includes(unread[0]) ? 1 : 0)]);
}

/** Bars of the likeliest words; each can be chosen. */
function next(view, api) {
  const { shown, others, written, place, goesOn, entropyAfter } = view;
  const after = place < 2 ? written[0] : `… ${written[place - 1]}`;
  const start = 86;
  const wide = api.width - start - 62;
  const row = ({ word, before, after: left }, colour) => [
    h("span", { style: `width:${start - 12}px;white-space:nowrap${left ? "" : ";color:var(--ic-muted)"}` }, word),
    h("svg", { width: wide, height: 28, viewBox: `0 0 ${wide} 28`, "aria-hidden": "true" },
      h("rect", { y: 6, width: wide, height: 16, rx: 2, fill: "var(--ic-soft)" }),
      h("rect", { y: 6, width: before * wide, height: 16, rx: 2, fill: colour, "fill-opacity": 0.3 }),
      h("rect", { y: 6, width: left * wide, height: 16, rx: 2, fill: colour }),
    ),
    h("span", { style: "width:42px" }, left ? fixed(left, 3) : "cut"),
  ];
  return h("div", { style: "margin-top:0.8rem" },
    h("p", { class: "ic-head", style: "display:flex;justify-content:space-between;gap:1rem;margin:0 0 0.2rem" },
      h("span", {}, `${goesOn ? "Next" : "Last"} word, after “${after}”`), h("span", { style: "white-space:nowrap" }, `H = ${fixed(entropyAfter)}`)),
    h("div", { class: "ic-next", role: "toolbar", "aria-label": "Likeliest words: choose one to write it", ...roving(0) },
      shown.map((one) => h("button", { type: "button", onclick: () => api.set({ beginning: withWord(view, one.word), n_new: 0 }) }, row(one, "var(--ic-1)")))),
    h("div", { class: "ic-others" }, row({ ...others, word: `${others.n} others` }, "var(--ic-muted)")),
  );
}

/** Where nothing is written yet: words to begin with. */
function beginnings(view, api) {
  return h("div", { style: "margin-top:0.8rem" },
    h("p", { class: "ic-head", style: "margin:0 0 0.3rem" }, "Sentences of the corpus begin with"),
    h("div", { class: "ic-chips", role: "toolbar", "aria-label": "First words: choose one to write it", ...roving(0) },
      view.first.map((word) => h("button", { type: "button", class: "ic-chip", onclick: () => api.set({ beginning: withWord(view, word), n_new: 0 }) }, word))));
}
