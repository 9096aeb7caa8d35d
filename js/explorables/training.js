// A transformer that learns while the reader watches: a recorded run to begin with, then runs of the
// reader's own, in which any part can be taken away.

import { trainer } from "../engine/trainer.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed, number, percent } from "../lib/format.js";
import { heatmap } from "../lib/heatmap.js";
import { argmax } from "../lib/math.js";
import { dragHandlers } from "../lib/pointer.js";

/* global WORKER_SOURCE, ENGINE_SOURCE */ // put in by build.mjs
const [WORKER, ENGINE] = typeof WORKER_SOURCE === "string" ? [WORKER_SOURCE, ENGINE_SOURCE] : ["", ""];

const TOP = 3; // nats; what is above is drawn at the top
const LEARNED = 0.95; // share of right answers
const [LEVELS, FIRST] = [32, "0".charCodeAt(0)]; // of a recorded weight
const LN2 = Math.log(2);
const RUN = "var(--ic-1)";
const RECORDED = "var(--ic-muted)";
const POINT = "var(--ic-2)";
const HALO = "paint-order:stroke;stroke:var(--ic-paper);stroke-width:4px";
const CHOICES = ["reading", "families", "positions", "scaled", "residual", "heads", "layers", "learning_rate", "seed", "prediction"];
const PARTS = ["positions", "scaled", "residual", "heads", "layers", "learning_rate", "seed"];

export default explorable({
  name: "training",

  inPicture: [...CHOICES, "sentence", "layer", "head"],

  prepare(data) {
    const read = (runs) => Object.fromEntries(Object.entries(runs).map(([reading, run]) =>
      [reading, { ...run, steps: data.looks, families: data.family_sets[run.choices.families] }]));
    return { ...data, recorded: read(data.recorded), two_families: read(data.two_families), last: data.looks.at(-1) };
  },

  live: (context) => trainer(context, {
    workerSource: WORKER,
    choicesOf: (values) => Object.fromEntries(CHOICES.map((trait) => [trait, values[trait]])),
  }),

  limits(values, data, live) {
    const { layers, heads } = runOf(values, data, live).choices;
    return { layer: layers, head: heads };
  },

  compute({ values, data, live }) {
    const run = runOf(values, data, live);
    const { choices } = run;
    const now = run.steps.filter((step) => step <= values.step).length - 1;
    const [layer, head] = [Math.min(values.layer, choices.layers), Math.min(values.head, choices.heads)];
    return {
      ...values, data, run, choices, now, layer, head,
      live: live ?? { status: "none" },
      behind: live?.run ? data[choices.families === "two" ? "two_families" : "recorded"][choices.reading] : null,
      floors: data.floors[choices.reading],
      ...mapOf(run, data.shown[values.sentence], { now, sentence: Number(values.sentence), layer, head }),
    };
  },

  numbers(view) {
    const { data, run, choices, now, floors, words, map, layer, head, behind } = view;
    const named = (family) => data.names[family];
    const lines = (what, { steps, families, loss, accuracy }) => steps.flatMap((step, i) =>
      [["loss", loss], ["share right", accuracy]].flatMap(([kind, of]) =>
        families.map((family) => [`${what}${kind}, step ${step}`, named(family), of[family][i]])));
    const cosines = (what, { steps, same, other }) => steps.flatMap((step, i) => [
      [`${what}cosine of “bank”, step ${step}`, "one meaning", same[i]],
      [`${what}cosine of “bank”, step ${step}`, "two meanings", other[i]],
    ]);
    return {
      columns: ["", "of", "value"],
      rows: [
        ["training step", "", run.steps[now] ?? 0],
        ...run.families.flatMap((family) => Object.entries(data.knowing).map(([known, text]) =>
          [`best possible loss, ${text}`, named(family), floors[family][known]])),
        ...lines("", run),
        ...cosines("", run),
        ...(behind ? [...lines("recorded: ", behind), ...cosines("recorded: ", behind)] : []),
        ...map.flatMap((row, t) => row.flatMap((weight, s) => (s <= t || choices.reading === "both-sides"
          ? [[`weight from “${words[t]}” (${t + 1})`, `to “${words[s]}” (${s + 1})`, weight]] : []))),
        ["map", "layer", layer],
        ["map", "head", head],
        ...CHOICES.map((trait) => ["next run", data.choices[trait], cell(view[trait])]),
      ],
    };
  },

  sentence(view) {
    const { data, run, now, live } = view;
    const step = run.steps[now] ?? 0;
    const shares = run.families.map((family) => `${data.names[family]} ${percent(run.accuracy[family][now] ?? 0)}`).join(", ");
    if (live.status === "none") {
      return `The recorded run reads ${reads(view)}. After ${step === 1 ? "1 step" : `${step} steps`} it gets these shares of held-out sentences right: ${shares}.`;
    }
    if (live.status === "ended" && now === run.steps.length - 1) return verdict(view);
    const learned = run.families.map((family) => [family, learnedAt(run, family)]).filter(([, at]) => at !== undefined);
    const news = learned.length
      ? `Learned so far: ${learned.map(([family, at]) => `${data.names[family]} by step ${at}`).join(", ")}.`
      : "Nothing is learned yet.";
    const state = { training: "is under way", paused: "is paused", stopped: "was stopped", ended: "is over" }[live.status];
    return `Your run ${state}: it reads ${reads(view)}${withWhat(view)}. ${news}`;
  },

  draw: (view, api) => [
    families(view, api),
    nextRun(view, api),
    inside(view, api),
    h("details", { class: "ic-fold" },
      h("summary", {}, "Read the code"),
      h("p", { style: "margin:0.3rem 0" }, "The whole engine, forward and backward, as it runs here:"),
      h("pre", { tabindex: 0, role: "group", "aria-label": "The code of the engine", style: "max-height:24rem;overflow:auto;margin:0;padding:0.6rem;background:var(--ic-soft);color:var(--ic-text);font-size:0.78rem;line-height:1.4;border-radius:6px" }, ENGINE)),
  ],
});

