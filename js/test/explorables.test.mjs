// Every explorable's numbers in the browser's arithmetic against the Python package's, at every
// state that tests/unit/test_js.py wrote into the file named by INCONTEXT_FIXTURES.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { consequences, restored } from "../lib/explorable.js";
import { fragmentOf, readFragment } from "../lib/link.js";

const fixtures = JSON.parse(readFileSync(process.env.INCONTEXT_FIXTURES, "utf8"));
const TOLERANCE = 1e-12;

for (const { spec, cases } of fixtures) {
  const { definition } = (await import(`../explorables/${spec.name}.js`)).default;
  const data = definition.prepare ? definition.prepare(spec.data) : spec.data;

  for (const { before, change, live, after, numbers, link } of cases) {
    test(`${spec.name}: ${JSON.stringify(change)}`, () => {
      const values = { ...before, ...consequences(definition, before, change, data, live) };
      assert.deepEqual(values, after, "what follows from a change is the same in Python");

      const { anchor, given: all } = readFragment(link);
      const given = new Map([...all].filter(([name]) => !name.startsWith("your_"))); // those are the reader's sentence
      assert.equal(anchor, `explorable-${spec.name}`);
      assert.deepEqual(restored(definition, spec, given, data, live), { values: after, ignored: [] }, "Python's link restores it");
      const own = readFragment(fragmentOf(anchor, spec.controls, after)).given;
      assert.deepEqual([...own.keys()], [...given.keys()], "both leave out the same");
      assert.deepEqual(restored(definition, spec, own, data, live).values, after);

      const view = definition.compute({ values, data, live });
      const table = definition.numbers(view);
      assert.deepEqual(table.columns, numbers.columns);
      assert.equal(table.rows.length, numbers.rows.length);
      table.rows.forEach((row, i) => {
        assert.equal(row.length, numbers.rows[i].length);
        row.forEach((cell, j) => compare(cell, numbers.rows[i][j], `row ${i + 1}, ${table.columns[j]}`));
      });

      const sentence = definition.sentence(view);
      assert.ok(sentence.length > 20 && !/undefined|NaN|\[object/.test(sentence), sentence);
    });
  }
}

function compare(got, wanted, where) {
  if (typeof wanted === "string") return assert.equal(got, wanted, where);
  const scale = Math.max(1, Math.abs(wanted));
  assert.ok(Math.abs(got - wanted) <= TOLERANCE * scale, `${where}: ${got} in the browser, ${wanted} in Python`);
}
