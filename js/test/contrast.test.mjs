// A text on a filled cell, bar or chip has a contrast of at least 4.5, at every opacity of the fill
// and in both themes. Colours are read from theme.css.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { textOn } from "../lib/heatmap.js";

const css = readFileSync(new URL("../theme.css", import.meta.url), "utf8");
const FILLS = ["ink", "positive", "negative", "muted", "1", "2", "3"];

/** { name: [r, g, b] in [0, 1] } of the palette that a rule with this selector sets. */
function palette(selector) {
  const rule = css.slice(css.indexOf("{", css.indexOf(selector))).split("}")[0];
  const colours = [...rule.matchAll(/--ic-([\w-]+):\s*#([0-9a-f]{6})/g)];
  return Object.fromEntries(colours.map(([, name, hex]) =>
    [name, [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)]));
}

const THEMES = { light: palette(".explorable {"), dark: palette('html[data-theme="dark"] .explorable,') };

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
