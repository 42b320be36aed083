import { FOREIGN_SENDER_PREFERENCE, PODS_TABLE } from "../../api/data-path.ts";
import { ipFamily } from "../../api/ip-text.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import { formatIpAddress } from "../../netlink/ip-address.ts";
import type { Link } from "../../netlink/link.ts";
import type { InstalledRoute } from "../../netlink/route.ts";
import type { InstalledRule } from "../../netlink/rule.ts";
import type { Sandbox } from "../cri/container-runtime.ts";
import { addressObject } from "../objects/seen-objects.ts";
import type { Attachment } from "../pool/attachment.ts";
import type { Instant } from "../pool/instant.ts";
import { FOUND_BY_VETH, type Holding, type PooledAddress } from "../pool/pool-state.ts";
import type { StoredAddress } from "../store/agent-store.ts";

/** All that can be known of who holds what when the store does not say. */
export interface RecoverySources {
  /** VpcIPs of this node, by a quorum read. */
  objects: readonly VpcIP[];
  /** What the kernel has. */
  links: readonly Link[];
  routes: readonly InstalledRoute[];
  rules: readonly InstalledRule[];
  /** Sandboxes of the container runtime, with the addresses of those that run, in their one text. */
  sandboxes: readonly (Sandbox & { addresses: readonly string[] })[];
  /** What is left of the store: nothing, or the state before the machine booted. */
  stored: readonly StoredAddress[];
  /** The ENI whose routing table has this number. */
  eniOfTable: (table: number) => string | undefined;
  now: Instant;
}

/** Interface of a holder that only kernel or runtime tell about: neither says more, and all pods have this one. */
const IF_NAME = "eth0";

/**
 * Who holds which address, from what can be seen.
 *
 * A route in the pods' table or a running sandbox is a holder. What was promised stays promised. Anything else that was ever
 * used rests first: what its last holder did is not known, and a veth that still stands must go before.
 */
export function recoverAddresses(sources: RecoverySources): PooledAddress[] {
  const { holders, standing } = findHolders(sources);
  const records = new Map<string, PooledAddress>();
  for (const vip of sources.objects) {
    const address = addressOfVpcIp(vip.metadata.name);
    const object = addressObject(vip);
    const holder = holders.get(address);
    records.set(address, {
      address,
      eniId: (holder?.table !== undefined && sources.eniOfTable(holder.table)) || object.eniId,
      subnetId: object.subnetId,
      object,
      holding: holder
        ? inUse(holder, sources.now)
        : holdingWithoutHolder(vip, { ...sources, address, containerId: standing.get(address) }),
    });
  }
  for (const [address, holder] of holders) {
    if (records.has(address)) continue;
    const { table } = holder;
    const before = sources.stored.find((s) => s.address === address);
    records.set(address, {
      address,
      eniId: (table !== undefined && sources.eniOfTable(table)) || (before?.eniId ?? ""),
      subnetId: before?.subnetId ?? "",
      holding: inUse(holder, sources.now),
    });
  }
  return [...records.values()];
}

interface Holder {
  attachment: Attachment;
  /** Group of its veth, or table of the rule for its address. */
  table?: number;
}

interface Found {
  /** By address; each container has one of a family. */
  holders: Map<string, Holder>;
  /** Further addresses with a veth that stands, and whose that is: which interface they are of, nobody can tell. */
  standing: Map<string, string>;
}

function findHolders(sources: RecoverySources): Found {
  const { objects, links, routes, sandboxes } = sources;
  const ours = new Set(objects.map(({ metadata }) => addressOfVpcIp(metadata.name)));
  const linkByIndex = new Map(links.map((link) => [link.index, link]));
  const sandboxById = new Map(sandboxes.map((sandbox) => [sandbox.id, sandbox]));
  const holders = new Map<string, Holder>();
  const standing = new Map<string, string>();
  /** By container, the link of the interface that is known, and the families of which it has an address. */
  const knownLinks = new Map<string, number>();
  const holding = new Set<string>();
  const placeOf = (containerId: string, address: string) => `${containerId} ${ipFamily(address)}`;
  for (const { table, index, destination } of routes) {
    if (table !== PODS_TABLE || index === undefined) continue;
    const link = linkByIndex.get(index);
    if (link?.alias === undefined) continue;
    const address = formatIpAddress(destination.address);
    const place = placeOf(link.alias, address);
    const known = knownLinks.get(link.alias) ?? index;
    if (known !== index || holding.has(place)) {
      standing.set(address, link.alias);
      continue;
    }
    knownLinks.set(link.alias, index);
    holding.add(place);
    holders.set(address, {
      attachment: attachmentOf(link.alias, sandboxById.get(link.alias)),
      table: link.group,
    });
  }
  for (const sandbox of sandboxes) {
    for (const address of sandbox.addresses) {
      const place = placeOf(sandbox.id, address);
      // The node may still run pods of another network; their addresses are no business of this pool.
      if (!ours.has(address) || holding.has(place) || holders.has(address)) continue;
      holding.add(place);
      const attachment = attachmentOf(sandbox.id, sandbox);
      holders.set(address, foreignHolder(address, sources) ?? { attachment });
    }
  }
  return { holders, standing };
}

/** The holder whose pod's link another plugin made: a rule for its address tells, and a route of ours the link behind which it is. */
function foreignHolder(
  address: string,
  { rules, routes, links, sandboxes }: RecoverySources,
): Holder | undefined {
  const rule = rules.find(
    ({ priority, from }) =>
      priority === FOREIGN_SENDER_PREFERENCE &&
      from !== undefined &&
      formatIpAddress(from.address) === address,
  );
  const sandbox = sandboxes.find(({ addresses }) => addresses.includes(address));
  if (rule?.table === undefined || sandbox === undefined) return undefined;
  const route = routes.find(
    ({ table, destination }) => table === PODS_TABLE && formatIpAddress(destination.address) === address,
  );
  const device = links.find(({ index }) => index === route?.index)?.name ?? "";
  return { attachment: { ...attachmentOf(sandbox.id, sandbox), foreign: { device } }, table: rule.table };
}

function attachmentOf(containerId: string, sandbox: Sandbox | undefined): Attachment {
  return {
    containerId,
    ifName: IF_NAME,
    podNamespace: sandbox?.podNamespace ?? "",
    podName: sandbox?.podName ?? "",
    podUid: sandbox?.podUid ?? "",
  };
}

function inUse({ attachment, table }: Holder, now: Instant): Holding {
  const netns = table === undefined || attachment.foreign !== undefined ? "" : FOUND_BY_VETH;
  return { kind: "in-use", attachment, netns, since: now.wall };
}

function holdingWithoutHolder(
  vip: VpcIP,
  {
    stored,
    now,
    address,
    containerId,
  }: Pick<RecoverySources, "stored" | "now"> & { address: string; containerId: string | undefined },
): Holding {
  const use = vip.status?.use;
  const before = stored.find((s) => s.address === address);
  const sameLife = before?.object?.uid === vip.metadata.uid;
  if (before?.holding.kind === "reclaimable" && sameLife) return before.holding;
  if (use?.state === "Reclaimable" && use.token !== undefined) {
    return { kind: "reclaimable", token: use.token, since: Date.parse(use.since) };
  }
  const neverUsed = use === undefined && before === undefined && containerId === undefined;
  if (neverUsed) return { kind: "free", since: now.wall, restingSince: now.monotonic };
  return {
    kind: "cooling-down",
    containerId: containerId ?? use?.containerID ?? "",
    ifName: IF_NAME,
    since: now.wall,
    restingSince: now.monotonic,
    vethGone: false,
  };
}
