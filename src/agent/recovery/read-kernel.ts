import { PODS_TABLE } from "../../api/data-path.ts";
import { AF_INET, AF_INET6 } from "../../netlink/ip-address.ts";
import { dumpLinks, type Link } from "../../netlink/link.ts";
import { dumpRoutes, type InstalledRoute } from "../../netlink/route.ts";
import { dumpRules, type InstalledRule } from "../../netlink/rule.ts";
import { NetlinkSocket } from "../../netlink/socket.ts";

/** What the kernel knows of pods and ENIs. */
export interface KernelReading {
  readonly links: readonly Link[];
  /** Routes of the pods' table, of both families. */
  readonly podRoutes: readonly InstalledRoute[];
  readonly rules: readonly InstalledRule[];
}

/** Reads it all: four dumps. @throws NetlinkError */
export function readKernel(): KernelReading {
  using socket = NetlinkSocket.open();
  return {
    rules: socket.dump(dumpRules(AF_INET)),
    links: socket.dump(dumpLinks()),
    podRoutes: ([AF_INET, AF_INET6] as const).flatMap((family) =>
      socket
        .dump(dumpRoutes({ table: PODS_TABLE, family }))
        // A kernel without IPv6 answers with what it has of all families.
        .filter(({ destination }) => destination.address.family === family),
    ),
  };
}

/** Aliases of the host's links: container ids of pods whose veth stands. @throws NetlinkError */
export function readVeths(): ReadonlySet<string> {
  using socket = NetlinkSocket.open();
  const links = socket.dump(dumpLinks());
  return new Set(links.flatMap(({ alias }) => (alias === undefined ? [] : [alias])));
}