// What is seen of a run

const runOf = (values, data, live) => live?.run ?? data.recorded[values.reading];

const cell = (value) => ({ true: "yes", false: "no" }[value] ?? value);

/** The words of a shown sentence as the model reads it, the row that is asked, and its map. */
function mapOf({ choices, maps, steps }, text, { now, sentence, layer, head }) {
  const parts = text.split(" ");
  const answer = parts.findIndex((part) => part.startsWith("*"));
  const causal = choices.reading === "left-to-right";
  const words = causal ? parts.slice(0, answer) : parts.map((part, i) => (i === answer ? "?" : part));
  const asked = causal ? answer - 1 : answer;
  if (!steps.length) return { words, asked, map: words.map(() => words.map(() => 0)) };
  const n = words.length;
  const start = ((layer - 1) * choices.heads + head - 1) * n * n;
  const weight = maps[sentence]?.levels ? recordedWeight(maps[sentence], now) : (i) => maps[now][sentence][i];
  return { words, asked, map: words.map((_, t) => words.map((__, s) => weight(start + t * n + s))) };
}

/** A weight of training.write_maps at a look: a character in a text where the looks come last. */
const recordedWeight = ({ shape: [looks], levels }, now) => (i) => (levels.charCodeAt(i * looks + now) - FIRST) / LEVELS;

/** The first step from which on every look has the family learned. */
function learnedAt({ steps, accuracy }, family) {
  const missed = accuracy[family].findLastIndex((share) => share < LEARNED);
  return steps[missed + 1];
}

const reads = ({ choices }) => (choices.reading === "both-sides" ? "both sides" : "left to right");

/** ", without positions and with 1 head": what the run has or lacks beside the recorded one. */
function withWhat({ choices, data }) {
  const usual = data.recorded[choices.reading].choices;
  const say = {
    positions: () => "without positions",
    scaled: () => "without √d_k",
    residual: () => "without the residual stream",
    heads: (n) => (n === 1 ? "with 1 head" : `with ${n} heads`),
    layers: (n) => (n === 1 ? "with 1 layer" : `with ${n} layers`),
    learning_rate: (rate) => `at learning rate ${number(rate)}`,
    seed: (seed) => `from seed ${seed}`,
  };
  const all = PARTS.filter((part) => choices[part] !== usual[part]).map((part) => say[part](choices[part]));
  return all.length ? `, ${all.join(", ")}` : "";
}

// The prediction, and what came of it

const subjectOf = (families) => (families.includes("who") ? "who" : families[0]);

