import { PODS_TABLE, TRASH_GROUP } from "../../api/data-path.ts";
import { podLinkName } from "../../api/pod-link-name.ts";
import {
  AF_INET,
  equalIpAddress,
  formatIpAddress,
  hostPrefix,
  type IpAddress,
  parseIpAddress,
} from "../../netlink/ip-address.ts";
import { type Link, setLink } from "../../netlink/link.ts";
import { type NetlinkMessage, tolerating } from "../../netlink/message.ts";
import { deleteRoute, type InstalledRoute, type Route, replaceRoute } from "../../netlink/route.ts";
import type { DriftKind } from "../drift/drift.ts";
import type { Attachment } from "../pool/attachment.ts";
import { FOUND_BY_VETH, type InUse, type PooledAddress } from "../pool/pool-state.ts";
import type { Stranger } from "../pool/strangers.ts";
import type { StoredEni } from "../store/agent-store.ts";
import type { ObservedNetwork } from "./observed-network.ts";

/** What is remembered of the pods of this node. */
export interface PodNeeds {
  readonly addresses: ReadonlyMap<string, PooledAddress>;
  readonly enis: readonly Pick<StoredEni, "eniId" | "table">[];
  /** Source of what the node itself sends to its pods; undefined while that is not known. */
  readonly nodeAddress: string | undefined;
}

/** One thing about a pod's link or route that is not as it is remembered. */
export interface PodFinding {
  /** Tells it from every other. */
  readonly key: string;
  readonly kind: DriftKind;
  readonly pod: Attachment | undefined;
  /** What is wrong, in words that stay the same. */
  readonly message: string;
  /** What somebody else on the node must have changed. */
  readonly changed?: string | undefined;
  /** What puts it right; empty where nothing surely would, so that what it concerns is quarantined. */
  readonly acts: readonly NetlinkMessage[];
  /** For how long (milliseconds) it must have been so before it counts. */
  readonly standsAfterMs?: number;
  /** With its acts done it is still no right state: the pod is cut off. */
  readonly quarantines?: true;
}

export interface PodsPlan {
  readonly findings: readonly PodFinding[];
  /** Holders of addresses that the kernel shows and the memory does not. */
  readonly strangers: readonly Stranger[];
}

/** A link is made a moment after its address was given, and a release comes a moment after its link is gone. */
const LINK_LOST_AFTER_MS = 60_000;

/**
 * Compares the pods' links and routes in the kernel with what is remembered.
 *
 * The memory is right about whose an address is, the alias about whose a link is. A pod whose object has gone is left as it is until
 * the API server has said what became of it. What the kernel shows and the memory does not know is a stranger: the address must not be
 * given to anybody.
 */
export function planPods(observed: ObservedNetwork, needs: PodNeeds): PodsPlan {
  const kernel = indexPods(observed);
  const held = [...needs.addresses.values()].filter(isHeld);
  const findings: PodFinding[] = [];
  const links = new Map<string, Link>();
  for (const [containerId, records] of Map.groupBy(held, (r) => r.holding.attachment.containerId)) {
    const { assigned, surplus } = assignLinks(records, { containerId, kernel });
    for (const [address, link] of assigned) links.set(address, link);
    // See `assignLinks`.
    const twice = surplus.filter(({ group }) => group !== 0);
    if (assigned.size > 0) findings.push(...twice.map((link) => linkTwice(link, records[0])));
  }
  const containers = knownContainers(needs.addresses);
  for (const record of held) {
    const link = links.get(record.address) ?? linkWithoutAlias(record, { kernel, containers });
    if (link !== undefined) links.set(record.address, link);
    findings.push(...planPod(record, { link, kernel, needs }));
  }
  const found = findStrangers({ kernel, links, needs });
  return { findings: [...findings, ...found.findings], strangers: found.strangers };
}

type HeldAddress = PooledAddress & { readonly holding: InUse };

interface KernelPods {
  readonly byAlias: ReadonlyMap<string, readonly Link[]>;
  readonly byIndex: ReadonlyMap<number, Link>;
  /** Of the pods' table, by address. */
  readonly routes: ReadonlyMap<string, readonly InstalledRoute[]>;
}

