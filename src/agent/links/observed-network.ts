import { dumpAddresses, type LinkAddress } from "../../netlink/address.ts";
import { AF_INET } from "../../netlink/ip-address.ts";
import { dumpLinks, type Link } from "../../netlink/link.ts";
import { dumpRoutes, type InstalledRoute } from "../../netlink/route.ts";
import { dumpRules, type InstalledRule } from "../../netlink/rule.ts";
import type { NetlinkSocket } from "../../netlink/socket.ts";

/** What the kernel has, IPv4 only. */
export interface ObservedNetwork {
  readonly links: readonly Link[];
  readonly addresses: readonly Required<LinkAddress>[];
  readonly routes: readonly InstalledRoute[];
  readonly rules: readonly InstalledRule[];
}

/** Reads it all: four dumps. @throws NetlinkError */
export function observeNetwork(socket: NetlinkSocket): ObservedNetwork {
  return {
    links: socket.dump(dumpLinks()),
    addresses: socket.dump(dumpAddresses({ family: AF_INET })),
    routes: socket.dump(dumpRoutes()),
    rules: socket.dump(dumpRules(AF_INET)),
  };
}
