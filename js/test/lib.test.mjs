// The library under the explorables, without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { scaleOf, shown } from "../lib/controls.js";
import { fixed, number, percent } from "../lib/format.js";
import { argmax, cosine, entropy, matmul, softmax, sum } from "../lib/math.js";
import { unpack } from "../lib/pack.js";

const close = (a, b) => assert.ok(Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(b)), `${a} is not ${b}`);

test("softmax: positive, sums to one, keeps the order, does not overflow", () => {
  const weights = softmax([500, 520, 480], 0.5);
  assert.ok(weights.every((weight) => weight >= 0 && weight <= 1));
  close(sum(weights), 1);
  assert.equal(argmax(weights), 1);
});

test("softmax: adding the same number to every score changes nothing", () => {
  softmax([2, 4, 1]).forEach((weight, i) => close(weight, softmax([102, 104, 101])[i]));
});

test("softmax: temperature 2 halves the scores", () => {
  softmax([2, 4, 1], 2).forEach((weight, i) => close(weight, softmax([1, 2, 0.5])[i]));
});

test("softmax: no key to attend to gives zeros, not NaN", () => {
  assert.deepEqual(softmax([-Infinity, -Infinity]), [0, 0]);
  assert.deepEqual(softmax([-Infinity, 3]), [0, 1]);
});

test("entropy: 0 for one key, ln n for an even split", () => {
  assert.equal(entropy([0, 1, 0]), 0);
  close(entropy([0.25, 0.25, 0.25, 0.25]), Math.log(4));
});

test("cosine and matmul on numbers worked by hand", () => {
  close(cosine([3, 4], [4, 3]), 24 / 25);
  assert.deepEqual(matmul([[1, 2]], [[3, 4], [5, 6]]), [[13, 16]]);
});

const log = (minimum, maximum) => ({ kind: "slider", scale: "log", minimum, maximum, symbol: "T", label: "Temperature" });

test("a logarithmic slider: every position shows another value, in order, from end to end", () => {
  for (const spec of [log(0.05, 20), log(0.1, 10), log(10, 100000), log(0.03, 0.7)]) {
    const { min, max, step, toValue, toPosition } = scaleOf(spec);
    const values = Array.from({ length: max + 1 }, (_, i) => toValue(i));
    assert.deepEqual([min, step, values[0], values.at(-1)], [0, 1, spec.minimum, spec.maximum]);
    assert.equal(new Set(values.map((value) => shown(spec, value))).size, values.length);
    values.forEach((value, i) => assert.equal(toPosition(value), i));
    values.slice(2, -1).forEach((value, i) => assert.ok(value / values[i + 1] > 1 && value / values[i + 1] < 1.051));
  }
});

test("a logarithmic slider stops at round numbers and stands at the stop nearest to a value", () => {
  const { toValue, toPosition } = scaleOf(log(0.05, 20));
  for (const round of [0.1, 0.2, 0.25, 0.4, 0.5, 0.8, 1, 1.5, 2, 5, 10]) assert.equal(toValue(toPosition(round)), round);
  assert.equal(toValue(toPosition(0.333)), 0.33);
  assert.equal(toValue(toPosition(19.9)), 20);
});

test("a value is shown with its symbol once", () => {
  assert.equal(shown({ kind: "steps", label: "d_k", symbol: "d_k" }, 64), "64");
  assert.equal(shown({ kind: "steps", label: "Heads", symbol: "H" }, 4), "H = 4");
  assert.equal(shown({ kind: "slider", label: "Temperature", symbol: "T" }, 0.5), "T = 0.50");
});

test("unpack restores shape, range and byte order", () => {
  const codes = Buffer.from(new Uint8Array([0, 0, 1, 0, 0, 1, 255, 255])).toString("base64");
  assert.deepEqual(unpack({ shape: [2, 2], bits: 16, low: -1, step: 0.5, codes }), [[-1, -0.5], [127, 32766.5]]);
});

test("unpack of a part is that part of the whole", () => {
  const codes = Buffer.from(Uint8Array.from({ length: 24 }, (_, i) => i)).toString("base64");
  const packed = { shape: [2, 3, 4], bits: 8, low: 0, step: 0.1, codes };
  assert.deepEqual(unpack(packed, 1), unpack(packed)[1]);
  assert.deepEqual(unpack(packed, 1, 2), unpack(packed)[1][2]);
  assert.equal(unpack(packed, 1, 2, 3), unpack(packed)[1][2][3]);
});

test("numbers as a reader sees them", () => {
  assert.equal(number(-0.5), "−0.5");
  assert.equal(number(1234567), "1.23e+6");
  assert.equal(number(0), "0");
  assert.equal(number(Infinity), "∞");
  assert.equal(fixed(-0.001), "0.00");
  assert.equal(fixed(-1.5), "−1.50");
  assert.equal(percent(0.844), "84%");
  assert.equal(percent(0.001), "<1%");
  assert.equal(percent(0.999), ">99%");
  assert.equal(percent(1), "100%");
});
