import { describe, expect, test } from "bun:test";
import { chooseLinkEnd } from "./choose-link-end.ts";

describe("chooseLinkEnd()", () => {
  test("gives a unicast, locally administered MAC and an index that the kernel does not choose itself", () => {
    expect(chooseLinkEnd("eth0", (bytes) => bytes.fill(0xff))).toEqual({
      name: "eth0",
      index: 2 ** 25 - 1,
      mac: "fe:ff:ff:ff:ff:ff",
    });
    expect(chooseLinkEnd("eth0", (bytes) => bytes.fill(0))).toEqual({
      name: "eth0",
      index: 2 ** 24,
      mac: "02:00:00:00:00:00",
    });
  });

  test("gives two links of one namespace different ones", () => {
    const random = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);
    expect(chooseLinkEnd("a", random)).not.toEqual(chooseLinkEnd("a", random));
  });
});
