import type { NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import type { CloudView } from "../cloud-view/cloud-view.ts";
import type { AddressView, ClaimNeed, EniView, NodeView, SubnetView } from "../planner/node-view.ts";

export interface NodeFacts {
  demand: number;
  waiting: number;
  warm: NodeView["warm"];
  limit: NodeView["limit"];
  /** The node is to have no ENIs. */
  disabled: boolean;
  isSubnetDraining: (subnetId: string) => boolean;
  /** Whether a reclaim token is one whose answer counts. */
  isTokenValid: (token: string) => boolean;
  creating: NodeENIConfigStatus["creating"];
  instanceId: string;
  /** The node's ENIs and addresses, by their objects. */
  enis: readonly VpcENI[];
  addresses: readonly VpcIP[];
  cloud: CloudView;
  /** Monotonic milliseconds. */
  now: number;
  subnets: readonly SubnetView[];
  /** Where pods bring their addresses. */
  claims?: ClaimFacts | undefined;
}

/** What the claims of pods make of a node. */
export interface ClaimFacts {
  needs: readonly ClaimNeed[];
  /** Addresses of the node that are some pod's, whether or not it is there: they stay. */
  claimed: ReadonlySet<string>;
  /** Whether an ENI without addresses has been so for a moment only. */
  isJustEmptied: (eniId: string) => boolean;
}

/** Puts cloud and objects together into what the planner looks at. */
export function buildNodeView(facts: NodeFacts): NodeView {
  const byEni = Map.groupBy(facts.addresses, (vip) => vip.spec.eniID);
  const enis = facts.enis.map((veni) => eniView(veni, byEni.get(veni.metadata.name) ?? [], facts));
  return {
    demand: facts.demand,
    waiting: facts.waiting,
    warm: facts.warm,
    limit: facts.limit,
    enis,
    instanceBusy: facts.cloud.isInstanceBusy(facts.instanceId),
    subnets: facts.subnets,
    ...(facts.claims !== undefined && { needs: facts.claims.needs }),
    ...(facts.creating !== undefined && {
      creating: { subnetId: facts.creating.subnetID, addresses: facts.creating.addresses },
    }),
  };
}

function eniView(veni: VpcENI, vips: readonly VpcIP[], facts: NodeFacts): EniView {
  const id = veni.metadata.name;
  const eni = facts.cloud.get(id);
  const byAddress = new Map(vips.map((vip) => [addressOfVpcIp(vip.metadata.name), vip]));
  const busy = facts.cloud.isBusy(id);
  return {
    id,
    subnetId: veni.spec.subnetID,
    ready: eni?.state === "available" && eni.instanceId === facts.instanceId,
    busy,
    unattached: eni?.state === "available" && eni.instanceId === undefined && !busy,
    detached: facts.cloud.isDetached(id),
    draining: facts.disabled || facts.isSubnetDraining(veni.spec.subnetID),
    leaving: leaving(veni, facts),
    ...(staysDetached(veni, facts) && { staysDetached: true }),
    ...(isAwaited(veni, facts) && { awaited: true }),
    addresses: (eni?.addresses ?? []).map(({ address, state }) => ({
      address,
      assigned: state !== "deleting",
      ...(!byAddress.has(address) && { isNew: true }),
      reserved: !byAddress.has(address) && facts.cloud.isReserved(id, address, facts.now),
      ...(facts.claims?.claimed.has(address) ? CLAIMED : useOf(byAddress.get(address), facts)),
    })),
  };
}

/** Whatever its agent says: that it is free there, or has been promised to be moved, does not make it the node's to give back. */
const CLAIMED = { use: "in-use", reclaim: "no" } as const;

function staysDetached({ metadata, spec }: VpcENI, { cloud, claims }: NodeFacts): boolean {
  if (claims === undefined || spec.intent !== "Released" || !cloud.isDetached(metadata.name)) return false;
  return (cloud.get(metadata.name)?.addresses ?? []).some(({ address }) => claims.claimed.has(address));
}

function isAwaited({ metadata, spec }: VpcENI, { claims }: NodeFacts): boolean {
  if (claims === undefined) return false;
  const isFor = ({ subnetId }: ClaimNeed) => subnetId === undefined || subnetId === spec.subnetID;
  return claims.needs.some(isFor) || claims.isJustEmptied(metadata.name);
}

/** A refused ENI stays; one whose agent is silent is asked and neither filled nor removed. */
function leaving(veni: VpcENI, { isTokenValid }: NodeFacts): EniView["leaving"] {
  const { reclaim, intent } = veni.spec;
  if (intent === "Attached") return "no";
  if (reclaim === undefined || !isTokenValid(reclaim.token)) return "asked";
  const answered = veni.status?.use?.token === reclaim.token ? veni.status.use.state : undefined;
  if (answered === "Reclaimable") return "agreed";
  return answered === "Refused" ? "no" : "asked";
}

function useOf(vip: VpcIP | undefined, { isTokenValid }: NodeFacts): Pick<AddressView, "use" | "reclaim"> {
  const use = vip?.status?.use;
  const reclaim = vip?.spec.reclaim;
  const answered =
    reclaim !== undefined && isTokenValid(reclaim.token) && use?.token === reclaim.token
      ? use.state
      : undefined;
  return {
    use: USES[use?.state ?? ""] ?? "unknown",
    reclaim:
      reclaim === undefined || answered === "Refused"
        ? "no"
        : answered === "Reclaimable"
          ? "agreed"
          : "asked",
  };
}

const USES: Readonly<Record<string, AddressView["use"]>> = {
  Free: "free",
  InUse: "in-use",
  Refused: "in-use",
  CoolingDown: "cooling-down",
};
