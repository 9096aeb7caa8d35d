// Add and subtract words, and see which word is nearest to the result.

import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed } from "../lib/format.js";
import { unpack } from "../lib/pack.js";

const N_SHOWN = 8;
const [YAW, ELEVATION] = [18, 28].map((degrees) => (degrees * Math.PI) / 180); // from where the plane is seen

export default explorable({
  name: "analogy",
  inPicture: ["a", "b", "c"],

  prepare({ words, dots, examples }) {
    // The upper triangle of a symmetric matrix, row by row.
    const upper = unpack(dots);
    const matrix = words.map(() => new Float64Array(words.length));
    let at = 0;
    for (let i = 0; i < words.length; i++) {
      for (let j = i; j < words.length; j++) matrix[i][j] = matrix[j][i] = upper[at++];
    }
    return { words, dots: matrix, examples };
  },

  compute({ values, data: { words, dots } }) {
    const inputs = [values.a, values.b, values.c].map((word) => words.indexOf(word));
    const [a, b, c] = inputs;
    const withCorner = words.map((_, i) => dots[a][i] - dots[b][i] + dots[c][i]);
    const square = withCorner[a] - withCorner[b] + withCorner[c];
    const all = words.map((word, i) => ({
      word, i,
      input: inputs.includes(i),
      leftOut: values.exclude_inputs && inputs.includes(i),
      cosine: withCorner[i] / Math.sqrt(square * dots[i][i]),
      distance: root(square - 2 * withCorner[i] + dots[i][i]),
    })).sort((one, other) => other.cosine - one.cosine);
    const answer = all.find((entry) => !entry.leftOut);
    return { ...values, ranking: all.slice(0, N_SHOWN), answer, otherWord: all.find((entry) => !entry.input), scene: sceneOf(dots, inputs, answer.i) };
  },

  react(trait, values, { examples }) {
    if (trait === "example") {
      if (!examples.includes(values.example)) return {};
      const [a, b, c] = values.example.split(" ");
      return { a, b, c };
    }
    if (!["a", "b", "c"].includes(trait)) return {};
    const words = `${values.a} ${values.b} ${values.c}`;
    return { example: examples.includes(words) ? words : "own" };
  },

  numbers: ({ a, b, c, ranking, answer, scene }) => ({
    columns: ["", "cosine with a − b + c", "distance from a − b + c"],
    rows: [
      ...ranking.map(({ word, leftOut, cosine, distance }) => [leftOut ? `${word} (left out)` : word, cosine, distance]),
      [`from ${b} to ${a}`, "", Math.hypot(scene.a[0], scene.a[1])],
      [`from ${b} to ${c}`, "", scene.c[0]],
      [`${answer.word} above the plane`, "", scene.answer[2]],
    ],
  }),

  sentence({ a, b, c, ranking, answer, otherWord, exclude_inputs }) {
    const sum = `${a} − ${b} + ${c}`;
    const nearer = ranking.filter((entry) => entry.leftOut && entry.cosine > answer.cosine);
    if (exclude_inputs) {
      const hidden = nearer.map((entry) => `“${entry.word}” at ${fixed(entry.cosine)}`).join(" and ");
      return `Nearest to ${sum} is “${answer.word}”, with a cosine of ${fixed(answer.cosine)}. ${hidden ? `Nearer still, but left out: ${hidden}.` : "None of the three words of the sum is nearer."}`;
    }
    if (!answer.input) return `With nothing left out, the nearest to ${sum} is “${answer.word}”, with a cosine of ${fixed(answer.cosine)}: for once, none of the three words of the sum.`;
    return `With nothing left out, the nearest to ${sum} is “${answer.word}”, a word of the sum itself, with a cosine of ${fixed(answer.cosine)}. The first other word is “${otherWord.word}”, at ${fixed(otherWord.cosine)}.`;
  },

  draw(view, api) {
    const wide = api.width >= 560;
    const left = wide ? Math.floor(0.44 * api.width) : api.width;
    const sign = (text) => h("span", { style: "align-self:end;line-height:32px;font-size:1.1rem", "aria-hidden": "true" }, text);
    return [
      h("div", { style: `display:grid;grid-template-columns:1fr auto 1fr auto 1fr;gap:${wide ? 12 : 5}px;max-width:34rem;margin-bottom:1rem;padding:0 1px` },
        api.control("a"), sign("−"), api.control("b"), sign("+"), api.control("c")),
      h("div", { style: `display:grid;grid-template-columns:${wide ? `${left}px 1fr` : "1fr"};gap:${wide ? 16 : 12}px` },
        h("div", {}, h("div", { class: "ic-head" }, "cosine with a − b + c"), bars(view, left)),
        h("div", {}, h("div", { class: "ic-head" }, "distances, and the answer above the plane"), scene(view, wide ? api.width - left - 16 : api.width))),
    ];
  },
});