/** Whether a pod with a link of ours holds the address. Of IPv6 the kernel's routes are not read. */
function isHeld(record: PooledAddress): record is HeldAddress {
  if (!/^[\d.]+$/.test(record.address)) return false;
  return record.holding.kind === "in-use" && record.holding.attachment.foreign === undefined;
}

function indexPods({ links, routes }: ObservedNetwork): KernelPods {
  const byIndex = new Map<number, Link>();
  const byAlias = new Map<string, Link[]>();
  for (const link of links) {
    // What a DEL has retired is nobody's any more.
    if (link.kind !== "veth" || link.group === TRASH_GROUP) continue;
    byIndex.set(link.index, link);
    if (link.alias === undefined) continue;
    const alike = byAlias.get(link.alias);
    if (alike === undefined) byAlias.set(link.alias, [link]);
    else alike.push(link);
  }
  const ofPods = routes.filter(
    ({ table, destination }) =>
      table === PODS_TABLE && destination.length === 32 && destination.address.family === AF_INET,
  );
  return {
    byIndex,
    byAlias,
    routes: Map.groupBy(ofPods, ({ destination }) => formatIpAddress(destination.address)),
  };
}

/** Which of a container's links is whose: by its name, else by the route that leads to it, else as the only one left. */
function assignLinks(
  records: readonly HeldAddress[],
  { containerId, kernel }: { containerId: string; kernel: KernelPods },
): { assigned: Map<string, Link>; surplus: Link[] } {
  const left = new Set(kernel.byAlias.get(containerId));
  const assigned = new Map<string, Link>();
  const choose = (fits: (link: Link, record: HeldAddress) => boolean) => {
    for (const record of records) {
      if (assigned.has(record.address)) continue;
      const link = [...left].find((l) => fits(l, record));
      if (link === undefined) continue;
      assigned.set(record.address, link);
      left.delete(link);
    }
  };
  choose((link, { holding }) => link.name === nameOf(holding));
  choose((link, { address }) => leadsTo(kernel, address, link));
  // One of no group may be of a network with another IPAM plugin, of which the agent has no record.
  if (left.size === 1) choose(({ group }) => group !== 0);
  return { assigned, surplus: [...left] };
}

function nameOf({ attachment }: InUse): string {
  const { containerId, ifName, podNamespace, podName } = attachment;
  const pod = podName === "" ? undefined : { namespace: podNamespace, name: podName };
  return podLinkName({ pod, containerId, ifName });
}

function leadsTo({ routes }: KernelPods, address: string, link: Link): boolean {
  return routes.get(address)?.some(({ index }) => index === link.index) ?? false;
}

/**
 * The pod's link, where it has lost its alias or got another. Its route must still lead to it: a link of the pod's name without an
 * alias may be that of a newer sandbox, in the middle of its ADD.
 */
function linkWithoutAlias(
  { address, holding }: HeldAddress,
  { kernel, containers }: { kernel: KernelPods; containers: ReadonlySet<string> },
): Link | undefined {
  for (const { index } of kernel.routes.get(address) ?? []) {
    const link = index === undefined ? undefined : kernel.byIndex.get(index);
    if (link === undefined) continue;
    if (link.alias === undefined) return link;
    if (link.name === nameOf(holding) && !containers.has(link.alias)) return link;
  }
  return undefined;
}

function knownContainers(addresses: PodNeeds["addresses"]): ReadonlySet<string> {
  const containers = new Set<string>();
  for (const { holding } of addresses.values()) {
    if (holding.kind === "in-use") containers.add(holding.attachment.containerId);
    if (holding.kind === "cooling-down") containers.add(holding.containerId);
  }
  return containers;
}

