import { expect, test } from "bun:test";
import fc from "fast-check";
import { QUOTA_AGE_MS, QUOTA_PAUSE_MS, QuotaBook } from "./quota-book.ts";

const small = { enis: 4, addressesPerEni: 10 };
const large = { enis: 8, addressesPerEni: 30 };

test("a type is read once, and again after ten minutes", () => {
  const book = new QuotaBook();
  expect(book.shouldRead("t", 0)).toBe(true);
  expect(book.shouldRead("t", 1)).toBe(false);
  expect(book.limitOf("t")).toBeUndefined();
  expect(book.record("t", small, 100)).toBeUndefined();
  expect(book.limitOf("t")).toEqual(small);
  expect(book.shouldRead("t", 100 + QUOTA_AGE_MS - 1)).toBe(false);
  expect(book.shouldRead("t", 100 + QUOTA_AGE_MS)).toBe(true);
  expect(book.shouldRead("other", 100)).toBe(true);
});

test("a change is told, once", () => {
  const book = new QuotaBook();
  book.record("t", small, 0);
  expect(book.record("t", { ...small }, 1)).toBeUndefined();
  expect(book.record("t", large, 2)).toEqual({ type: "t", before: small, after: large });
  expect(book.record("t", large, 3)).toBeUndefined();
});

test("a reading that failed is repeated after a pause; what was known stays", () => {
  const book = new QuotaBook();
  book.record("t", small, 0);
  expect(book.shouldRead("t", QUOTA_AGE_MS)).toBe(true);
  expect(book.shouldRead("t", QUOTA_AGE_MS + QUOTA_PAUSE_MS - 1)).toBe(false);
  expect(book.shouldRead("t", QUOTA_AGE_MS + QUOTA_PAUSE_MS)).toBe(true);
  expect(book.limitOf("t")).toEqual(small);
});

test("a doubt has it read at once, a cloud that goes on refusing only now and then", () => {
  const book = new QuotaBook();
  expect(book.shouldRead("t", 0)).toBe(true);
  book.record("t", small, 0);
  book.doubt("t");
  expect(book.shouldRead("t", QUOTA_PAUSE_MS)).toBe(true);
  book.record("t", small, QUOTA_PAUSE_MS);
  book.doubt("t");
  expect(book.shouldRead("t", QUOTA_PAUSE_MS + 1)).toBe(false);
  expect(book.shouldRead("t", 2 * QUOTA_PAUSE_MS)).toBe(true);
});

test("whatever happens, two readings of a type are never closer than the pause", () => {
  const step = fc.record({
    after: fc.nat(60_000),
    kind: fc.constantFrom("ask", "doubt", "record"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const book = new QuotaBook();
      let now = 0;
      let last = Number.NEGATIVE_INFINITY;
      for (const { after, kind } of steps) {
        now += after;
        if (kind === "doubt") book.doubt("t");
        else if (kind === "record") book.record("t", small, now);
        else if (book.shouldRead("t", now)) {
          expect(now - last).toBeGreaterThanOrEqual(QUOTA_PAUSE_MS);
          last = now;
        }
      }
    }),
  );
});