/** The square root, with 0 for what is 0 but for rounding. */
const root = (square) => (square < 1e-9 ? 0 : Math.sqrt(square));

/** b, c, a, the corner a − b + c and the answer as points in space: b is the origin, the third
 *  coordinate is the height above the plane of a, b and c. */
function sceneOf(dots, [a, b, c], answer) {
  const dot = (i, j) => dots[i][j] - dots[i][b] - dots[b][j] + dots[b][b]; // of the vectors from b
  const cx = root(dot(c, c));
  const ax = cx ? dot(a, c) / cx : 0;
  const ay = root(dot(a, a) - ax ** 2);
  const x = cx ? dot(answer, c) / cx : 0;
  const y = ay ? (dot(answer, a) - ax * x) / ay : 0;
  const height = root(dot(answer, answer) - x ** 2 - y ** 2);
  return { b: [0, 0, 0], c: [cx, 0, 0], a: [ax, ay, 0], corner: [ax + cx, ay, 0], foot: [x, y, 0], answer: [x, y, height] };
}

function project([x, y, z]) {
  const deep = y * Math.cos(YAW) - x * Math.sin(YAW);
  return [x * Math.cos(YAW) + y * Math.sin(YAW), deep * Math.sin(ELEVATION) + z * Math.cos(ELEVATION)];
}

