// Charts, without a browser: where a number is drawn, and which number a hand is on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chart, PALE, scale } from "../lib/chart.js";

const near = (a, b) => assert.ok(Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b)), `${a} is not ${b}`);

const all = (node, tag) => [
  ...(node.tag === tag ? [node] : []), ...(node.children ?? []).flatMap((child) => all(child, tag)),
];
const textOf = (svg, text) => all(svg, "text").find(({ children }) => children[0] === text);

/** A chart of 200 × 100 px, its inner part 100 × 50 px, from x = 50 and y = 10. */
function small(options = {}, draw = () => []) {
  return chart({
    width: 200, height: 100, margin: { left: 50, right: 50, top: 10, bottom: 40 }, title: "Loss", label: "Loss by step",
    x: { from: 0, to: 20 }, y: { from: -1, to: 4 }, ...options,
  }, draw);
}

/** A pointer on the chart; its box in the page is shifted by (300, 700). */
function pointer(type, clientX, more = {}) {
  const held = more.held ?? true;
  const currentTarget = more.target ?? {
    getBoundingClientRect: () => ({ left: 300, top: 700, width: 200, height: 100 }),
    setPointerCapture() {}, hasPointerCapture: () => held,
  };
  return { currentTarget, pointerType: type, pointerId: 1, clientX, clientY: more.clientY ?? 750, preventDefault() {} };
}

test("a scale: from at start, to at end, also where px fall", () => {
  const up = scale({ from: -1, to: 4 }, 60, 10);
  assert.deepEqual([up(-1), up(4), up(1.5)], [60, 10, 35]);
  near(up.value(35), 1.5);
});

test("a logarithmic scale: equal ratios are equally far", () => {
  const x = scale({ from: 0.05, to: 20, log: true }, 8, 308);
  near(x(0.05), 8);
  near(x(20), 308);
  near(x(1), 158);
  near(x(0.2) - x(0.1), x(10) - x(5));
  near(x.value(x(0.37)), 0.37);
});

test("what is read off a scale is never beyond its ends, by no rounding either", () => {
  for (const axis of [{ from: 0.05, to: 20, log: true }, { from: 2, to: 4096, log: true }, { from: -2.5, to: 13.5 }]) {
    for (const [start, end] of [[8, 308], [181, 23]]) {
      const place = scale(axis, start, end);
      const beyond = 1e4 * Math.sign(end - start);
      assert.deepEqual([start - beyond, end + beyond].map(place.value), [axis.from, axis.to]);
      const ends = [start, end].map(place.value);
      assert.ok(ends[0] >= axis.from && ends[1] <= axis.to, ends);
      [axis.from, axis.to].forEach((one, i) => near(ends[i], one));
    }
  }
});

test("a tick: its text and its grid line are at its number; outside the axis there is none", () => {
  const svg = small({ x: { from: 0, to: 20, ticks: [0, 5, 25], title: "Step" }, y: { from: -1, to: 4, ticks: [-2, -1, 1.5] } });
  assert.deepEqual(all(svg, "text").map(({ children }) => children[0]), ["Loss", "−1", "1.5", "0", "5", "Step"]);
  assert.equal(textOf(svg, "5").props.x, 75);
  assert.equal(textOf(svg, "1.5").props.y, 35);
  assert.deepEqual(all(svg, "line").map(({ props: { x1, x2, y1, y2 } }) => [x1, x2, y1, y2]), [[50, 150, 60, 60], [50, 150, 35, 35]]);
});

test("a tick's text: as many digits as it has, or what the axis says", () => {
  const svg = small({ x: { from: 1, to: 65536, log: true, ticks: [1, 4096, 65536] }, y: { from: 0, to: 1, ticks: [0.5], text: (tick) => `${100 * tick}%` } });
  for (const text of ["4096", "65536", "50%"]) assert.ok(textOf(svg, text), text);
});

test("a tick's text at the side of the picture does not reach out of it", () => {
  const svg = small({ margin: { left: 4, right: 4 }, x: { from: -100, to: 100, ticks: [-100, 0, 100] } });
  assert.deepEqual(["−100", "0", "100"].map((text) => textOf(svg, text).props["text-anchor"]), ["start", "middle", "end"]);
});

test("lines, columns, dots, texts and marks are where their numbers are", () => {
  let pens;
  small({}, (given) => (pens = given, []));
  assert.equal(pens.line([[0, -1], [5, 1.5], [20, 4]], PALE).props.points, "50.0,60.0 75.0,35.0 150.0,10.0");
  assert.equal(pens.line([], PALE).props.stroke, PALE.stroke);
  assert.equal(pens.columns([[5, 4], [10, -1]], 2).props.d, "M75.0 50.0V10.0M100.0 50.0V60.0");
  assert.equal(pens.columns([], 2).props["stroke-width"], "10.0");
  assert.deepEqual([pens.dot(5, 1.5), pens.grip(5, 1.5, "red")].map(({ props: { cx, cy } }) => [cx, cy]), [[75, 35], [75, 35]]);
  assert.deepEqual([pens.mark(5).props.x1, pens.mark(5).props.y1, pens.mark(5).props.y2], [75, 10, 60]);
  const [floor, name] = pens.level(1.5, "ln 2", { stroke: "blue" });
  assert.deepEqual([floor.props.y1, floor.props.y2, floor.props.stroke, name.children[0]], [35, 35, "blue", "ln 2"]);
  assert.ok(pens.beside("a", 5, 1.5).props.x > 75 && pens.beside("a", 5, 1.5, { left: true }).props.x < 75);
  assert.ok(pens.beside("a", 5, 4).props.y > 24, "not over the title");
});

test("a drag tells the number under the hand, and beyond the axis the number at its end", () => {
  const told = [];
  const { props } = small({ onDrag: (value) => told.push(value) });
  assert.equal(props.class, "ic-draggable");
  props.onpointerdown(pointer("mouse", 375));
  for (const clientX of [400, 351, 320, -9999, 449, 480, 9999]) props.onpointermove(pointer("mouse", clientX));
  assert.deepEqual(told, [5, 10, 0.2, 0, 0, 19.8, 20, 20]);
  props.onpointermove(pointer("mouse", 400, { held: false }));
  assert.equal(told.length, 8, "a pointer that passes by turns nothing");
});

test("a finger down the page turns nothing, sideways it does", () => {
  const told = [];
  const { props } = small({ onDrag: (value) => told.push(value) });
  const down = pointer("touch", 375);
  props.onpointerdown(down);
  props.onpointermove(pointer("touch", 377, { target: down.currentTarget, clientY: 720 }));
  props.onpointercancel(pointer("touch", 377, { target: down.currentTarget }));
  assert.deepEqual(told, []);
  props.onpointerdown(down);
  props.onpointermove(pointer("touch", 400, { target: down.currentTarget }));
  assert.deepEqual(told, [10]);
});

test("a chart is a picture with a name: no tab stop, no key, and without onDrag no pointer", () => {
  for (const onDrag of [undefined, () => {}]) {
    const { tag, props } = small({ onDrag });
    assert.deepEqual([tag, props.role, props["aria-label"]], ["svg", "img", "Loss by step"]);
    assert.ok(!("tabindex" in props) && !Object.keys(props).some((name) => name.startsWith("onkey")));
    assert.equal(Object.keys(props).some((name) => name.startsWith("onpointer")), onDrag !== undefined);
  }
});
