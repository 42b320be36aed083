import { expect, test } from "bun:test";
import type { Link } from "../netlink/link.ts";
import { isPair } from "./is-pair.ts";

const LINK: Link = {
  index: 1,
  name: "a",
  mac: undefined,
  group: 0,
  alias: undefined,
  mtu: 1500,
  flags: 0,
  up: false,
  lowerUp: false,
  kind: "veth",
  master: undefined,
  peerIndex: 2,
  peerNetnsId: 0,
};
const PEER: Link = { ...LINK, index: 2, peerIndex: 1 };

test("isPair() wants two veths that name each other", () => {
  expect(isPair(LINK, PEER)).toBe(true);
  expect(isPair(LINK, { ...PEER, peerIndex: 3 })).toBe(false);
  expect(isPair({ ...LINK, peerIndex: 3 }, PEER)).toBe(false);
  expect(isPair(LINK, { ...PEER, kind: "ifb" })).toBe(false);
});
