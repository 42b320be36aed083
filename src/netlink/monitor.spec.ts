import { expect, test } from "bun:test";
import { addAddress, deleteAddress } from "./address.ts";
import { AF_INET, parseIpPrefix } from "./ip-address.ts";
import { createVeth, deleteLink } from "./link.ts";
import { MessageWriter, splitMessages } from "./message.ts";
import { parseNotification } from "./monitor.ts";
import { setPermanentNeighbour } from "./neighbour.ts";
import { addRoute, deleteRoute } from "./route.ts";
import { addRule, deleteRule } from "./rule.ts";

const PREFIX = parseIpPrefix("10.0.16.5");

test.each([
  ["link", "new", createVeth({ name: "a", peer: { name: "b" } })],
  ["link", "deleted", deleteLink(7)],
  ["address", "new", addAddress({ index: 7, prefix: PREFIX })],
  ["address", "deleted", deleteAddress({ index: 7, prefix: PREFIX })],
  ["route", "new", addRoute({ destination: PREFIX, index: 7 })],
  ["route", "deleted", deleteRoute({ destination: PREFIX, index: 7 })],
  ["rule", "new", addRule({ family: AF_INET, priority: 512, table: 512 })],
  ["rule", "deleted", deleteRule({ family: AF_INET, priority: 512, table: 512 })],
] as const)("parseNotification() knows a %s that is %s", (kind, change, { bytes }) => {
  expect(splitMessages(bytes).map(parseNotification)).toEqual([expect.objectContaining({ kind, change })]);
});

test("parseNotification() leaves out what nobody listens to", () => {
  const { bytes } = setPermanentNeighbour({ index: 7, address: PREFIX.address, mac: "02:00:00:00:00:02" });
  expect(splitMessages(bytes).map(parseNotification)).toEqual([undefined]);
});

test("parseNotification() knows the settings of a link", () => {
  const message = new MessageWriter(80, 0).u8(AF_INET).u8(0).u16(0);
  const bytes = message.u32Attribute(1, 7).u32Attribute(3, 2).finish();
  expect(splitMessages(bytes).map(parseNotification)).toEqual([
    { kind: "settings", change: "new", settings: { index: 7, forwarding: undefined, rpFilter: 2 } },
  ]);
});
