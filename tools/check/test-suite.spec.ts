import { expect, test } from "bun:test";
import { countOf } from "./test-suite.ts";

test("countOf() reads the totals of a report; a skipped test has not passed", () => {
  const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="12" assertions="40" failures="2" skipped="1" time="0.1">
  <testsuite name="a" tests="5" failures="1"></testsuite>
</testsuites>`;
  expect(countOf(report)).toEqual({ passed: 9, failed: 3 });
  expect(countOf("")).toEqual({ passed: 0, failed: 0 });
});
