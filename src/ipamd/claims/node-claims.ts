import type { VpcIP } from "../../api/vpc-ip.ts";
import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import type { ClaimNeed } from "../planner/node-view.ts";
import type { SlimPod } from "../waiting/slim-pod.ts";
import { claimKey } from "./claim-book.ts";

export interface NodeClaimFacts {
  /** Pods that are bound to the node and need an address. */
  pods: readonly SlimPod[];
  claimOf: (key: string) => VpcIPClaim | undefined;
  /** Whether an address that is for that claim stays with it. */
  keeps: (key: string) => boolean;
  /** The node's addresses on its instance, by their objects. */
  addresses: readonly VpcIP[];
  /** Whether the ENI of an address has been let go of: nobody can use the address there any more. */
  isLetGo: (vip: VpcIP) => boolean;
  /** Object of any address. */
  vipOf: (address: string) => VpcIP | undefined;
  /** The ENI that was last seen to have an address, also one of another node. */
  eniOf: (address: string) => string | undefined;
  /** Addresses that any pod may take are kept ready: a pod that is content with one of those waits for none of its own. */
  hasPool: boolean;
  /** A claim that names no subnet gets no address. */
  onlyNominated: boolean;
}

export interface NodeClaims {
  /** Pods whose address is not here yet, the oldest claim first. */
  needs: readonly ClaimNeed[];
  /** Addresses of the node that are some pod's, whether or not that is there. */
  claimed: ReadonlySet<string>;
  /** What the node is to have: its claimed addresses, those that pods hold without a claim, and those that pods wait for. */
  demand: number;
  /** Of the claimed ones, those of pods that are here whose agent has promised them away, in vain: they begin a new life. */
  promised: readonly VpcIP[];
  /** Objects of addresses that pods wait for and that have moved already, as readings show. */
  outdated: readonly VpcIP[];
}

/** What the claims of its pods ask of a node. */
export function nodeClaims(facts: NodeClaimFacts): NodeClaims {
  const claimed = new Set<string>();
  const byKey = new Map<string, VpcIP>();
  let counted = 0;
  for (const vip of facts.addresses) {
    const key = vip.spec.claim;
    if (key !== undefined && facts.keeps(key)) {
      claimed.add(addressOfVpcIp(vip.metadata.name));
      // Its pod has it moved to another ENI here.
      if (facts.isLetGo(vip)) continue;
      byKey.set(key, vip);
      counted++;
    } else if (vip.status?.use?.state === "InUse" || vip.status?.use?.state === "Refused") counted++;
  }
  const needs: (ClaimNeed & { since: string })[] = [];
  const promised: VpcIP[] = [];
  const outdated: VpcIP[] = [];
  const holders = new Set(
    facts.addresses.map(({ spec, status }) => (spec.claim ? undefined : status?.use?.pod)),
  );
  let fromPool = 0;
  for (const pod of facts.pods) {
    const key = claimKey(pod);
    const claim = facts.claimOf(key);
    const here = byKey.get(key);
    if (here !== undefined) {
      if (here.status?.use?.state === "Reclaimable") promised.push(here);
      continue;
    }
    // It is made in a moment, or has to go first; or the pod holds an address that becomes its claim's in a moment.
    if (claim === undefined || claim.metadata.deletionTimestamp !== undefined || holders.has(key)) continue;
    const { address, subnetID } = claim.spec;
    if (facts.onlyNominated && address === undefined && subnetID === undefined) continue;
    if (address === undefined && facts.hasPool && !pod.claim.ownOnly) {
      fromPool++;
      continue;
    }
    const vip = address === undefined ? undefined : facts.vipOf(address);
    if (vip?.spec.claim === key && hasMoved(vip, facts.eniOf)) {
      outdated.push(vip);
      continue;
    }
    const wants = address === undefined ? ({ kind: "any" } as const) : wayOf(address, { key, ...facts });
    if (wants === undefined) continue;
    needs.push({ key, subnetId: subnetID, wants, since: claim.metadata.creationTimestamp ?? "" });
  }
  needs.sort((a, b) => (a.since === b.since ? (a.key < b.key ? -1 : 1) : a.since < b.since ? -1 : 1));
  return {
    needs: needs.map(({ since: _, ...need }) => need),
    claimed,
    demand: counted + fromPool + outdated.length + needs.length,
    promised,
    outdated,
  };
}

/** Whether an address is on another ENI than its object says: that goes in a moment, and a move would find nothing. */
function hasMoved(vip: VpcIP, eniOf: NodeClaimFacts["eniOf"]): boolean {
  const eniId = eniOf(addressOfVpcIp(vip.metadata.name));
  return eniId !== undefined && eniId !== vip.spec.eniID;
}

/** How an address comes here; undefined while the next reading or its object says more, or another claim has it. */
function wayOf(
  address: string,
  { key, keeps, vipOf, eniOf }: NodeClaimFacts & { key: string },
): ClaimNeed["wants"] | undefined {
  const vip = vipOf(address);
  const holder = vip?.spec.claim;
  if (holder !== undefined && holder !== key && keeps(holder)) return undefined;
  if (vip !== undefined) return { kind: "move", address, from: vip.spec.eniID, proven: false };
  return eniOf(address) === undefined ? { kind: "named", address } : undefined;
}