/** Which predictions about the subject came true. */
function outcome({ run, behind, floors }) {
  const subject = subjectOf(run.families);
  const [loss, share, unknown] = [run.loss[subject].at(-1), run.accuracy[subject].at(-1), floors[subject]["no context"]];
  const at = learnedAt(run, subject);
  if (at !== undefined) return [at > 1.5 * (learnedAt(behind, subject) ?? Infinity) ? "later" : "learned"];
  return [
    loss > 0.85 * unknown && "nothing",
    share < 0.7 && loss < Math.max((LN2 + unknown) / 2, LN2 + 0.2) && "coin", // it knows which two words there are
  ].filter(Boolean);
}

function verdict(view) {
  const { data, run, choices } = view;
  const subject = subjectOf(run.families);
  const name = `“${data.names[subject]}”`;
  const came = outcome(view);
  const at = learnedAt(run, subject);
  const end = `loss ${fixed(run.loss[subject].at(-1))}, ${percent(run.accuracy[subject].at(-1))} right`;
  const what = at !== undefined ? `learned ${name} by step ${at}: ${end}`
    : came.includes("coin") ? `ends at a coin toss for ${name}: ${end}, and a coin toss cannot come below ln 2, 0.69`
      : came.includes("nothing") ? `learned nothing from the words of ${name}: ${end}`
        : `learned ${name} only in part: ${end}`;
  const predicted = choices.prediction === "none" ? "" : came.includes(choices.prediction) ? " You predicted it." : " You predicted something else.";
  return `Your run, which reads ${reads(view)}${withWhat(view)}, ${what}.${why(view, at !== undefined)}${predicted}`;
}

/** Where the reason is known: what positions have to do with order. */
function why({ choices, run }, learned) {
  if (choices.positions || !run.families.includes("who")) return "";
  if (choices.reading === "both-sides") return learned ? "" : " Without positions the words are the same, whoever did it.";
  return learned ? " The causal mask gives the order away: each word sees only those before it." : "";
}

// Pictures

const points = (list) => list.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

/** How steps lie along a chart, and handlers that turn the step by hand. */
function along({ data }, { set }, width, edge) {
  const x = (step) => edge.left + (step / data.last) * (edge.right - edge.left);
  const turn = dragHandlers((across) => {
    const step = ((across * width - edge.left) / (edge.right - edge.left)) * data.last;
    set({ step: data.looks.reduce((best, one) => (Math.abs(one - step) < Math.abs(best - step) ? one : best)) });
  });
  return { x, turn };
}

const line = (x, y, { steps }, values, props) => h("polyline", {
  fill: "none", "stroke-linejoin": "round", ...props, points: points(steps.map((step, i) => [x(step), y(values[i])])),
});

/** Loss and share of right answers, a panel for each family. */
function families(view, api) {
  const columns = api.width >= 600 ? 4 : 2;
  const gap = 22;
  const width = Math.floor((api.width - gap * (columns - 1)) / columns);
  return h("div", { style: `display:grid;gap:14px ${gap}px;grid-template-columns:repeat(${columns},${width}px)` },
    Object.keys(view.data.names).map((family) => panel(view, api, family, width)));
}

