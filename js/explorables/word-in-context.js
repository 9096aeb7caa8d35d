// One word in several sentences: where do its vectors stand after each layer?

import { ownSentence } from "../engine/own-sentence.js";
import { chips } from "../lib/chips.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, percent } from "../lib/format.js";
import { heatmap } from "../lib/heatmap.js";
import { range, sum } from "../lib/math.js";
import { unpack } from "../lib/pack.js";

const HALO = "paint-order:stroke;stroke:var(--ic-paper);stroke-width:3px"; // where a label crosses a point

export default explorable({
  name: "word-in-context",

  prepare: ({ sets }) => Object.fromEntries(Object.entries(sets).map(([word, set]) => [word, {
    ...set,
    cosines: unpack(set.cosines),
    points: unpack(set.points),
    senses: set.sentences.map(({ sense }) => sense),
    cues: set.sentences.map(({ cue }) => cue),
  }])),

  live: (context) => ownSentence(context, {
    behind: "word",
    chosen: true,
    read: async (reading, text, { word }) => {
      const sentences = context.data[word].sentences.map(textOf);
      const { tokens, answer } = await reading.read([text, ...sentences], "cosines", { text, word, sentences });
      return { tokens, cosines: answer };
    },
    first: ({ tokens }, { word }) => Math.max(tokens.indexOf(word), 1) + 1,
    shown: (reading, position, { word }) => ({ sentence: context.data[word].sentences.length + 1 }),
    back: () => ({ sentence: 1 }),
  }),

  more: ({ live, id }) => live?.field(id),

  compute({ values: { word, layer, sentence }, data, live }) {
    const { floor, kept } = data[word];
    const n = data[word].sentences.length; // the book's: the reader's is in none of the senses
    const all = withYours(data[word], layer, readingOf({ word }, live), live?.position);
    const { senses, cosines } = all;
    const ofBook = cosines.slice(0, n).map((row) => row.slice(0, n));
    const neighbours = cosines.map((row, i) => nearestOther(row.slice(0, n), i));
    const agree = neighbours.filter((j, i) => i < n && senses[i] === senses[j]).length;
    const reach = [0, 1].map((axis) => Math.max(...[...data[word].points.flat(), ...all.points].map((point) => Math.abs(point[axis]))));
    return { word, layer, ...all, n, neighbours, agree, floor, reach, kept: kept[layer], chosen: sentence - 1, ...withinAndBetween(ofBook, senses.slice(0, n)) };
  },

  limits: ({ word }, data, live) => ({ sentence: data[word].sentences.length + (readingOf({ word }, live) ? 1 : 0) }),

  numbers({ senses, cues, cosines, points, neighbours, agree, kept, chosen, same, other }) {
    const closest = neighbours[chosen];
    const columns = ["", "sense", ...cues, "map, across", "map, up"];
    const summary = [
      [`${cues[chosen]}, nearest: ${cues[closest]}`, cosines[chosen][closest]],
      ["sentences whose nearest has their sense", agree],
      ["mean cosine, same sense", same],
      ["mean cosine, other sense", other],
      ["share of the variance on the map", kept ?? "no variance"],
    ];
    return {
      columns,
      rows: [
        ...cues.map((cue, i) => [cue, senses[i], ...cosines[i], ...points[i]]),
        ...summary.map(([name, value]) => [name, "", value, ...Array(columns.length - 3).fill("")]),
      ],
    };
  },

  sentence({ word, layer, cues, senses, cosines, neighbours, agree, kept, chosen, n }) {
    if (kept === null && chosen < n) return `At layer 0 nothing has been read yet: the same row at the same position, so all ${n} vectors of “${word}” are equal.`;
    const yours = chosen === n;
    const start = yours ? "a vector is the token’s row and its position" : "the vectors differ by position alone";
    const when = layer === 0 ? `At layer 0 nothing has been read yet: ${start}. There` : `After layer ${layer}`;
    const closest = neighbours[chosen];
    const cosine = `cosine ${fixed(cosines[chosen][closest])}`;
    if (yours) {
      const sense = `${cosine}, sense “${senses[closest]}”`;
      return `${when} ${cues[n]} is nearest to “${word}” in the sentence of “${cues[closest]}”: ${sense}.${kept === null ? "" : ` It is drawn where it falls on the others’ map, which keeps ${percent(kept)} of their variance.`}`;
    }
    const verdict = senses[chosen] === senses[closest] ? "the same sense" : "another sense";
    return `${when} “${cues[chosen]}” is nearest to “${cues[closest]}”: ${cosine}, ${verdict}. In ${agree} of ${n} sentences the nearest has the same sense. The map keeps ${percent(kept)} of the variance.`;
  },

  draw(view, api) {
    const { cues, cosines, chosen, floor, layer } = view;
    const pick = (i) => i !== chosen && api.set({ sentence: i + 1 });
    const wide = api.width >= 580;
    const left = wide ? Math.round(0.58 * api.width) : api.width;
    return [
      h("div", { class: "ic-side" },
        h("div", { style: `width:${left}px` },
          heatmap({
            matrix: cosines, rows: cues, columns: cues, width: left, maxCell: 38, chosen: { row: chosen }, onPick: pick, values: true,
            fill: (cosine) => ({ fill: "var(--ic-ink)", "fill-opacity": Math.max(0, cosine - floor) / (1 - floor) }),
            label: `Cosines after layer ${layer}, a row and a column for each sentence`,
          }),
          h("p", { class: "ic-head", style: "margin:0.3rem 0 0" }, `Cosine: no colour at ${fixed(floor)}, full colour at 1.00, in all layers`),
        ),
        map(view, wide ? api.width - left - 18 : api.width, Math.round(0.95 * left), pick),
      ),
      view.tokens && chips({
        tokens: view.tokens, chosen: view.position - 1, label: "Tokens of your sentence: choose the one that is compared",
        onPick: (i) => api.live.choose(i + 1),
      }),
      h("p", { class: "ic-head", style: "margin:0.9rem 0.5rem 0;text-align:right" }, `cosine with ${chosen === view.n ? cues[chosen] : `“${cues[chosen]}”`}`),
      h("div", { class: "ic-sentences", role: "group", "aria-label": "Sentences: choose the one to compare with" },
        view.sentences.map((one, i) => sentenceButton(one, i, view, pick))),
    ];
  },
});

