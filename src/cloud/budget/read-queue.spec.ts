import { expect, test } from "bun:test";
import type { CloudAction } from "./rates.ts";
import { ReadQueue } from "./read-queue.ts";

test("ReadQueue keeps each action's reads in order, the action first whose read waits longest", () => {
  const queue = new ReadQueue();
  const read = (action: CloudAction) => ({ action, begin() {}, refuse() {} });
  const first = read("DescribeSubnets");
  const second = read("DescribeInstances");
  const third = read("DescribeSubnets");
  for (const it of [first, second, third]) queue.push(it);
  expect(queue.actions()).toEqual(["DescribeSubnets", "DescribeInstances"]);
  expect(queue.shift("DescribeSubnets")).toBe(first);
  expect(queue.actions()).toEqual(["DescribeInstances", "DescribeSubnets"]);
  expect(queue.waiting("DescribeSubnets")).toBe(1);
  expect(queue.shift("DescribeSubnets")).toBe(third);
  expect(queue.shift("DescribeSubnets")).toBeUndefined();
  expect(queue.actions()).toEqual(["DescribeInstances"]);
});
