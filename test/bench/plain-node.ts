import { hostPrefix, parseIpAddress } from "../../src/netlink/ip-address.ts";
import { setLink } from "../../src/netlink/link.ts";
import { NetworkNamespace } from "../../src/netlink/namespace.ts";
import { addRoute } from "../../src/netlink/route.ts";
import { NetlinkSocket } from "../../src/netlink/socket.ts";
import { chooseLinkEnd } from "../../src/pod-link/choose-link-end.ts";
import { createPodLink, podMessages } from "../../src/pod-link/pod-network.ts";
import type { ThrowAwayNamespace, ThrowAwayNamespaces } from "../kernel/throw-away-namespaces.ts";
import type { CniPod } from "./cni-plugin.ts";
import { makePods } from "./pod-namespaces.ts";
import type { VpcRouter } from "./vpc-router.ts";

/** A pod that can be talked to. */
export interface ReachablePod extends CniPod {
  readonly address: string;
}

const MTU = 1500;

/** As kube-proxy and network policies have it: what they ask of a packet, the kernel must track connections for. */
const TRACKING = `table inet tracking {
  chain forward { type filter hook forward priority filter; policy accept; ct state invalid drop; }
}`;

export interface PlainNodeOptions {
  readonly number: number;
  readonly pods: number;
  readonly vpc: VpcRouter;
  /** Whether it tracks connections, as every node with kube-proxy does. */
  readonly tracks?: boolean;
}

/**
 * A node with plain routed veths: inside, each pod has what our pods have; on the node one route in table main, and nothing else but what
 * is asked for. One link leads to the VPC.
 */
export function makePlainNode(
  namespaces: ThrowAwayNamespaces,
  { number, pods: count, vpc, tracks = false }: PlainNodeOptions,
): ReachablePod[] {
  const node = namespaces.make(`plain-${number}`);
  node.run("sysctl", "-qw", "net.ipv4.ip_forward=1");
  const port = { device: "eth0", mac: `20:90:6f:02:00:0${number}`, far: `p${number}-eth0` };
  vpc.plug(node, port);
  const own = `10.0.2.${10 + number}`;
  node.run("ip", "address", "add", `${own}/24`, "dev", "eth0");
  node.run("ip", "link", "set", "eth0", "up");
  node.run("ip", "route", "add", "default", "via", "10.0.2.1");
  const pods = makePods(namespaces, `plain${number}`, count).map((pod, i) => ({
    ...pod,
    address: `10.24${number}.0.${i + 1}`,
  }));
  for (const pod of pods) attach(node, pod);
  if (tracks) node.run("nft", TRACKING);
  vpc.route({ ...port, gateway: "10.0.2.1", addresses: [own, ...pods.map(({ address }) => address)] });
  return pods;
}

function attach(node: ThrowAwayNamespace, { name, netns, address: text }: ReachablePod): void {
  const address = parseIpAddress(text);
  const random = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);
  const link = { pod: chooseLinkEnd("eth0", random), host: chooseLinkEnd(`v${name}`, random) };
  using hostNamespace = NetworkNamespace.open(node.path);
  using inside = NetlinkSocket.open({ namespace: netns });
  using outside = NetlinkSocket.open({ namespace: node.path });
  inside.batch([
    createPodLink(link, { group: 0, mtu: MTU, hostNamespaceFd: hostNamespace.fd }),
    ...podMessages(link, { addresses: [{ address, nodeAddress: address }] }),
  ]);
  const { index } = link.host;
  outside.batch([
    setLink(index, { up: true }),
    addRoute({ destination: hostPrefix(address), index, scope: "link" }),
  ]);
}