function bars({ ranking, answer }, width) {
  const [step, start] = [28, 92];
  const reach = width - start - 44;
  const height = step * ranking.length;
  return h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Cosines: ${ranking.map(({ word, cosine }) => `${word} ${fixed(cosine)}`).join(", ")}` },
    ranking.map((entry, i) => {
      const { word, input, leftOut, cosine } = entry;
      const [y, end] = [i * step + step / 2, Math.max(cosine, 0) * reach];
      const colour = entry === answer ? "var(--ic-2)" : input ? "var(--ic-1)" : "var(--ic-muted)";
      const inside = leftOut && end > 54;
      return [
        h("text", { class: `ic-label${entry === answer ? " ic-chosen-text" : ""}`, x: start - 8, y, "text-anchor": "end", "dominant-baseline": "central" }, word),
        h("rect", { x: start, y: y - 9, width: Math.max(end, 1), height: 18, rx: 2, fill: leftOut ? "transparent" : colour, stroke: colour, "stroke-width": leftOut ? 1.2 : 0 }),
        h("text", { class: "ic-axis", x: start + 8, y, "dominant-baseline": "central" }, inside ? "left out" : ""),
        h("text", { class: "ic-label", x: start + end + 6, y, "dominant-baseline": "central" }, leftOut && !inside ? `${fixed(cosine)} left out` : fixed(cosine)),
      ];
    }),
  );
}

function scene({ a, b, c, answer, scene: points }, width) {
  const flat = Object.fromEntries(Object.entries(points).map(([name, point]) => [name, project(point)]));
  const all = Object.values(flat);
  const [xs, ys] = [all.map((point) => point[0]), all.map((point) => point[1])];
  const [low, high] = [[Math.min(...xs), Math.min(...ys)], [Math.max(...xs), Math.max(...ys)]];
  const margin = { left: 38, right: 84, top: 26, bottom: 28 };
  const most = width < 420 ? 150 : 176;
  const scale = Math.min((width - margin.left - margin.right) / Math.max(high[0] - low[0], 0.2), most / Math.max(high[1] - low[1], 0.2));
  const height = Math.ceil(margin.top + margin.bottom + most);
  const spare = (width - margin.left - margin.right - scale * (high[0] - low[0])) / 2;
  const at = Object.fromEntries(Object.entries(flat).map(([name, [x, y]]) => [name, {
    x: margin.left + spare + (x - low[0]) * scale, y: height - margin.bottom - (most - scale * (high[1] - low[1])) / 2 - (y - low[1]) * scale,
  }]));
  const line = (from, to, props) => h("line", { x1: at[from].x, y1: at[from].y, x2: at[to].x, y2: at[to].y, ...props });
  const path = ["b", "c", "corner", "a"].map((name) => `${at[name].x},${at[name].y}`).join(" ");
  const label = (name, text, dx, dy, anchor, props) => {
    const half = 3.7 * text.length; // of its width, so that no word leaves the picture
    const reach = { start: [0, 2 * half], middle: [half, half], end: [2 * half, 0] }[anchor];
    const x = Math.min(Math.max(at[name].x + dx, reach[0] + 2), width - reach[1] - 2);
    return h("text", { class: "ic-label", "dominant-baseline": "central", "text-anchor": anchor, x, y: at[name].y + dy, ...props }, text);
  };
  // A length beside the middle of its line, on the side away from the parallelogram; beside a short
  // line nearer to its start, because the name of its end stands there too.
  const length = (from, to, value, colour) => {
    const [across, down] = [at[to].x - at[from].x, at[to].y - at[from].y];
    const far = Math.hypot(across, down) || 1;
    const along = far < 75 ? 0.36 : 0.5;
    const [x, y] = [at[from].x + along * across, at[from].y + along * down];
    const inwards = (at.b.x + at.corner.x) / 2 - x;
    const inwardsDown = (at.b.y + at.corner.y) / 2 - y;
    const turn = -down * inwards + across * inwardsDown > 0 ? -17 : 17;
    return h("text", {
      class: "ic-axis", "text-anchor": "middle", "dominant-baseline": "central", style: `fill:${colour}`,
      x: x - (turn * down) / far, y: y + (0.75 * turn * across) / far,
    }, fixed(value));
  };
  const offPlane = points.answer[2] > 0;
  return h("svg", {
    width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `The parallelogram of ${b}, ${a}, ${c} and the corner a − b + c. “${answer.word}” is ${fixed(answer.distance)} from the corner, ${fixed(points.answer[2])} above the plane.`,
  },
    h("polygon", { points: path, fill: "var(--ic-1)", "fill-opacity": 0.1 }),
    line("b", "c", { class: "ic-hairline" }), line("a", "corner", { class: "ic-hairline" }),
    arrow(at.b, at.a), arrow(at.c, at.corner),
    h("ellipse", { cx: at.foot.x, cy: at.foot.y, rx: 4, ry: 2, fill: "var(--ic-muted)", "fill-opacity": offPlane ? 0.6 : 0 }),
    line("foot", "answer", { stroke: "var(--ic-muted)", "stroke-dasharray": "1 4", "stroke-linecap": "round", "stroke-width": 1.6 }),
    line("corner", "answer", { stroke: "var(--ic-2)", "stroke-dasharray": "5 4", "stroke-width": 1.4 }),
    ["a", "b", "c"].map((name) => h("circle", { cx: at[name].x, cy: at[name].y, r: 4.5, fill: "var(--ic-1)" })),
    h("circle", { cx: at.corner.x, cy: at.corner.y, r: 5, fill: "var(--ic-paper)", stroke: "var(--ic-text)", "stroke-width": 1.6 }),
    h("circle", { cx: at.answer.x, cy: at.answer.y, r: 6, fill: "var(--ic-2)" }),
    label("a", a, -9, -8, "end"), label("b", b, 0, 18, "middle"), label("c", c, 0, 18, "middle"),
    label("corner", "a − b + c", 12, 0, "start"),
    label("answer", offPlane ? answer.word : "", 0, -15, "middle", { class: "ic-label ic-chosen-text" }),
    a !== b && length("b", "a", Math.hypot(...points.a), "var(--ic-1)"),
    length("corner", "answer", answer.distance, "var(--ic-2-text)"),
  );
}

function arrow(from, to) {
  const angle = Math.atan2(to.y - from.y, to.x - from.x);
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  if (length < 14) return null;
  const tip = { x: to.x - 7 * Math.cos(angle), y: to.y - 7 * Math.sin(angle) };
  const wing = (turn) => `${tip.x - 9 * Math.cos(angle + turn)} ${tip.y - 9 * Math.sin(angle + turn)}`;
  return h("path", {
    d: `M ${from.x} ${from.y} L ${tip.x} ${tip.y} M ${wing(0.42)} L ${tip.x} ${tip.y} L ${wing(-0.42)}`,
    fill: "none", stroke: "var(--ic-1)", "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round",
  });
}
