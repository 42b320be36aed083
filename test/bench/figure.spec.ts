import { expect, test } from "bun:test";
import { type Figure, rowOf, tableOf } from "./figure.ts";

const figures: Figure[] = [
  { name: "ratio", value: 1.13456, unit: "", goal: { op: "<=", value: 1.2 } },
  { name: "calls", value: 5, unit: "", goal: { op: "<", value: 5 } },
  { name: "share", value: 0.96, unit: "", goal: { op: ">=", value: 0.97 } },
  { name: "time", value: 61.25, unit: "s" },
];

test("a figure says whether its goal is met", () => {
  expect(figures.map(rowOf)).toEqual([
    { name: "ratio", value: 1.13456, unit: "", goal: "<= 1.2", met: true },
    { name: "calls", value: 5, unit: "", goal: "< 5", met: false },
    { name: "share", value: 0.96, unit: "", goal: ">= 0.97", met: false },
    { name: "time", value: 61.25, unit: "s", goal: null, met: null },
  ]);
});

test("the table lines up and names what is not met", () => {
  expect(tableOf(figures).split("\n")).toEqual([
    "figure  value    goal",
    "ratio   1.135    <= 1.2   met",
    "calls   5        < 5      NOT MET",
    "share   0.96     >= 0.97  NOT MET",
    "time    61.25 s",
  ]);
});