function planPod(
  record: HeldAddress,
  { link, kernel, needs }: { link: Link | undefined; kernel: KernelPods; needs: PodNeeds },
): PodFinding[] {
  const { address, holding, object, orphan } = record;
  const { attachment, netns } = holding;
  if (orphan === "elsewhere") return fence(record, { link, kernel });
  // What became of the object is being asked.
  if (object === undefined && orphan === undefined) return [];
  const found = (
    kind: DriftKind,
    message: string,
    repair: Pick<PodFinding, "acts" | "changed" | "standsAfterMs"> = { acts: [] },
  ): PodFinding => ({ key: `${kind} ${address}`, kind, pod: attachment, message, ...repair });
  if (link === undefined) {
    if (attachment.podName === "" || netns === FOUND_BY_VETH) return [];
    const message = "its link has gone from the node: restart the pod";
    return [found("pod-link-lost", message, { acts: [], standsAfterMs: LINK_LOST_AFTER_MS })];
  }
  const findings: PodFinding[] = [];
  const { index } = link;
  const group = needs.enis.find(({ eniId }) => eniId === record.eniId)?.table;
  if (link.alias !== attachment.containerId) {
    findings.push(
      found("pod-alias", "the alias of its link, which tells whose it is, was changed", {
        acts: [setLink(index, { alias: attachment.containerId })],
        changed: "links",
      }),
    );
  }
  if (group !== undefined && link.group !== group) {
    findings.push(
      found("pod-group", "the group of its link, which tells its ENI, was changed", {
        acts: [setLink(index, { group })],
        changed: "links",
      }),
    );
  }
  if (differs(link.rpFilter, 1) || differs(link.forwarding, 1)) {
    findings.push(
      found("pod-sysctl", "rp_filter or forwarding of its link was not 1", {
        acts: [setLink(index, { rpFilter: 1, forwarding: 1 })],
        changed: "sysctls",
      }),
    );
  }
  if (!link.up) {
    findings.push(
      found("pod-down", "its link was set down on the node", {
        acts: [setLink(index, { up: true })],
        changed: "links",
      }),
    );
  }
  const route = planRoute(record, { link, kernel, nodeAddress: needs.nodeAddress });
  if (route === "unclear") {
    const message = `its link ${link.name} has a route of another address than ${address}, which it was given: restart the pod`;
    findings.push(found("two-holders", message));
  } else if (route.length > 0) {
    findings.push(
      found("pod-route", "the host's route to its address was gone or led elsewhere", {
        acts: route,
        changed: `table ${PODS_TABLE}`,
      }),
    );
  }
  return findings;
}

function differs(is: number | undefined, wanted: number): boolean {
  return is !== undefined && is !== wanted;
}

/** What brings the route to a pod's address back. A link that has the route of another address instead may be another pod's by now. */
function planRoute(
  { address }: HeldAddress,
  { link, kernel, nodeAddress }: { link: Link; kernel: KernelPods; nodeAddress: string | undefined },
): NetlinkMessage[] | "unclear" {
  if (nodeAddress === undefined) return [];
  const source = parseIpAddress(nodeAddress);
  const installed = kernel.routes.get(address) ?? [];
  const isWanted = (r: InstalledRoute) => isPodRoute(r, { link, source });
  if (!installed.some(isWanted)) {
    if (!installed.some((r) => r.index === link.index) && hasOtherRoute(kernel, address, link)) {
      return "unclear";
    }
    return [replaceRoute(podRoute(address, { link, source }))];
  }
  // Of two routes of one metric the kernel takes either.
  return installed
    .filter((r) => !isWanted(r) && (r.metric ?? 0) === 0)
    .map((r) => tolerating(deleteRoute(r), "ESRCH"));
}

function isPodRoute(route: InstalledRoute, { link, source }: { link: Link; source: IpAddress }): boolean {
  return (
    route.type === "unicast" &&
    route.index === link.index &&
    route.gateway === undefined &&
    (route.metric ?? 0) === 0 &&
    route.source !== undefined &&
    equalIpAddress(route.source, source)
  );
}

function podRoute(address: string, { link, source }: { link: Link; source: IpAddress }): Route {
  return {
    destination: hostPrefix(parseIpAddress(address)),
    index: link.index,
    scope: "link",
    table: PODS_TABLE,
    source,
  };
}

function hasOtherRoute({ routes }: KernelPods, address: string, link: Link): boolean {
  for (const [other, installed] of routes) {
    if (other !== address && installed.some(({ index }) => index === link.index)) return true;
  }
  return false;
}

