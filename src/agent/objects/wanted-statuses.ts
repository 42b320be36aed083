import type { Condition } from "../../api/condition.ts";
import type { NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import type { VpcENIStatus } from "../../api/vpc-eni.ts";
import type { VpcIPStatus } from "../../api/vpc-ip.ts";
import type { NetworkView } from "../links/node-network.ts";
import { isServed } from "../pool/bound-address.ts";
import { poolCounts } from "../pool/pool-counts.ts";
import type { PoolState } from "../pool/pool-state.ts";
import { publishedUse } from "../pool/published-use.ts";
import { SERVED_CONDITION, type SeenAddress, type SeenConfig, type SeenEni } from "./seen-objects.ts";

type EniUse = NonNullable<VpcENIStatus["use"]>;

/**
 * What the agent says in the status of a VpcIP; undefined when it is not for this agent to speak. An address that no pod is given for its
 * family has a condition that says so.
 */
export function addressStatus(
  seen: SeenAddress,
  { pool, now }: { pool: PoolState; now: number },
): Pick<VpcIPStatus, "use" | "conditions"> | undefined {
  const { address } = seen.object;
  const record = pool.addresses.get(address);
  const use = record?.object?.uid === seen.uid ? publishedUse(pool, record) : undefined;
  if (record === undefined || use === undefined) return undefined;
  return isServed(record) ? { use } : { use, conditions: [notServed(seen, now)] };
}

function notServed({ name, object, conditions }: SeenAddress, now: number): Condition {
  const status = "False";
  const last = conditions.find(({ type }) => type === SERVED_CONDITION);
  return {
    type: SERVED_CONDITION,
    status,
    reason: "FamilyNotServed",
    message: `${object.address} is an IPv6 address, and the agent of this version gives pods IPv4 addresses only: delete the VpcIP ${name}, or update tke-eni-agent to a version that serves both`,
    lastTransitionTime: last?.status === status ? last.lastTransitionTime : new Date(now).toISOString(),
  };
}

/** What `status.use` of a VpcENI should say; undefined when it is not for this agent to speak. */
export function eniUse(
  seen: SeenEni,
  { pool, view, now }: { pool: PoolState; view: NetworkView; now: number },
): EniUse | undefined {
  if (!pool.open || seen.instanceId !== pool.instanceId) return undefined;
  const onNode = view.enis.find(({ eniId }) => eniId === seen.name);
  const claim = pool.claims.get(seen.name);
  const token = claim?.reclaim?.token;
  return {
    ...(claim?.promise !== undefined
      ? { state: "Reclaimable", token: claim.promise.token }
      : token !== undefined && token === claim?.refusedToken
        ? { state: "Refused", token }
        : { state: onNode?.state ?? "NoLink" }),
    ...(onNode?.ifName !== undefined && { ifName: onNode.ifName }),
    ...(onNode?.table !== undefined && { table: onNode.table }),
    since: new Date(claim?.promise?.since ?? now).toISOString(),
  };
}

/** What the agent says in the status of its NodeENIConfig. */
export function configStatus(
  seen: SeenConfig,
  { pool, view, allocatable, now }: { pool: PoolState; view: NetworkView; allocatable: number; now: number },
): Pick<NodeENIConfigStatus, "use" | "conditions"> {
  return {
    use: { ...poolCounts(pool), allocatable },
    conditions: [linksReady(view, { before: seen.conditions, now })],
  };
}

/** Whether links, routes, rules and maps of the node's ENIs are in place. */
export function linksReady(
  { enis, problem }: NetworkView,
  { before, now }: { before: readonly Condition[]; now: number },
): Condition {
  const { ready, reason, message } = readiness(enis, problem);
  const status = ready ? "True" : "False";
  const last = before.find(({ type }) => type === "LinksReady");
  return {
    type: "LinksReady",
    status,
    reason,
    message,
    lastTransitionTime: last?.status === status ? last.lastTransitionTime : new Date(now).toISOString(),
  };
}

function readiness(
  enis: NetworkView["enis"],
  problem: string | undefined,
): { ready: boolean; reason: string; message: string } {
  if (problem !== undefined) return { ready: false, reason: "SetUpFailed", message: problem };
  if (enis.length === 0)
    return { ready: false, reason: "NoENI", message: "the node has no ENI for pods yet" };
  const missing = enis.filter(({ state }) => state !== "Ready");
  if (missing.length === 0) {
    return {
      ready: true,
      reason: "Ready",
      message: `routes and rules of ${enis.map(({ ifName }) => ifName).join(", ")} are in place`,
    };
  }
  const named = missing.map(({ eniId, mac, state, problem }) => {
    if (problem !== undefined) return `${eniId} cannot be set up: ${problem}`;
    return state === "LinkDown"
      ? `${eniId} (${mac}) has no carrier`
      : `${eniId} is not here: no link has its MAC address ${mac}`;
  });
  const reason = missing.some(({ problem }) => problem !== undefined) ? "SetUpFailed" : "LinkMissing";
  return { ready: false, reason, message: named.join("; ") };
}
