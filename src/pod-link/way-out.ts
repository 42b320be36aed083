import {
  type AddressFamily,
  AF_INET,
  type IpAddress,
  type IpPrefix,
  parseIpAddress,
  parseIpPrefix,
} from "../netlink/ip-address.ts";
import type { Allocation } from "./allocation.ts";

/** What every pod has of a family, as text. */
interface WayOut {
  /** It is an address of nobody: a permanent neighbour leads to the host end of the veth. */
  readonly nextHop: string;
  readonly everywhere: string;
}

const IPV4: WayOut = { nextHop: "169.254.1.1", everywhere: "0.0.0.0/0" };
const IPV6: WayOut = { nextHop: "fe80::1", everywhere: "::/0" };

export function wayOutOf(family: AddressFamily): WayOut {
  return family === AF_INET ? IPV4 : IPV6;
}

/** Next hop of the pod's routes of a family. */
export function nextHopOf(family: AddressFamily): IpAddress {
  return parseIpAddress(wayOutOf(family).nextHop);
}

export function everywhereOf(family: AddressFamily): IpPrefix {
  return parseIpPrefix(wayOutOf(family).everywhere);
}

/** Where the pod's routes lead to: where it was told, or else everywhere in each family in which it has an address. */
export function destinationsOf({
  addresses,
  destinations,
}: Pick<Allocation, "addresses" | "destinations">): readonly IpPrefix[] {
  return destinations ?? familiesOf({ addresses }).map(everywhereOf);
}

export function familiesOf({ addresses }: Pick<Allocation, "addresses">): AddressFamily[] {
  return [...new Set(addresses.map(({ address }) => address.family))];
}
