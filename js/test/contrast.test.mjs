// A text on a filled cell, bar or chip has a contrast of at least 4.5, at every opacity of the fill
// and in both themes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { textOn } from "../lib/heatmap.js";

const file = new URL("../../src/incontext/palette.json", import.meta.url);
const FILLS = ["ink", "positive", "negative", "muted", "1", "2", "3"];

/** { name: [r, g, b] in [0, 1] } */
const channels = (colours) => Object.fromEntries(Object.entries(colours).map(([name, hex]) =>
  [name, [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)]));

const palette = JSON.parse(readFileSync(file, "utf8"));
const THEMES = { light: channels(palette.light), dark: channels(palette.dark) };

const luminance = (colour) => colour
  .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4))
  .reduce((total, x, i) => total + x * [0.2126, 0.7152, 0.0722][i], 0);

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

for (const [theme, colours] of Object.entries(THEMES)) {
  for (const name of ["text", "muted", "accent", "1", "2-text"]) {
    test(`${theme}: text in ${name}`, () => assert.ok(contrast(colours[name], colours.paper) >= 4.5));
  }

  for (const name of FILLS) {
    test(`${theme}: text on ${name}`, () => {
      for (let i = 0; i <= 1000; i += 1) {
        const opacity = i / 1000;
        const style = textOn({ fill: `var(--ic-${name})`, "fill-opacity": opacity }) || "ic-on-faint";
        const text = colours[style.replace("ic-", "")];
        const ground = colours[name].map((x, at) => x * opacity + colours.paper[at] * (1 - opacity));
        const found = contrast(text, ground);
        assert.ok(found >= 4.5, `${style} at opacity ${opacity}: ${found.toFixed(2)}`);
      }
    });
  }
}