/** The address belongs to another node: nothing may reach this pod by it, and nothing that the pod sends may leave. */
function fence(
  { address, holding }: HeldAddress,
  { link, kernel }: { link: Link | undefined; kernel: KernelPods },
): PodFinding[] {
  const acts = [
    ...(kernel.routes.get(address) ?? []).map((r) => tolerating(deleteRoute(r), "ESRCH")),
    ...(link?.up ? [setLink(link.index, { up: false })] : []),
  ];
  return [
    {
      key: `address-elsewhere ${address}`,
      kind: "address-elsewhere",
      pod: holding.attachment,
      message: `its address ${address} belongs to another node now: it is cut off; restart the pod`,
      acts,
      quarantines: true,
    },
  ];
}

function linkTwice({ name, index, alias }: Link, record: HeldAddress | undefined): PodFinding {
  return {
    key: `pod-link-twice ${index}`,
    kind: "pod-link-twice",
    pod: record?.holding.attachment,
    message: `the node has a second link of its container ${alias}: it gets no route, and its address nobody else as long as that is there; \`ip link del ${name}\``,
    acts: [],
  };
}

function findStrangers({
  kernel,
  links,
  needs,
}: {
  kernel: KernelPods;
  links: ReadonlyMap<string, Link>;
  needs: PodNeeds;
}): PodsPlan {
  const findings: PodFinding[] = [];
  const strangers: Stranger[] = [];
  const addressOfLink = new Map([...links].map(([address, link]) => [link.index, address]));
  for (const [address, installed] of kernel.routes) {
    const record = needs.addresses.get(address);
    // With a link of its own its route has been planned above.
    if (links.has(address)) continue;
    for (const route of installed) {
      const link = route.index === undefined ? undefined : kernel.byIndex.get(route.index);
      if (link?.alias === undefined || isLastHolder(record, link.alias) || isForeign(record)) continue;
      const own = addressOfLink.get(link.index);
      if (own !== undefined && leadsTo(kernel, own, link)) {
        findings.push(surplusRoute(route, { address, link, record: needs.addresses.get(own) }));
        continue;
      }
      const eniId = needs.enis.find(({ table }) => table === link.group)?.eniId;
      strangers.push({ address, containerId: link.alias, linkName: link.name, eniId });
      if (record?.holding.kind === "in-use" || record?.holding.kind === "reclaimable") {
        findings.push(twoHolders(record, link));
      }
    }
  }
  return { findings, strangers };
}

function isForeign(record: PooledAddress | undefined): boolean {
  return record?.holding.kind === "in-use" && record.holding.attachment.foreign !== undefined;
}

function isLastHolder(record: PooledAddress | undefined, containerId: string): boolean {
  switch (record?.holding.kind) {
    case "in-use":
      return record.holding.attachment.containerId === containerId;
    case "cooling-down":
      return record.holding.containerId === containerId;
    default:
      return false;
  }
}

function surplusRoute(
  route: InstalledRoute,
  { address, link, record }: { address: string; link: Link; record: PooledAddress | undefined },
): PodFinding {
  return {
    key: `pod-route-surplus ${address}`,
    kind: "pod-route-surplus",
    pod: record?.holding.kind === "in-use" ? record.holding.attachment : undefined,
    message: `a route led another address than its own to link ${link.name}`,
    acts: [tolerating(deleteRoute(route), "ESRCH")],
    changed: `table ${PODS_TABLE}`,
  };
}

function twoHolders({ address, holding }: PooledAddress, link: Link): PodFinding {
  const remembered =
    holding.kind === "in-use"
      ? `container ${holding.attachment.containerId} was given it`
      : "it was promised back to ipamd";
  return {
    key: `two-holders ${address}`,
    kind: "two-holders",
    pod: holding.kind === "in-use" ? holding.attachment : undefined,
    message: `link ${link.name} of container ${link.alias} has the address ${address}, although ${remembered}: nobody else gets it; restart the pod of that container`,
    acts: [],
  };
}
