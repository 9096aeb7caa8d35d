// The table of every number drawn. Cells carry full precision in data-value.

import { h } from "./dom.js";
import { number } from "./format.js";

/** { columns, rows } to a table; the first cell of a row is its heading if it is text. */
export function numbersTable({ columns, rows }, title) {
  return h("table", {},
    h("caption", { class: "ic-visually-hidden" }, `Every number drawn in: ${title}`),
    h("thead", {}, h("tr", {}, columns.map((name) => (name === "" ? h("td") : h("th", { scope: "col" }, name))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell)))),
  );
}

function cell(content, column) {
  if (typeof content === "number") return h("td", { "data-value": String(content) }, number(content, 4));
  return column === 0 ? h("th", { scope: "row" }, content) : h("td", { class: "ic-text" }, content);
}
