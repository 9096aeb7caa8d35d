// Attention in four steps, for three tokens in three dimensions: every number of Q, K and V can be
// changed, and a token keeps its row and its colour through all four matrices.

import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";
import { signedFill, textOn, weightFill } from "../lib/heatmap.js";
import { argmax, dot, matmul, range, softmax, sum } from "../lib/math.js";

const MATRICES = ["query", "key", "value"];
const WIDTH = 3; // d_k
const MASKED = -Infinity;

const same = (a, b) => a.every((value, i) => value === b[i]);
const rowsOf = (flat) => range(flat.length / WIDTH).map((i) => flat.slice(i * WIDTH, (i + 1) * WIDTH));

export default explorable({
  name: "attention-by-hand",
  inPicture: MATRICES,

  compute({ values, data }) {
    const [query, key, value] = MATRICES.map((name) => rowsOf(values[name]));
    const score = query.map((q) => key.map((k) => dot(q, k)));
    const scaled = score.map((row, i) => row.map((s, j) => (values.causal && j > i ? MASKED : s / Math.sqrt(WIDTH))));
    const weight = scaled.map((row) => softmax(row, values.temperature));
    const output = matmul(weight, value);
    const chosen = data.tokens.indexOf(values.word);
    const products = key.map((k) => k.map((x, i) => query[chosen][i] * x));
    const hot = scaled[chosen].map((s) => s / values.temperature);
    const largest = Math.max(...hot);
    const less = Math.abs(largest) > data.large ? largest : 0; // so that no exponential is too large
    const exponentials = hot.map((s) => Math.exp(s - less));
    return { ...values, tokens: data.tokens, chosen, products, hot, less, exponentials, steps: { query, key, value, score, scaled, weight, output } };
  },

  react(trait, values, { examples }) {
    if (trait === "example" && examples[values.example]) return { ...examples[values.example] };
    if (MATRICES.includes(trait)) {
      const fits = (key) => MATRICES.every((name) => same(examples[key][name], values[name]));
      return { example: Object.keys(examples).find(fits) ?? "own" };
    }
    return {};
  },

  numbers: ({ tokens, steps, word, products, exponentials }) => ({
    columns: ["", "token", "1", "2", "3"],
    rows: [
      ...Object.entries(steps).flatMap(([name, matrix]) =>
        matrix.map((row, i) => [name, tokens[i], ...row.map((cell) => (cell === MASKED ? "−∞" : cell))])),
      ...products.map((row, i) => [`products of ${word} ·`, tokens[i], ...row]),
      ["exponentials of", word, ...exponentials],
      ["their sum", word, sum(exponentials), "", ""],
    ],
  }),

  sentence({ tokens, steps, temperature, causal }) {
    const looks = steps.weight.map((row, i) => {
      const top = argmax(row);
      const ties = row.flatMap((w, j) => (Math.abs(w - row[top]) < 1e-9 ? [j] : []));
      if (ties.length === row.length) return `“${tokens[i]}” looks at all three equally`;
      const whom = ties.map((j) => (j === i ? "itself" : `“${tokens[j]}”`)).join(" and ");
      const share = ties.length > 1 ? `${percent(row[top])} each` : percent(row[top]);
      return `“${tokens[i]}” looks most at ${whom} (${share})`;
    });
    const rule = causal ? ", with no token seeing a later one" : "";
    return `At T = ${number(temperature)}${rule}: ${looks.slice(0, -1).join(", ")}, and ${looks.at(-1)}.`;
  },

  draw(view, api) {
    const { tokens, steps, causal, temperature } = view;
    const narrow = api.width < 560;
    const gap = 16;
    const width = Math.floor(narrow ? (api.width - gap) / 2 : (api.width - 3 * gap) / 4);
    const pick = (i) => api.set({ word: tokens[i] });
    const one = (title, formula, matrix, columns, fill, digits) =>
      h("div", { key: title },
        h("div", { class: "ic-head", style: "white-space:nowrap" }, h("strong", {}, title), ` ${formula}`),
        grid({ matrix, rows: tokens, columns, width, fill, digits, chosen: view.chosen, pick, label: `${title}, ${formula}` }));
    const dims = ["1", "2", "3"];
    const hot = temperature === 1 ? "softmax" : `T = ${number(temperature)}`;
    const [fine, masked, mix] = width < 165 ? [2, narrow ? "masked" : "÷ √3, mask", "w · V"] : [3, "÷ √3, masked", "weights · V"];
    const scores = one("1 Scores", "Q Kᵀ", steps.score, tokens, signed(steps.score), 2);
    const scaled = one("2 Scaled", causal ? masked : "÷ √3", steps.scaled, tokens, signed(steps.scaled), 2);
    const weights = one("3 Weights", hot, steps.weight, tokens, weightFill, fine);
    const output = one("4 Output", mix, steps.output, dims, signed(steps.output), fine);
    const [query, key, value] = MATRICES.map((name) => api.control(name));
    if (narrow) { // each matrix beside what it changes, all on one screen of a phone
      return [
        h("div", { class: "ic-steps", key: "both", style: `grid-template-columns:repeat(2,${width}px)` },
          query, key, scores, scaled, weights, value, output, mixture(view)),
        working(view),
      ];
    }
    return [
      h("div", { class: "ic-steps", key: "inputs", style: "grid-template-columns:repeat(3,1fr)" }, query, key, value),
      h("div", { class: "ic-steps", key: "results", style: `grid-template-columns:repeat(4,${width}px)` }, scores, scaled, weights, output),
      working(view),
      mixture(view),
    ];
  },
});

