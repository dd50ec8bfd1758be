// Numbers, names and CSV as the report shows and saves them: `node --test`, no page needed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { baseName, csv, label, number, shown } from "../../../../dse/report/web/format.js";

test("numbers have four significant digits", () => {
  const cases = [
    [0, "0"],
    [0.00012345, "0.0001234"],
    [0.012345, "0.01235"],
    [1.9, "1.900"],
    [-1.9, "-1.900"],
    [12345.6, "12,346"],
    [2e9, "2000000000"],
  ];
  for (const [value, text] of cases) assert.equal(number(value), text);
});

test("values of every kind are shown", () => {
  const cases = [
    [null, "–"],
    [undefined, "–"],
    [true, "yes"],
    [false, "no"],
    [[], "none"],
    [["a", "b"], "a, b"],
    [1234567, "1,234,567"],
    [0.5, "0.5000"],
    ["", ""],
  ];
  for (const [value, text] of cases) assert.equal(shown(value), text);
});

test("markup in a label is literal", () => {
  assert.equal(label("<b>a & b</b>"), "&lt;b&gt;a &amp; b&lt;/b&gt;");
});

test("a file is called by its name alone", () => {
  assert.equal(baseName("models/own.v2.safetensors"), "own.v2");
  assert.equal(baseName("wp-lstm256-ternary"), "wp-lstm256-ternary");
});

test("a field of CSV is quoted where it must be", () => {
  const columns = [
    { title: "Name", unit: "", words: true },
    { title: "Area", unit: "mm²", words: false },
  ];
  const rows = [
    ['a "b", c', 1.5],
    ["two\nlines", null],
    [["w", "x"], false],
  ];
  assert.equal(csv({ columns, rows }), 'Name,Area (mm²)\n"a ""b"", c",1.5\n"two\nlines",\nw x,false\n');
});
