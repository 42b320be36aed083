import { expect, test } from "bun:test";
import { TokenBook } from "./token-book.ts";

function book(): TokenBook {
  let serial = 0;
  return new TokenBook(() => `token-${++serial}`);
}

test("only tokens of this leadership count", () => {
  const tokens = book();
  const token = tokens.issue();
  expect(tokens.isValid(token)).toBe(true);
  expect(tokens.issue()).not.toBe(token);
  expect(tokens.isValid("token-of-a-former-leader")).toBe(false);
  expect(book().isValid(token)).toBe(false);
});

test("a token is void once the object that carried it is gone", () => {
  const tokens = book();
  const token = tokens.issue();
  tokens.spend(undefined);
  expect(tokens.isValid(token)).toBe(true);
  tokens.spend(token);
  expect(tokens.isValid(token)).toBe(false);
});