function panel(view, api, family, width) {
  const { data, run, behind, now, floors } = view;
  const edge = { left: 1, right: width - 6 };
  const [top, base, upper, lower, height] = [44, 164, 190, 226, 244];
  const { x, turn } = along(view, api, width, edge);
  const y = (loss) => base - (Math.min(Number.isFinite(loss) ? loss : TOP, TOP) / TOP) * (base - top);
  const up = (share) => lower - share * (lower - upper);
  const trained = run.families.includes(family) && now >= 0;
  const step = run.steps[now] ?? 0;
  const [loss, share] = trained ? [run.loss[family][now], run.accuracy[family][now]] : [];
  const name = data.names[family];
  const label = trained ? `${name}: loss ${fixed(loss)} and ${percent(share)} right at step ${step}` : `${name}: not trained on in this run`;
  const marks = Object.entries(data.knowing).map(([known, text]) => [floors[family][known], text])
    .filter(([floor], i, all) => floor > 0.01 && all.findIndex(([one]) => Math.abs(one - floor) < 0.01) === i);
  return h("svg", { class: "ic-draggable", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, ...turn },
    h("rect", { width, height, fill: "transparent" }),
    h("text", { class: "ic-label", x: 0, y: 13, style: "font-weight:600" }, name),
    h("text", { class: "ic-axis", x: 0, y: 32 }, trained ? `loss ${fixed(loss)}` : "not in this run"),
    h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: base, y2: base }),
    marks.map(([floor]) => h("line", { x1: edge.left, x2: edge.right, y1: y(floor), y2: y(floor), stroke: "var(--ic-muted)", "stroke-width": 1, "stroke-dasharray": "2 3" })),
    behind?.loss[family] && line(x, y, behind, behind.loss[family], { stroke: RECORDED, "stroke-width": 1.4, "stroke-opacity": 0.45 }),
    trained && line(x, y, run, run.loss[family], { stroke: RUN, "stroke-width": 2 }),
    marks.map(([floor, text]) => h("text", { // without order, the curve ends on the line or far below: the name stands under it
      class: "ic-axis", x: edge.right, y: y(floor) + (text === data.knowing["no order"] && base - y(floor) > 20 ? 12 : -4), "text-anchor": "end", style: `font-size:11px;${HALO}`,
    }, `${text} ${fixed(floor)}`)),
    trained && h("text", { class: "ic-axis", x: 0, y: upper - 6 }, `${percent(share)} right`),
    h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: lower, y2: lower }),
    h("line", { x1: edge.left, x2: edge.right, y1: up(0.5), y2: up(0.5), class: "ic-hairline", "stroke-dasharray": "2 3" }),
    behind?.loss[family] && line(x, up, behind, behind.accuracy[family], { stroke: RECORDED, "stroke-width": 1.4, "stroke-opacity": 0.45 }),
    trained && line(x, up, run, run.accuracy[family], { stroke: RUN, "stroke-width": 2 }),
    h("line", { x1: x(step), x2: x(step), y1: top, y2: lower, stroke: POINT, "stroke-opacity": 0.35 }),
    trained && [[y(loss)], [up(share)]].map(([cy]) => h("circle", { cx: x(step), cy, r: 4.5, fill: POINT, stroke: "var(--ic-paper)", "stroke-width": 1.5 })),
    h("text", { class: "ic-axis", x: 0, y: height - 2, style: "font-size:11px" }, "step 0"),
    h("text", { class: "ic-axis", x: edge.right, y: height - 2, "text-anchor": "end", style: "font-size:11px" }, String(data.last)),
  );
}

/** What the next run is made with, the prediction, and the buttons. */
function nextRun(view, api) {
  const { live, data } = view;
  const { status } = live;
  const lively = api.live;
  const going = status === "training" || status === "paused";
  const button = (text, onclick, disabled, more) => h("button", { type: "button", onclick, disabled, ...more }, text);
  const row = (...children) => h("div", { class: "ic-controls", style: "margin:0.5rem 0;gap:0.5rem 1.4rem" }, children);
  const subject = data.names[subjectOf(data.family_sets[view.families])];
  return h("div", { role: "group", "aria-label": "The next run", style: "margin:1.2rem 0 1.4rem;padding-top:0.8rem;border-top:1px solid var(--ic-line)" },
    h("p", { style: "margin:0;font-weight:600" }, "The next run"),
    row(api.control("reading"), api.control("families")),
    row(api.control("positions"), api.control("scaled"), api.control("residual"), api.control("seed")),
    row(api.control("heads"), api.control("layers"), api.control("learning_rate")),
    row(h("p", { style: "margin:0.2rem 0 -0.2rem;flex-basis:100%" }, `Before you train: what will become of “${subject}”, compared with the recorded run?`), api.control("prediction")),
    h("div", { class: "ic-controls", style: "gap:0.5rem" },
      button("Train", lively.train, false, { style: "background:var(--ic-accent);border-color:var(--ic-accent);color:var(--ic-paper);font-weight:600" }),
      status === "paused" ? button("Go on", lively.goOn, false, { key: "pause" }) : button("Pause", lively.pause, status !== "training", { key: "pause" }),
      button("Stop", lively.stop, !going),
      button("Back to the recorded run", lively.reset, status === "none"),
      button("Download the model", lively.download, status === "none" || status === "training"),
    ),
    h("div", { style: "display:flex;flex-wrap:wrap;gap:0 0.8rem;align-items:center;min-height:1.6rem;margin-top:0.5rem" },
      h("progress", { max: data.recipe.n_steps, after: (node) => { node.value = live.at ?? 0; }, "aria-label": "Steps of your run", style: "width:9rem;height:0.5rem;accent-color:var(--ic-accent)" }),
      h("span", { class: "ic-head", style: "font-variant-numeric:tabular-nums" }, progress(view))),
  );
}

