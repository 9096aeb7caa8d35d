// What an explorable shows, as the fragment of an address.
import assert from "node:assert/strict";
import { test } from "node:test";
import { restored } from "../lib/explorable.js";
import { fragmentOf, readFragment, readValue } from "../lib/link.js";

const text = { trait: "own", kind: "text", default: "", label: "Your sentence", max_length: 80 };
const head = { trait: "head", kind: "integer", default: 1, label: "Head", minimum: 1, maximum: 16 };
const heads = { trait: "heads", kind: "steps", default: 8, label: "Number of heads", values: [1, 2, 4, 8, "all"] };
const on = { trait: "on", kind: "toggle", default: true, label: "On" };
const scores = { trait: "scores", kind: "number-list", default: [2, 4, 1], label: "Score", minimum: -9, maximum: 9, min_length: 3, max_length: 8 };
const controls = [head, heads, text, on, scores];
const start = { head: 1, heads: 8, own: "", on: true, scores: [2, 4, 1] };
const definition = { limits: (values) => ({ head: values.heads }) };
const open = (query, initial = start) =>
  restored(definition, { controls, initial }, readFragment(`#explorable-x?${query}`).given, {});

test("a fragment names what differs from the defaults, and something even if nothing does", () => {
  assert.equal(fragmentOf("explorable-x-2", controls, { ...start, head: 3, scores: [1, 2.5, -3] }), "explorable-x-2?head=3&scores=1,2.5,-3");
  assert.equal(fragmentOf("explorable-x", controls, start), "explorable-x?head=1");
});

test("any text comes back, and the fragment ends with no punctuation", () => {
  for (const own of ["Ünïcode, & = ? # % + \"q\" <b>bold</b> 漢字 🙂 100%25 it's.", " two  spaces ", "so ,", "so ."]) {
    const fragment = fragmentOf("explorable-x", [text], { own });
    assert.match(fragment, /^[\w%+&=?,.*~-]*[^.,]$/);
    assert.equal(new URL(`https://a.org/#${fragment}`).hash, `#${fragment}`, "the browser leaves it as it is");
    assert.deepEqual(restored({}, { controls: [text], initial: { own: "" } }, readFragment(fragment).given), { values: { own }, ignored: [] });
  }
});

test("a link to the explorable alone has no state; one that is cut short is read as far as it goes", () => {
  assert.equal(readFragment("#explorable-x").given, null);
  assert.equal(readFragment("#explorable-x?").given, null);
  assert.deepEqual(open("head=3&own=caf%C3%A9&on=fal").values, { ...start, head: 3, own: "café" });
  assert.deepEqual(open("own=caf%C3%A").ignored, []);
});

test("what is left out has its default, wherever the page begins", () => {
  assert.deepEqual(open("head=3", { head: 2, heads: 2, own: "a", on: false, scores: [0, 0, 0] }).values, { ...start, head: 3 });
});

test("what is not known or out of range is ignored and named", () => {
  const wrong = {
    hue: "3", head: "17", heads: "5", on: "yes", own: "x".repeat(81), scores: "1,2",
  };
  for (const [name, value] of Object.entries(wrong)) {
    assert.deepEqual(open(`${name}=${value}`), { values: start, ignored: [[name, value]] });
  }
  for (const value of ["", "2.5", "NaN", "Infinity", "0x3", "3 ", "５", "1e999"]) assert.equal(readValue(head, value), undefined);
  for (const value of ["1,2,x", "1,2,", "1,2,99", "1,2,3,4,5,6,7,8,9"]) assert.equal(readValue(scores, value), undefined);
  for (const name of ["constructor", "__proto__", "toString"]) assert.equal(open(`${name}=1`).ignored.length, 1);
  assert.equal(readValue(text, "two\nlines"), undefined);
});

test("a maximum that depends on another control holds", () => {
  assert.deepEqual(open("heads=4&head=4").values, { ...start, heads: 4, head: 4 });
  assert.deepEqual(open("heads=4&head=5"), { values: { ...start, heads: 4 }, ignored: [["head", "5"]] });
});
