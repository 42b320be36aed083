import { expect, test } from "bun:test";
import { formatMacAddress, parseMacAddress } from "./mac-address.ts";

test("a MAC address survives the way there and back, in lower case", () => {
  expect(formatMacAddress(parseMacAddress("0A:00:00:00:00:fF"))).toBe("0a:00:00:00:00:ff");
});

test.each(["", "02:00:00:00:00", "02:00:00:00:00:00:00", "02-00-00-00-00-00", "0g:00:00:00:00:00"])(
  "refuses %p",
  (text) => {
    expect(() => parseMacAddress(text)).toThrow(`"${text}" is not a MAC address`);
  },
);
