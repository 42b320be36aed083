import { describe, expect, test } from "bun:test";
import { Attributes, MessageWriter, splitMessages, tolerating } from "./message.ts";

describe("MessageWriter", () => {
  test("pads every attribute to four bytes and counts the padding in the message, not in the attribute", () => {
    const bytes = new MessageWriter(16, 1)
      .attribute(3, Uint8Array.of(1, 2, 3, 4, 5))
      .u8Attribute(4, 9)
      .finish();
    expect(Buffer.from(bytes).toString("hex")).toBe(
      `${"24000000100001000000000000000000"}${"090003000102030405000000"}${"0500040009000000"}`,
    );
  });

  test("counts what is nested into the attribute around it", () => {
    const writer = new MessageWriter(16, 1);
    writer.nest(18, () => writer.nest(2, () => writer.u32Attribute(1, 7)));
    expect(Buffer.from(writer.finish().subarray(16)).toString("hex")).toBe(
      "100012000c0002000800010007000000",
    );
  });

  test("grows, and keeps what was written", () => {
    const writer = new MessageWriter(16, 1);
    for (let number = 0; number < 200; number++) writer.u32Attribute(number, number);
    const attributes = Attributes.read(writer.finish(), 16);
    for (let number = 0; number < 200; number++) expect(attributes.u32(number)).toBe(number);
  });
});

test("an attribute that is longer than its length can say is refused", () => {
  const writer = () => new MessageWriter(16, 1);
  expect(() => writer().stringAttribute(20, "c".repeat(65_530))).not.toThrow();
  expect(() => writer().stringAttribute(20, "c".repeat(65_531))).toThrow("may have 65535");
});

describe("splitMessages()", () => {
  test("finds messages that follow each other, aligned", () => {
    const one = new MessageWriter(16, 2).u8(1).finish();
    const two = new MessageWriter(24, 0).finish();
    const both = new Uint8Array(20 + two.length);
    both.set(one, 0);
    both.set(two, 20);
    expect(splitMessages(both).map(({ type, payload }) => [type, payload.length])).toEqual([
      [16, 1],
      [24, 0],
    ]);
  });

  test("does not read past the end", () => {
    const cut = new MessageWriter(16, 0).u32(1).finish().subarray(0, 18);
    expect(() => splitMessages(cut)).toThrow(RangeError);
  });
});

describe("Attributes", () => {
  test("ignores the flag bits of a type and gives undefined for what is missing", () => {
    const NLA_F_NESTED = 0x8000;
    const writer = new MessageWriter(16, 0);
    writer.nest(5 | NLA_F_NESTED, () => writer.stringAttribute(1, "eth0"));
    const attributes = Attributes.read(writer.finish(), 16);
    expect(attributes.nested(5)?.string(1)).toBe("eth0");
    expect(attributes.nested(6)).toBeUndefined();
    expect(attributes.u32(6)).toBeUndefined();
    expect(attributes.string(6)).toBeUndefined();
  });

  test("reads a string with and without its zero byte", () => {
    const bytes = new MessageWriter(16, 0)
      .attribute(1, new TextEncoder().encode("veth"))
      .stringAttribute(2, "veth")
      .finish();
    const attributes = Attributes.read(bytes, 16);
    expect(attributes.string(1)).toBe("veth");
    expect(attributes.string(2)).toBe("veth");
  });

  test("stops at an attribute that is cut off", () => {
    expect(Attributes.read(Uint8Array.of(8, 0, 1, 0, 7, 0, 0, 0, 20, 0, 2, 0)).u32(1)).toBe(7);
  });
});

test("tolerating() adds to what a message tolerates already", () => {
  const message = tolerating({ bytes: new Uint8Array(), act: "do", tolerate: ["ENOENT"] }, "EEXIST");
  expect(message.tolerate).toEqual(["ENOENT", "EEXIST"]);
});