/** The chosen word's row, spelled out: its scores as sums, then each step up to its weights. */
function working({ tokens, word, temperature, chosen, hot, less, exponentials, steps }) {
  const q = steps.query[chosen];
  const line = (k, j) => {
    const terms = q.map((x, i) => `${number(x)}×${factor(k[i])}`).join(" + ");
    return h("li", {}, `${word} · ${tokens[j]} = ${terms} = `, h("strong", {}, number(steps.score[chosen][j])));
  };
  const cell = (content, role = "cell") => h("span", { role }, content);
  const row = (name, cells, total = "") => h("div", { role: "row" }, cell(name, "rowheader"), cells.map((x) => cell(x)), cell(total));
  const shown = (x) => (x === MASKED ? "−∞" : number(x));
  const total = sum(exponentials);
  return h("div", { class: "ic-working", key: "working" },
    h("ul", {}, steps.key.map(line)),
    h("div", { role: "table", "aria-label": `From the scores of ${word} to its weights`, class: "ic-sums" },
      h("div", { role: "row" }, cell("key", "columnheader"), tokens.map((token, j) => h("span", { role: "columnheader", style: `--row:var(--ic-${j + 1})` }, token)), cell("sum", "columnheader")),
      row("score", steps.score[chosen].map(shown)),
      row(`÷ √${WIDTH}`, steps.scaled[chosen].map(shown)),
      row(`÷ T = ${number(temperature)}`, hot.map(shown)),
      row(less ? `exp(· − ${factor(less)})` : "exp", exponentials.map(shown), number(total)),
      row("÷ sum", steps.weight[chosen].map((w) => fixed(w, 3)), "1")));
}

/** The chosen word's output as a mixture of the values. */
function mixture({ tokens, word, chosen, steps }) {
  const parts = steps.weight[chosen].map((w, j) => `${fixed(w, 3)} × value of ${tokens[j]}`).join(" + ");
  const result = steps.output[chosen].map((x) => fixed(x, 3)).join(", ");
  return h("p", { class: "ic-working", key: "mixture" }, `output of ${word} = ${parts} = `, h("strong", {}, `(${result})`));
}

const factor = (x) => (x < 0 ? `(${number(x)})` : number(x));

function signed(matrix) {
  const limit = Math.max(...matrix.flat().filter(Number.isFinite).map(Math.abs), 1e-9);
  return (value) => (value === MASKED ? { fill: "var(--ic-line)", "fill-opacity": 0.6 } : signedFill(value, limit));
}

/** As many decimals as fit a narrow cell. */
function short(value, digits) {
  if (value === MASKED) return "−∞";
  const size = Math.abs(value);
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : value < 0 ? Math.min(digits, 2) : digits);
}

function grid({ matrix, rows, columns, width, fill, digits, chosen, pick, label }) {
  const left = 38;
  const top = 22;
  const size = (width - left - 2) / columns.length;
  const tall = Math.min(size, 40);
  const height = top + tall * rows.length + 2;
  const mark = (i) => `var(--ic-${i + 1})`;
  const ofTokens = columns === rows;
  const middle = (j) => left + (j + 0.5) * size;
  const press = (event) => event.target.dataset.row !== undefined && pick(Number(event.target.dataset.row));
  const said = rows.map((token, i) => `${token}: ${matrix[i].map((x) => short(x, digits)).join(", ")}`).join("; ");
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${label}. ${said}`, onclick: press },
    columns.map((text, j) => h("text", { class: "ic-axis", style: ofTokens && "fill:var(--ic-text)", x: middle(j), y: 13, "text-anchor": "middle" }, text)),
    ofTokens && columns.map((_, j) => h("rect", { x: left + j * size, y: top - 4, width: size - 2, height: 3, rx: 1.5, fill: mark(j) })),
    rows.map((text, i) => h("text", {
      class: i === chosen ? "ic-axis ic-chosen-text" : "ic-axis", style: "fill:var(--ic-text)", "data-row": i,
      x: left - 10, y: top + (i + 0.5) * tall, "text-anchor": "end", "dominant-baseline": "central",
    }, text)),
    rows.map((_, i) => h("rect", { x: left - 6, y: top + i * tall, width: 3, height: tall - 2, rx: 1.5, fill: mark(i) })),
    matrix.map((row, i) => row.map((value, j) => h("rect", {
      class: "ic-cell", "data-row": i, x: left + j * size, y: top + i * tall, width: size - 2, height: tall - 2, rx: 3, ...fill(value),
    }))),
    matrix.map((row, i) => row.map((value, j) => {
      return h("text", {
        class: `ic-cell-text ${textOn(fill(value))}`, "data-row": i,
        x: middle(j) - 1, y: top + (i + 0.5) * tall - 1, "text-anchor": "middle", "dominant-baseline": "central",
      }, short(value, digits));
    })),
    h("rect", { class: "ic-chosen", x: left - 1, y: top + chosen * tall - 1, width: size * columns.length, height: tall, rx: 4, style: `stroke:${mark(chosen)}` }),
  );
}
