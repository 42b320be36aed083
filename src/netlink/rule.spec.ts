import { describe, expect, test } from "bun:test";
import { AF_INET, AF_INET6, parseIpPrefix } from "./ip-address.ts";
import { splitMessages } from "./message.ts";
import { addRule, deleteRule, dumpRules, parseRule } from "./rule.ts";

// Each golden message is what iproute2 6.1 sends for the command beside it, without its sequence number and ACK flag.
const GOLDEN = [
  {
    command: "ip rule add pref 512 lookup 512 proto static",
    rule: { family: AF_INET, priority: 512, table: 512 },
    bytes:
      "34000000200001060000000000000000020000000000000100000000080006000002000008000f00000200000500150004000000",
  },
  {
    command: "ip rule add pref 1536 fwmark 0x10/0xf0 lookup 4003 proto static",
    rule: { family: AF_INET, priority: 1536, mark: { value: 0x10, mask: 0xf0 }, table: 4003 },
    bytes:
      "44000000200001060000000000000000020000000000000100000000080006000006000008000a001000000008001000f000000008000f00a30f00000500150004000000",
  },
  {
    command: "ip rule add pref 1537 from 10.0.16.4 lookup 4003 proto static",
    rule: { family: AF_INET, priority: 1537, from: parseIpPrefix("10.0.16.4"), table: 4003 },
    bytes:
      "3c0000002000010600000000000000000200200000000001000000000800060001060000080002000a00100408000f00a30f00000500150004000000",
  },
  {
    command: "ip rule add pref 1538 iif eth1 type unreachable proto static",
    rule: { family: AF_INET, priority: 1538, inputLink: "eth1", action: "unreachable" },
    bytes:
      "3800000020000106000000000000000002000000000000070000000008000600020600000900030065746831000000000500150004000000",
  },
  {
    command: "ip -6 rule add pref 99 to fd00::/64 oif eth1 lookup 100 proto static",
    rule: { family: AF_INET6, priority: 99, to: parseIpPrefix("fd00::/64"), outputLink: "eth1", table: 100 },
    bytes:
      "4c0000002000010600000000000000000a4000006400000100000000080006006300000014000100fd0000000000000000000000000000000900110065746831000000000500150004000000",
  },
] as const;

describe("the bytes of", () => {
  test.each(GOLDEN)("$command", ({ rule, bytes }) => {
    expect(Buffer.from(addRule(rule).bytes).toString("hex")).toBe(bytes);
  });

  test("ip rule del pref 1538 iif eth1 type unreachable", () => {
    const message = deleteRule({ family: AF_INET, priority: 1538, inputLink: "eth1", action: "unreachable" });
    expect(Buffer.from(message.bytes).toString("hex")).toBe(
      "300000002100010000000000000000000200000000000007000000000800060002060000090003006574683100000000",
    );
  });
});

describe("parseRule()", () => {
  test.each(GOLDEN)("reads back $command", ({ rule }) => {
    expect(splitMessages(addRule(rule).bytes).map(parseRule)).toEqual([
      {
        from: undefined,
        to: undefined,
        mark: undefined,
        inputLink: undefined,
        outputLink: undefined,
        action: "lookup",
        table: undefined,
        protocol: 4,
        inverted: false,
        ...rule,
      },
    ]);
  });

  test("leaves out messages of other types", () => {
    expect(splitMessages(dumpRules(AF_INET).message.bytes).map(parseRule)).toEqual([undefined]);
  });
});

test("a mark without a mask of its own is compared as a whole, which the kernel does by itself", () => {
  const { bytes } = addRule({
    family: AF_INET,
    priority: 1,
    mark: { value: 1, mask: 0xffffffff },
    table: 100,
  });
  const FRA_FWMASK = "08001000";
  expect(Buffer.from(bytes).toString("hex")).not.toContain(FRA_FWMASK);
});
