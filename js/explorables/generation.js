// What does a decoder compute again for every token it writes, and what does a cache save?

import { chart, legend } from "../lib/chart.js";
import { clamp } from "../lib/controls.js";
import { h } from "../lib/dom.js";
import { explorable } from "../lib/explorable.js";
import { fixed } from "../lib/format.js";
import { range } from "../lib/math.js";

const COLOURS = ["var(--ic-1)", "var(--ic-2)"]; // with the cache, without
const BYTES_A_NUMBER = 4; // float32
const N_NEW = 30;

/** Products of two numbers, added up, when `nRead` tokens are read and each sees `nSeen` keys. */
function multiplyAdds({ d_model, n_heads, n_kv_heads, d_ff, n_layers, vocab_size }, nRead, nSeen) {
  const projections = 2 * d_model * d_model + (2 * d_model * d_model * n_kv_heads) / n_heads;
  const matrices = n_layers * (projections + 3 * d_model * d_ff) + d_model * vocab_size;
  return nRead * (matrices + n_layers * 2 * d_model * nSeen);
}

/** Keys and values of so many tokens, in every layer. */
const bytesHeld = ({ d_model, n_heads, n_kv_heads, n_layers }, nTokens) =>
  (nTokens * 2 * n_layers * n_kv_heads * d_model * BYTES_A_NUMBER) / n_heads;

/** What happens when new token number `written` is written. */
function stepOf(sizes, nPrompt, written, cache) {
  const seen = nPrompt + written - 1;
  const fresh = written === 1 ? nPrompt : 1;
  const read = cache ? fresh : seen;
  return { seen, read, again: read - fresh, work: multiplyAdds(sizes, read, seen), bytes: cache ? bytesHeld(sizes, seen) : 0 };
}

export default explorable({
  name: "generation",

  compute({ values, data: { sizes, texts } }) {
    const { tokens, n_prompt } = texts[values.prompt];
    const both = [true, false].map((cache) => {
      let total = 0;
      return range(N_NEW).map((i) => {
        const step = stepOf(sizes, n_prompt, i + 1, cache);
        return { ...step, total: (total += step.work) };
      });
    });
    const chosen = values.cache ? 0 : 1;
    return { ...values, tokens, n_prompt, both, chosen, now: both[chosen][values.written - 1] };
  },

  numbers({ both, chosen, written }) {
    const row = (name, i, key) => [name, ...[chosen, 0, 1].map((which) => both[which][i][key])];
    const at = written - 1;
    return {
      columns: ["", "as chosen", "with the cache", "without"],
      rows: [
        row("tokens of the text so far", at, "seen"),
        row("tokens read now", at, "read"),
        row("of them read before", at, "again"),
        row("multiply–adds now", at, "work"),
        row("bytes held", at, "bytes"),
        ...range(N_NEW).map((i) => row(`multiply–adds up to new token ${i + 1}`, i, "total")),
        ...range(N_NEW).map((i) => row(`bytes at new token ${i + 1}`, i, "bytes")),
      ],
    };
  },

  sentence({ tokens, now, both, written, cache }) {
    const next = tokens[now.seen].trim();
    const count = (n) => `${n} ${n === 1 ? "token" : "tokens"}`;
    const reads = now.again
      ? `all ${count(now.seen)} are read, ${now.again} of them again`
      : now.read === now.seen ? `the whole prompt is read, ${count(now.read)}` : "one token is read, the last";
    const times = both[1][written - 1].total / both[0][written - 1].total;
    const held = cache ? `${megabytes(now.bytes)} of keys and values are held` : "nothing is held";
    return `To write new token ${written}, “${next}”, ${reads}; ${held}. So far the work without a cache is ${fixed(times, 1)} times that with it.`;
  },

  draw(view, api) {
    const narrow = api.width < 520;
    const gap = 26;
    const width = narrow ? api.width : Math.floor((api.width - gap) / 2);
    return [
      text(view),
      h("div", { style: `display:grid;gap:0.4rem ${gap}px;margin-top:0.8rem;grid-template-columns:${narrow ? "1fr" : "1fr 1fr"}` },
        panel(view, api, { width, title: "Billion multiply–adds so far", key: "total", unit: 1e9 }),
        panel(view, api, { width, title: "Megabytes held", key: "bytes", unit: 1e6 })),
    ];
  },
});

const megabytes = (bytes) => `${fixed(bytes / 1e6, 2)} MB`;

/** The text as it stands: filled what is read at this step, pale what is not read again, and the
 *  token that comes of it. Room is kept for the longest text. */
function text({ tokens, now, cache, n_prompt }) {
  const first = now.seen - now.read;
  const look = (i) => {
    if (i === now.seen) return "outline:2px solid var(--ic-ink);outline-offset:-2px;font-weight:600";
    if (i > now.seen) return "visibility:hidden";
    return i >= first ? `background:color-mix(in srgb, ${COLOURS[cache ? 0 : 1]} 32%, var(--ic-paper))` : "color:var(--ic-muted);border-style:dashed";
  };
  const said = `The text has ${now.seen} tokens, ${now.read} of them read at this step; the next is ${tokens[now.seen]}`;
  return h("div", { class: "ic-chips", role: "group", "aria-label": said },
    tokens.map((token, i) => h("span", { class: "ic-chip", key: `chip-${i}`, style: look(i), ...(i > now.seen ? { "aria-hidden": "true" } : {}), "data-prompt": i < n_prompt ? "" : undefined }, token)));
}

function panel({ both, chosen, written }, api, { width, title, key, unit }) {
  const values = both.map((steps) => steps.map((step) => step[key] / unit));
  const most = Math.max(...values.flat());
  const nice = [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200].find((one) => most / one <= 4.2);
  const at = written - 1;
  const label = `${title}: at new token ${written}, ${fixed(values[0][at])} with the cache and ${fixed(values[1][at])} without`;
  return chart({
    width, height: 216, margin: { left: 38 }, title, label,
    x: { from: 1, to: N_NEW, ticks: [1, 10, 20, 30], title: "New tokens" },
    y: { from: 0, to: most * 1.06, ticks: range(6).map((i) => i * nice) },
    onDrag: (value) => api.set({ written: clamp(Math.round(value), 1, N_NEW) }),
  }, ({ x, y, line, mark, grip, beside }) => [
    mark(written),
    values.map((points, which) => line(points.map((value, i) => [i + 1, value]), { stroke: COLOURS[which] })),
    values.map((points, which) => legend(which ? "without" : "with the cache", {
      x: x(20) - 6, y: y(points[19]) - 8, "text-anchor": "end", // above the line, which rises
    })),
    grip(written, values[chosen][at], COLOURS[chosen]),
    beside(fixed(values[chosen][at]), written, values[chosen][at], { left: written > 15 }),
  ]);
}
