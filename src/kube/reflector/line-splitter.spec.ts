import { expect, test } from "bun:test";
import fc from "fast-check";
import { LineSplitter } from "./line-splitter.ts";

test("LineSplitter gives the same lines however the bytes are cut", () => {
  const line = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !text.includes("\n"));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat({ max: 40 })), (lines, cuts) => {
      const bytes = new TextEncoder().encode(lines.map((text) => `${text}\n`).join(""));
      const splitter = new LineSplitter();
      const out: string[] = [];
      let at = 0;
      for (const length of cuts) {
        out.push(...splitter.push(bytes.subarray(at, at + length)));
        at += length;
      }
      out.push(...splitter.push(bytes.subarray(at)));
      expect(out).toEqual(lines);
    }),
  );
});

test("LineSplitter keeps what has no end yet", () => {
  const splitter = new LineSplitter();
  const push = (text: string) => splitter.push(new TextEncoder().encode(text));
  expect(push('{"a"')).toEqual([]);
  expect(push(":1}\n\n{")).toEqual(['{"a":1}']);
  expect(push("}\n")).toEqual(["{}"]);
});
