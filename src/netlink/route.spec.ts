import { describe, expect, test } from "bun:test";
import { AF_INET6, parseIpAddress, parseIpPrefix } from "./ip-address.ts";
import { MessageWriter, splitMessages } from "./message.ts";
import { addRoute, deleteRoute, dumpRoutes, parseRoute, type Route, replaceRoute } from "./route.ts";

// Each golden message is what iproute2 6.1 sends for the command beside it, without its sequence number and ACK flag.
const GOLDEN = [
  {
    command: "ip route add 169.254.1.1/32 dev eth0 scope link proto static",
    message: addRoute({ destination: parseIpPrefix("169.254.1.1"), index: 1000 }),
    bytes: "2c00000018000106000000000000000002200000fe04fd010000000008000100a9fe010108000400e8030000",
  },
  {
    command: "ip route add default via 169.254.1.1 proto static dev eth0",
    message: addRoute({
      destination: parseIpPrefix("0.0.0.0/0"),
      gateway: parseIpAddress("169.254.1.1"),
      index: 1000,
    }),
    bytes: "2c00000018000106000000000000000002000000fe0400010000000008000500a9fe010108000400e8030000",
  },
  {
    command: "ip route add 10.0.16.9/32 src 10.0.16.5 table 512 proto static scope link dev eth0",
    message: addRoute({
      destination: parseIpPrefix("10.0.16.9"),
      source: parseIpAddress("10.0.16.5"),
      table: 512,
      index: 1000,
    }),
    bytes:
      "3c000000180001060000000000000000022000000004fd0100000000080001000a001009080007000a00100508000f000002000008000400e8030000",
  },
  {
    command: "ip route add unreachable default metric 4096 table 4003 proto static",
    message: addRoute({
      destination: parseIpPrefix("0.0.0.0/0"),
      type: "unreachable",
      metric: 4096,
      table: 4003,
    }),
    bytes: "2c000000180001060000000000000000020000000004000700000000080006000010000008000f00a30f0000",
  },
  {
    command: "ip route replace default via 10.0.16.1 table 4003 proto static onlink dev eth0",
    message: replaceRoute({
      destination: parseIpPrefix("0.0.0.0/0"),
      gateway: parseIpAddress("10.0.16.1"),
      onlink: true,
      table: 4003,
      index: 1000,
    }),
    bytes:
      "34000000180001050000000000000000020000000004000104000000080005000a00100108000f00a30f000008000400e8030000",
  },
  {
    command: "ip route del 10.0.16.9/32 table 512 dev eth0, where iproute2 insists on nothing but unicast",
    message: deleteRoute({ destination: parseIpPrefix("10.0.16.9"), table: 512, index: 1000 }),
    bytes:
      "34000000190001000000000000000000022000000000ff0000000000080001000a00100908000f000002000008000400e8030000",
  },
  {
    command: "ip -6 route add fd01::/64 via fe80::1 proto static dev eth0",
    message: addRoute({
      destination: parseIpPrefix("fd01::/64"),
      gateway: parseIpAddress("fe80::1"),
      index: 1000,
    }),
    bytes:
      "4c0000001800010600000000000000000a400000fe0400010000000014000100fd01000000000000000000000000000014000500fe80000000000000000000000000000108000400e8030000",
  },
  {
    command: "ip -6 route add fd00::5/128 proto static dev eth0",
    message: addRoute({ destination: parseIpPrefix("fd00::5"), index: 1000 }),
    bytes:
      "380000001800010600000000000000000a800000fe0400010000000014000100fd00000000000000000000000000000508000400e8030000",
  },
];

describe("the bytes of", () => {
  test.each(GOLDEN)("$command", ({ message, bytes }) => {
    expect(Buffer.from(message.bytes).toString("hex")).toBe(bytes);
  });
});

describe("parseRoute()", () => {
  const everywhere = parseIpPrefix("0.0.0.0/0");
  const routes: [string, Route][] = [
    [
      "a pod's",
      {
        destination: parseIpPrefix("10.0.16.9"),
        source: parseIpAddress("10.0.1.11"),
        scope: "link",
        table: 512,
        index: 7,
      },
    ],
    [
      "an ENI's default",
      {
        destination: everywhere,
        gateway: parseIpAddress("10.0.16.1"),
        onlink: true,
        scope: "global",
        table: 4003,
        index: 7,
      },
    ],
    [
      "the backstop's",
      { destination: everywhere, type: "unreachable", scope: "global", metric: 4096, table: 4003 },
    ],
    [
      "an IPv6",
      { destination: parseIpPrefix("fd00::/64"), gateway: parseIpAddress("fe80::1"), table: 254, index: 7 },
    ],
  ];

  test.each(routes)("reads back %s route", (_, route) => {
    const [read] = splitMessages(addRoute(route).bytes).map(parseRoute);
    expect(read).toMatchObject({ type: "unicast", onlink: false, protocol: 4, ...route });
  });

  test("leaves out cached exceptions", () => {
    const RTM_F_CLONED = 0x200;
    const cached = new MessageWriter(24, 0)
      .u8(2)
      .u8(32)
      .u8(0)
      .u8(0)
      .u8(254)
      .u8(0)
      .u8(0)
      .u8(1)
      .u32(RTM_F_CLONED);
    expect(splitMessages(cached.finish()).map(parseRoute)).toEqual([undefined]);
  });
});

test("dumpRoutes() leaves out other tables, whatever the kernel answers", () => {
  const [answer] = splitMessages(
    addRoute({ destination: parseIpPrefix("fd00::5"), table: 512, index: 7 }).bytes,
  );
  if (answer === undefined) throw new Error("no message");
  expect(dumpRoutes({ table: 512, family: AF_INET6 }).parse(answer)).toBeDefined();
  expect(dumpRoutes({ table: 4003, family: AF_INET6 }).parse(answer)).toBeUndefined();
});
