// Tokens as rounded chips. A chip that can be chosen is a button. All of them are one tab stop: the
// arrow keys go from chip to chip, and Enter, Space or a click chooses.

import { h } from "./dom.js";
import { textOn, weightFill } from "./heatmap.js";
import { roving } from "./roving.js";

/** tokens in reading order; weights (optional, [0, 1]) shade them; chosen: an index;
 *  onPick(i): chosen by click, Enter or Space. label: what the group is for. */
export function chips({ tokens, weights, chosen, onPick, label }) {
  const group = onPick ? { role: "toolbar", ...roving(chosen) } : { role: "group" };
  return h("div", { class: "ic-chips", "aria-label": label, ...group },
    tokens.map((token, i) => {
      const shade = weights ? { style: `--weight:${weights[i].toFixed(2)}`, class: `ic-chip ${textOn(weightFill(weights[i]))}` } : {};
      const props = { class: "ic-chip", key: `chip-${i}`, ...shade };
      if (!onPick) return h("span", props, token);
      return h("button", { ...props, type: "button", "aria-pressed": i === chosen ? "true" : "false", onclick: () => onPick(i) }, token);
    }),
  );
}
