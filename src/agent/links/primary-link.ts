import { formatIpAddress } from "../../netlink/ip-address.ts";
import type { Link } from "../../netlink/link.ts";
import { TABLE_MAIN } from "../../netlink/route.ts";
import type { ObservedNetwork } from "./observed-network.ts";

/** The node's own way to the network, and its address. */
export interface Primary {
  link: Link;
  /** Source of what the node itself sends to its pods. */
  address: string;
}

/**
 * The link of the default route in main, the best one if there are several; without one, the link that has the node's
 * InternalIP. Its address is that InternalIP where a link of the node has it, else the primary link's first.
 */
export function findPrimary(observed: ObservedNetwork, internalIp: string | undefined): Primary | undefined {
  const own = observed.addresses.find(({ prefix }) => formatIpAddress(prefix.address) === internalIp);
  const index = defaultRouteIndex(observed) ?? own?.index;
  const link = observed.links.find((l) => l.index === index);
  if (link === undefined) return undefined;
  const first = observed.addresses.find((a) => a.index === link.index && a.scope === "global");
  const address = own ?? first;
  return address && { link, address: formatIpAddress(address.prefix.address) };
}

function defaultRouteIndex({ routes }: ObservedNetwork): number | undefined {
  return routes
    .filter((r) => r.table === TABLE_MAIN && r.destination.length === 0 && r.type === "unicast")
    .toSorted((a, b) => (a.metric ?? 0) - (b.metric ?? 0))
    .find((r) => r.index !== undefined)?.index;
}

/**
 * The link of an ENI. Tunnels, bridges and VLANs on top of a link carry its MAC too, and a pod's veth could have any: an ENI is
 * a physical link (or, where the VPC is simulated, a veth) that nobody has given a group.
 */
export function findEniLink({ links }: ObservedNetwork, mac: string): Link | undefined {
  return links.find(
    (link) => link.mac === mac && link.group === 0 && (link.kind === undefined || link.kind === "veth"),
  );
}