const textOf = ({ parts }) => parts.map(([text]) => text).join("");

const readingOf = ({ word }, live) => (live?.reading?.behind === word ? live.reading : null);

/** The vectors of a word after a layer, and one token of the reader's sentence beside them. */
function withYours(set, layer, reading, position) {
  const { sentences, senses, cues } = set;
  const [cosines, points] = [set.cosines[layer], set.points[layer]];
  if (!reading) return { sentences, senses, cues, cosines, points };
  const { tokens, text } = reading;
  const row = reading.cosines.codes ? unpack(reading.cosines, layer, position - 1) : reading.cosines[layer][position - 1];
  return {
    tokens, position,
    sentences: [...sentences, { parts: [[text, ""]], sense: "yours" }],
    senses: [...senses, "yours"],
    cues: [...cues, `your “${tokens[position - 1]}”`],
    cosines: [...cosines.map((line, i) => [...line, row[i]]), [...row, 1]],
    points: [...points, added(row, cosines, points)],
  };
}

/** Where one more vector falls on the plane of the others, from its cosines with them and theirs:
 *  Gower (1968). The points are the products of their centred vectors with the plane's axes. */
function added(row, cosines, points) {
  const mean = (values) => sum(values) / values.length;
  const whole = mean(cosines.map(mean));
  const products = row.map((cosine, i) => cosine - mean(row) - mean(cosines[i]) + whole);
  const [a, b, d] = [[0, 0], [0, 1], [1, 1]].map(([i, j]) => sum(points.map((point) => point[i] * point[j])));
  const [p, q] = [0, 1].map((axis) => sum(points.map((point, i) => point[axis] * products[i])));
  const determinant = a * d - b * b;
  return Math.abs(determinant) < 1e-12 ? [0, 0] : [(d * p - b * q) / determinant, (a * q - b * p) / determinant];
}

function nearestOther(row, i) {
  return range(row.length).reduce((best, j) => (j !== i && (best === -1 || row[j] > row[best]) ? j : best), -1);
}

function withinAndBetween(cosines, senses) {
  const pairs = range(senses.length).flatMap((i) => range(i).map((j) => [i, j]));
  const mean = (wanted) => {
    const values = pairs.filter(([i, j]) => (senses[i] === senses[j]) === wanted).map(([i, j]) => cosines[i][j]);
    return sum(values) / values.length;
  };
  return { same: mean(true), other: mean(false) };
}

/** Colour and shape of a sense: the same in the map and in the list. */
function looks(senses) {
  const names = [...new Set(senses)];
  return (sense) => ({ colour: `var(--ic-${names.indexOf(sense) + 1})`, shape: SHAPES[names.indexOf(sense)] });
}

const SHAPES = [
  "M 6 0 A 6 6 0 1 1 -6 0 A 6 6 0 1 1 6 0 Z", // circle
  "M -5.3 -5.3 H 5.3 V 5.3 H -5.3 Z", // square
  "M 0 -6.8 L 6.6 4.9 L -6.6 4.9 Z", // triangle
  "M 0 -7.2 L 7.2 0 L 0 7.2 L -7.2 0 Z", // diamond
  "M 0 6.8 L 6.6 -4.9 L -6.6 -4.9 Z",
  "M -6.5 -2 H -2 V -6.5 H 2 V -2 H 6.5 V 2 H 2 V 6.5 H -2 V 2 H -6.5 Z",
  "M 0 -7.5 L 2 -2 L 7.5 0 L 2 2 L 0 7.5 L -2 2 L -7.5 0 L -2 -2 Z", // the reader's, beside six senses
];