/** How far the run is, and what it gets right: beside the buttons, where they were pressed. */
function progress({ live, data, run }) {
  if (live.status === "none") return "Nothing runs yet.";
  const state = { paused: ", paused", stopped: ", stopped" }[live.status] ?? "";
  const shares = run.steps.length ? run.families.map((family) => `${data.names[family]} ${percent(run.accuracy[family].at(-1))}`) : [];
  return `Step ${live.at} of ${data.recipe.n_steps}, ${fixed(live.seconds, 0)} s${state}${shares.length ? `. Right: ${shares.join(", ")}` : ""}`;
}

/** The map of one head, and the two meanings of "bank". */
function inside(view, api) {
  const wide = api.width >= 600;
  const gap = 26;
  const left = wide ? Math.floor(0.58 * (api.width - gap)) : api.width;
  const right = wide ? api.width - gap - left : api.width;
  const { words, map, asked, layer, head, run, now } = view;
  const room = left - 60;
  return h("div", { style: "padding-top:0.8rem;border-top:1px solid var(--ic-line)" },
    h("div", { class: "ic-controls", style: "margin-bottom:0.7rem" }, api.control("sentence"), api.control("layer"), api.control("head")),
    h("div", { style: `display:grid;gap:0.8rem ${gap}px;grid-template-columns:${wide ? `${left}px ${right}px` : "1fr"}` },
      h("div", { style: `min-height:${room}px` },
        h("div", { class: "ic-head" }, `Layer ${layer}, head ${head}, after ${run.steps[now] ?? 0} steps: queries down, keys across. The answer is read off the framed row; it looks most at “${words[argmax(map[asked])]}”, ${percent(Math.max(...map[asked]))}.`),
        heatmap({
          matrix: map, rows: words, columns: words, width: left, chosen: { row: asked }, maxCell: Math.min(30, (room - 90) / words.length),
          label: `Weights of layer ${layer}, head ${head}, over: ${words.join(" ")}`,
        })),
      banks(view, api, right)),
  );
}

function banks(view, api, width) {
  const { run, behind, now, data } = view;
  const [top, bottom, height] = [52, 214, 238];
  const edge = { left: 26, right: width - 6 };
  const { x, turn } = along(view, api, width, edge);
  const y = (cosine) => bottom - ((cosine + 1) / 2) * (bottom - top);
  const step = run.steps[now] ?? 0;
  const series = [["same", "one meaning", "var(--ic-1)"], ["other", "two meanings", "var(--ic-3)"]];
  const question = run.families.includes("bank")
    ? "What tells the “bank”s of eight sentences apart?"
    : "“bank” is not in this run, so nothing has taught it to tell the “bank”s of eight sentences apart.";
  const label = `Cosine of two banks about their mean, after layer 1, at step ${step}: ${series.map(([kind, name]) => `${name} ${fixed(run[kind][now] ?? 0)}`).join(", ")}`;
  return h("div", {},
    h("div", { class: "ic-head" }, `${question} Cosine of two of them after layer 1, less what all eight share.`),
    h("svg", { class: "ic-draggable", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, ...turn },
      h("rect", { width, height, fill: "transparent" }),
      [-1, 0, 1].map((value) => [
        h("line", { class: "ic-hairline", x1: edge.left, x2: edge.right, y1: y(value), y2: y(value) }),
        h("text", { class: "ic-axis", x: edge.left - 6, y: y(value), "text-anchor": "end", "dominant-baseline": "central" }, number(value)),
      ]),
      series.map(([kind, name, colour], i) => [
        behind && line(x, y, behind, behind[kind], { stroke: RECORDED, "stroke-width": 1.4, "stroke-opacity": 0.45 }),
        line(x, y, run, run[kind], { stroke: colour, "stroke-width": 2 }),
        now >= 0 && h("circle", { cx: x(step), cy: y(run[kind][now]), r: 4.5, fill: colour, stroke: "var(--ic-paper)", "stroke-width": 1.5 }),
        h("line", { x1: edge.left, x2: edge.left + 14, y1: 14 + 18 * i, y2: 14 + 18 * i, stroke: colour, "stroke-width": 2.4 }),
        h("text", { class: "ic-label", x: edge.left + 20, y: 14 + 18 * i, "dominant-baseline": "central" }, `${name} ${fixed(run[kind][now] ?? 0)}`),
      ]),
      h("text", { class: "ic-axis", x: edge.left, y: height - 4, style: "font-size:11px" }, "step 0"),
      h("text", { class: "ic-axis", x: edge.right, y: height - 4, "text-anchor": "end", style: "font-size:11px" }, String(data.last)),
    ));
}
