import { expect, test } from "bun:test";
import { isName } from "./name.ts";

test.each(["a", "Z9", "0", "c0ffee", "a_b.c-d", "a".repeat(300)])("%s is a name", (text) => {
  expect(isName(text)).toBe(true);
});

test.each(["", "-a", ".", "..", "_a", "a/b", "a b", "a\n", "\u0000", "\u00e9", "a\u{1f600}", "a:b"])(
  "%j is none",
  (text) => {
    expect(isName(text)).toBe(false);
  },
);