/** The points, with one unit in both directions and at every layer; from layer to layer they glide. */
function map({ word, points, senses, cues, chosen, reach, layer }, width, height, pick) {
  const [top, edge] = [30, 22];
  const unit = Math.min((width / 2 - edge) / reach[0], ((height - top) / 2 - edge) / reach[1]);
  const at = ([x, y]) => ({ x: width / 2 + unit * x, y: top + (height - top) / 2 - unit * y });
  const look = looks(senses);
  const places = points.map(at);
  const labels = place(places, cues, chosen, { left: 3, right: width - 3, top: top + 8, bottom: height - 8 });
  const names = [...new Set(senses)];
  const legend = names.map((_, i) => 9 + sum(names.slice(0, i).map((before) => 34 + 7.4 * before.length)));
  return h("svg", { class: "ic-scatter", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Map of the vectors after layer ${layer}` },
    names.map((name, i) => h("g", { transform: `translate(${legend[i]} 12)` },
      h("path", { d: look(name).shape, fill: look(name).colour }), h("text", { class: "ic-label", x: 12, "dominant-baseline": "central" }, name))),
    h("rect", { class: "ic-frame", x: 0.5, y: top - 0.5, width: width - 1, height: height - top - 1, rx: 6 }),
    places.map(({ x, y }, i) => {
      const { dx, dy, anchor, far } = labels[i];
      return h("g", { class: "ic-moves", key: `${word}-${i}`, style: `transform:translate(${x.toFixed(1)}px,${y.toFixed(1)}px);cursor:pointer`, onclick: () => pick(i) },
        h("line", { stroke: "var(--ic-muted)", "stroke-opacity": 0.7, x2: far ? dx : 0, y2: far ? dy : 0 }),
        h("circle", { r: 11, fill: "transparent", stroke: i === chosen ? "var(--ic-text)" : "none", "stroke-width": 1.8 }),
        h("path", { d: look(senses[i]).shape, fill: look(senses[i]).colour }),
        h("text", { class: i === chosen ? "ic-label ic-chosen-text" : "ic-label", "dominant-baseline": "central", "text-anchor": anchor, x: dx, y: dy, style: HALO }, cues[i]));
    }),
  );
}

/** Where each label goes, from its point: the chosen one's first, each to the best free place. */
function place(points, texts, chosen, box) {
  const taken = points.map(({ x, y }) => ({ left: x - 8, right: x + 8, top: y - 8, bottom: y + 8 }));
  const covered = (one) => sum(taken.map((other) => Math.max(0, Math.min(one.right, other.right) - Math.max(one.left, other.left))
    * Math.max(0, Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top))));
  const nearest = (to) => Math.min(...points.map(({ x, y }) => Math.hypot(x - to.x, y - to.y)));
  const order = [chosen, ...range(points.length).filter((i) => i !== chosen)];
  const labels = [];
  for (const i of order) {
    const { x, y } = points[i];
    const wide = 7.6 * texts[i].length;
    let best;
    for (const dy of [0, 15, -15, 30, -30, 45, -45, 60, -60, 75, -75]) {
      for (const side of [1, -1]) {
        const dx = side * (Math.abs(dy) > 15 ? 24 : 14);
        const left = side > 0 ? x + dx : x + dx - wide;
        const one = { left, right: left + wide, top: y + dy - 7, bottom: y + dy + 7 };
        const outside = Math.max(0, box.left - one.left) + Math.max(0, one.right - box.right) + Math.max(0, box.top - one.top) + Math.max(0, one.bottom - box.bottom);
        const astray = Math.hypot(dx, dy) > nearest({ x: x + dx, y: y + dy }) + 1; // nearer to another point
        const cost = covered(one) + 40 * outside + Math.abs(dy) / 2 + (astray ? 60 : 0);
        if (!best || cost < best.cost) best = { cost, one, dx, dy, anchor: side > 0 ? "start" : "end", far: Math.abs(dy) > 15 };
      }
    }
    taken.push(best.one);
    labels[i] = best;
  }
  return labels;
}

function sentenceButton({ parts, sense }, i, { senses, cues, cosines, chosen }, pick) {
  const { colour, shape } = looks(senses)(sense);
  return h("button", {
    type: "button", key: `sentence-${i}`, "aria-pressed": i === chosen ? "true" : "false", onclick: () => pick(i),
  },
    h("svg", { width: 16, height: 16, viewBox: "-8 -8 16 16", role: "img", "aria-label": sense }, h("path", { d: shape, fill: colour })),
    h("span", {}, parts.map(([text, kind]) => (kind === "word" ? h("strong", {}, text) : kind === "cue" ? h("u", {}, text) : text))),
    h("span", { class: "ic-value", title: `Cosine with ${cues[chosen]}` }, fixed(cosines[i][chosen])),
  );
}
