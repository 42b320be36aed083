import { describe, expect, test } from "bun:test";
import { createVeth, deleteLink, deleteLinkGroup, dumpLinks, getLink, parseLink, setLink } from "./link.ts";
import { MessageWriter, splitMessages } from "./message.ts";

// Each golden message is what iproute2 6.1 sends for the command beside it, without its sequence number and ACK flag.
const GOLDEN = [
  {
    command:
      "ip link add address 02:00:00:00:00:01 mtu 1400 name eth0 index 1000 up type veth peer address 02:00:00:00:00:02 mtu 1400 group 4003 name eni123 index 2000",
    message: createVeth({
      name: "eth0",
      index: 1000,
      mac: "02:00:00:00:00:01",
      mtu: 1400,
      up: true,
      peer: { name: "eni123", index: 2000, mac: "02:00:00:00:00:02", mtu: 1400, group: 4003 },
    }),
    bytes:
      "8c00000010000106000000000000000000000000e803000001000000010000000a000100020000000001000008000400780500000900030065746830000000004c0012000800010076657468400002003c00010000000000d007000000000000000000000a0001000200000000020000080004007805000008001b00a30f00000b000300656e693132330000",
  },
  {
    command: "ip link del dev eni123",
    message: deleteLink(2000),
    bytes: "2000000011000100000000000000000000000000d00700000000000000000000",
  },
  {
    command: "ip link del group 3999",
    message: deleteLinkGroup(3999),
    bytes: "280000001100010000000000000000000000000000000000000000000000000008001b009f0f0000",
  },
];

// iproute2 sends these as RTM_NEWLINK (0x10 at byte 4); ours are RTM_SETLINK (0x13), the rest is equal.
const GOLDEN_CHANGES = [
  {
    command: "ip link set dev eni123 up",
    message: setLink(2000, { up: true }),
    bytes: "2000000013000100000000000000000000000000d00700000100000001000000",
  },
  {
    command: "ip link set dev eni123 down",
    message: setLink(2000, { up: false }),
    bytes: "2000000013000100000000000000000000000000d00700000000000001000000",
  },
  {
    command: "ip link set dev eni123 alias abc",
    message: setLink(2000, { alias: "abc" }),
    bytes: "2800000013000100000000000000000000000000d007000000000000000000000700140061626300",
  },
  {
    command: "ip link set dev eni123 name trash group 3999",
    message: setLink(2000, { name: "trash", group: 3999 }),
    bytes:
      "3400000013000100000000000000000000000000d0070000000000000000000008001b009f0f00000a0003007472617368000000",
  },
  {
    command: "ip link set dev trash up mtu 1300",
    message: setLink(2000, { up: true, mtu: 1300 }),
    bytes: "2800000013000100000000000000000000000000d007000001000000010000000800040014050000",
  },
  {
    command: "ip link set dev eni123 address 02:00:00:00:00:03",
    message: setLink(2000, { mac: "02:00:00:00:00:03" }),
    bytes: "2c00000013000100000000000000000000000000d007000000000000000000000a0001000200000000030000",
  },
  {
    command: "rp_filter 1: IFLA_AF_SPEC { AF_INET { IFLA_INET_CONF { IPV4_DEVCONF_RP_FILTER } } }",
    message: setLink(2000, { rpFilter: 1 }),
    bytes:
      "3400000013000100000000000000000000000000d0070000000000000000000014001a00100002000c0001000800080001000000",
  },
  {
    command: "forwarding 1 and rp_filter 1, in one",
    message: setLink(2000, { forwarding: 1, rpFilter: 1 }),
    bytes:
      "3c00000013000100000000000000000000000000d007000000000000000000001c001a0018000200140001000800010001000000" +
      "0800080001000000",
  },
];

describe("the bytes of", () => {
  test.each([...GOLDEN, ...GOLDEN_CHANGES])("$command", ({ message, bytes }) => {
    expect(Buffer.from(message.bytes).toString("hex")).toBe(bytes);
  });
});

describe("createVeth()", () => {
  test("names a namespace for either end", () => {
    const { bytes } = createVeth({ name: "a", netnsFd: 7, peer: { name: "b", netnsFd: 9 } });
    const hex = Buffer.from(bytes).toString("hex");
    expect(hex).toContain("08001c0007000000");
    expect(hex).toContain("08001c0009000000");
  });

  test("refuses what is no MAC address", () => {
    expect(() => createVeth({ name: "a", mac: "02:00", peer: { name: "b" } })).toThrow(
      '"02:00" is not a MAC address',
    );
  });
});

test("deleteLinkGroup() never takes group 0", () => {
  expect(() => deleteLinkGroup(0)).toThrow(RangeError);
});

describe("parseLink()", () => {
  test("reads back what createVeth() writes of its own end", () => {
    const { bytes } = createVeth({
      name: "eth0",
      index: 1000,
      mac: "02:00:00:00:00:0a",
      mtu: 1400,
      group: 4003,
      up: true,
      peer: { name: "eni123" },
    });
    expect(splitMessages(bytes).map(parseLink)).toEqual([
      {
        index: 1000,
        name: "eth0",
        mac: "02:00:00:00:00:0a",
        group: 4003,
        alias: undefined,
        mtu: 1400,
        flags: 1,
        up: true,
        lowerUp: false,
        kind: "veth",
        master: undefined,
        peerIndex: undefined,
        peerNetnsId: undefined,
        rpFilter: undefined,
        forwarding: undefined,
      },
    ]);
  });

  test("leaves out messages of other types, and what a bridge tells of its ports", () => {
    const AF_BRIDGE = 7;
    const port = new MessageWriter(16, 0).u8(AF_BRIDGE).u8(0).u16(0).u32(3).u32(0).u32(0).finish();
    expect(splitMessages(port).map(parseLink)).toEqual([undefined]);
    expect(splitMessages(dumpLinks().message.bytes).map(parseLink)).toEqual([undefined]);
  });
});

test("getLink() asks by index or by name", () => {
  expect(Buffer.from(getLink({ index: 9 }).message.bytes).toString("hex")).toBe(
    "280000001200010000000000000000000000000009000000000000000000000008001d0008000000",
  );
  expect(Buffer.from(getLink({ name: "lo" }).message.bytes).toString("hex")).toBe(
    "3000000012000100000000000000000000000000000000000000000000000000070003006c6f000008001d0008000000",
  );
});
