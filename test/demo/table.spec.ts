import { expect, test } from "bun:test";
import { formatTable } from "./table.ts";

test("formatTable() pads every column to its widest cell", () => {
  expect(
    formatTable(
      ["POD", "NODE"],
      [
        ["a", "node-1"],
        ["longer", "n"],
      ],
    ),
  ).toBe("POD     NODE\na       node-1\nlonger  n");
});
