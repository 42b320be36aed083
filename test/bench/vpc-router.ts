import { addAddress } from "../../src/netlink/address.ts";
import { hostPrefix, parseIpAddress } from "../../src/netlink/ip-address.ts";
import { getLink } from "../../src/netlink/link.ts";
import { tolerating } from "../../src/netlink/message.ts";
import { setPermanentNeighbour } from "../../src/netlink/neighbour.ts";
import { replaceRoute } from "../../src/netlink/route.ts";
import { NetlinkSocket } from "../../src/netlink/socket.ts";
import type { ThrowAwayNamespace, ThrowAwayNamespaces } from "../kernel/throw-away-namespaces.ts";

/** What the router has to know of a link to a node. */
export interface RouterPort {
  /** Name of the router's end. */
  readonly far: string;
  /** Of the node's end. */
  readonly mac: string;
  /** What the node sends by it goes to this address first. */
  readonly gateway: string;
  /** What is behind the link. */
  readonly addresses: readonly string[];
}

/** The VPC as a namespace that routes and does no more: what is compared has the same way through it. */
export class VpcRouter {
  readonly namespace: ThrowAwayNamespace;

  constructor(namespaces: ThrowAwayNamespaces) {
    this.namespace = namespaces.make("vpc");
    this.namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0");
    this.namespace.run("sysctl", "-qw", "net.ipv4.conf.all.send_redirects=0");
  }

  /** Makes a link to a node, both ends without addresses, the router's up. */
  plug(node: ThrowAwayNamespace, { device, mac, far }: { device: string; mac: string; far: string }): void {
    const { name } = node;
    const veth = ["type", "veth", "peer", "name", device, "address", mac, "netns", name];
    this.namespace.run("ip", "link", "add", far, ...veth);
    this.namespace.run("ip", "link", "set", far, "up");
  }

  /** Leads the addresses behind a link to it, and answers for its gateway. */
  route({ far, mac, gateway, addresses }: RouterPort): void {
    using socket = NetlinkSocket.open({ namespace: this.namespace.path });
    const index = socket.get(getLink({ name: far }))?.index;
    if (index === undefined) throw new Error(`the router has no link ${far}`);
    const lo = 1;
    socket.batch([
      tolerating(addAddress({ index: lo, prefix: hostPrefix(parseIpAddress(gateway)) }), "EEXIST"),
      ...addresses.flatMap((text) => {
        const address = parseIpAddress(text);
        return [
          setPermanentNeighbour({ index, address, mac }),
          replaceRoute({ destination: hostPrefix(address), index, scope: "link" }),
        ];
      }),
    ]);
  }
}
