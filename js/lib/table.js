// The table of every number drawn. Cells carry full precision in data-value.

import { h, patch } from "./dom.js";
import { number } from "./format.js";

const shown = new WeakMap(); // what each parent shows

/** Makes `parent` hold { columns, rows } as a table; the first cell of a row is its heading if it
 *  is text. In a table of the same shape only the cells that changed are written. */
export function showNumbers(parent, numbers, title) {
  const before = shown.get(parent);
  if (before && alike(before, numbers)) {
    const lines = parent.querySelector("tbody").rows;
    numbers.rows.forEach((row, i) => row.forEach((content, j) => {
      if (content !== before.rows[i][j]) write(lines[i].cells[j], content);
    }));
  } else {
    parent.replaceChildren();
    patch(parent, [table(numbers, title)]);
  }
  shown.set(parent, numbers);
}

function alike(one, other) {
  return one.rows.length === other.rows.length
    && one.columns.join("\n") === other.columns.join("\n")
    && one.rows.every((row, i) => row.every((content, j) => typeof content === typeof other.rows[i][j]));
}

function write(cell, content) {
  cell.textContent = text(content);
  if (typeof content === "number") cell.dataset.value = String(content);
}

const text = (content) => (typeof content === "number" ? number(content, 4) : content);

function table({ columns, rows }, title) {
  return h("table", {},
    h("caption", { class: "ic-visually-hidden" }, `Every number drawn in: ${title}`),
    h("thead", {}, h("tr", {}, columns.map((name) => (name === "" ? h("td") : h("th", { scope: "col" }, name))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell)))),
  );
}

function cell(content, column) {
  if (typeof content === "number") return h("td", { "data-value": String(content) }, text(content));
  return column === 0 ? h("th", { scope: "row" }, content) : h("td", { class: "ic-text" }, content);
}
