import type { Condition } from "../../api/condition.ts";
import type { NodeENIConfig, NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import type { VpcENI, VpcENIStatus } from "../../api/vpc-eni.ts";
import type { VpcIP, VpcIPStatus } from "../../api/vpc-ip.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import type { EniSpec } from "../links/eni-spec.ts";
import type { ObservedObject } from "../pool/pool-event.ts";
import type { AddressObject, EniClaim, Growth } from "../pool/pool-state.ts";

/** What identifies an object, and a version of it. */
export interface Seen {
  name: string;
  uid: string;
  resourceVersion: string;
}

/** Type of the condition by which the agent tells of a VpcIP whether pods are given addresses of its family. */
export const SERVED_CONDITION = "Served";

/** One for all addresses: a node has hundreds, and hardly ever one with a condition. */
const NO_CONDITIONS: readonly Condition[] = [];

/** What the agent keeps of a VpcIP. */
export interface SeenAddress extends Seen {
  object: ObservedObject;
  use: VpcIPStatus["use"];
  /** Those of the agent. */
  conditions: readonly Condition[];
}

/** What the agent keeps of a VpcENI. */
export interface SeenEni extends Seen {
  instanceId: string;
  spec: EniSpec;
  claim: Omit<EniClaim, "promise">;
  use: VpcENIStatus["use"];
}

/** What the agent keeps of its NodeENIConfig. */
export interface SeenConfig extends Seen {
  instanceId: string | undefined;
  growth: Growth;
  conditions: readonly Condition[];
  use: NodeENIConfigStatus["use"];
}

/** What the pool keeps of a VpcIP. */
export function addressObject({ metadata, spec }: VpcIP): AddressObject {
  return {
    uid: metadata.uid ?? "",
    eniId: spec.eniID,
    subnetId: spec.subnetID,
    instanceId: spec.instanceID,
    claim: spec.claim,
    reclaim: spec.reclaim,
  };
}

/** A VpcIP as the pool looks at it. */
export function seenAddress(vip: VpcIP): SeenAddress {
  const use = vip.status?.use;
  return {
    ...identity(vip),
    object: {
      ...addressObject(vip),
      address: addressOfVpcIp(vip.metadata.name),
      refusedToken: use?.state === "Refused" ? use.token : undefined,
    },
    use,
    conditions: vip.status?.conditions?.filter(({ type }) => type === SERVED_CONDITION) ?? NO_CONDITIONS,
  };
}

/** A VpcENI as links and pool look at it. */
export function seenEni(veni: VpcENI): SeenEni {
  const { spec } = veni;
  const use = veni.status?.use;
  return {
    ...identity(veni),
    instanceId: spec.instanceID,
    spec: {
      eniId: veni.metadata.name,
      mac: spec.mac,
      primaryIp: spec.primaryIP,
      gateway: spec.gateway,
      subnetId: spec.subnetID,
    },
    claim: {
      uid: veni.metadata.uid ?? "",
      reclaim: spec.reclaim,
      refusedToken: use?.state === "Refused" ? use.token : undefined,
    },
    use,
  };
}

/** A NodeENIConfig as far as the agent reads it. */
export function seenConfig(nec: NodeENIConfig): SeenConfig {
  const { room = 0, eniInfos, warm, slots } = nec.status ?? {};
  return {
    ...identity(nec),
    instanceId: nec.status?.instanceID,
    growth: {
      room,
      assigned: eniInfos?.reduce((sum, { addresses }) => sum + addresses, 0),
      onDemand: warm?.min === 0,
      slots,
    },
    conditions: nec.status?.conditions ?? [],
    use: nec.status?.use,
  };
}

function identity({ metadata }: Pick<VpcIP, "metadata">): Seen {
  return {
    name: metadata.name,
    uid: metadata.uid ?? "",
    resourceVersion: metadata.resourceVersion ?? "0",
  };
}
