// Tokens as rounded chips. A chip that can be chosen is a button, so Tab, Enter and focus work.

import { h } from "./dom.js";
import { textOn, weightFill } from "./heatmap.js";

/** tokens in reading order; weights (optional, [0, 1]) shade them; chosen: an index;
 *  onPick(i): chosen by click, Enter, pointer or focus. label: what the group is for. */
export function chips({ tokens, weights, chosen, onPick, label }) {
  return h("div", { class: "ic-chips", role: "group", "aria-label": label },
    tokens.map((token, i) => {
      const shade = weights ? { style: `--weight:${weights[i].toFixed(2)}`, class: `ic-chip ${textOn(weightFill(weights[i]))}` } : {};
      const props = { class: "ic-chip", key: `chip-${i}`, ...shade };
      if (!onPick) return h("span", props, token);
      return h("button", {
        ...props, type: "button", "aria-pressed": i === chosen ? "true" : "false",
        onclick: () => onPick(i), onpointerenter: (event) => event.pointerType === "mouse" && onPick(i), onfocus: () => onPick(i),
      }, token);
    }),
  );
}
