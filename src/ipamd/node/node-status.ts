import type { Condition } from "../../api/condition.ts";
import type { NodeENIConfig, NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { Instance, InterfaceLimit } from "../../cloud/cloud-vpc.ts";
import type { NodeSettings } from "../configuration/node-settings.ts";
import { isHeld } from "../objects/is-held.ts";
import { isServedAddress } from "../objects/is-served-address.ts";
import { roomOf } from "../planner/grow.ts";
import type { NodeView } from "../planner/node-view.ts";
import { type Readiness, readyCondition } from "./ready-condition.ts";

/** What a look at a node has found, as far as its status tells it. */
export interface NodeState {
  instance: Instance;
  quota: InterfaceLimit;
  settings: NodeSettings;
  /** Objects of what is on that instance. */
  enis: readonly VpcENI[];
  addresses: readonly VpcIP[];
  view: NodeView;
  /** Pods that need an address. */
  demand: number;
  /** Each address comes with its pod: the kubelet is offered what the node may have. */
  bringsAddresses: boolean;
  creating: NodeENIConfigStatus["creating"];
  readiness: Readiness;
}

/**
 * ipamd's part of a NodeENIConfig's status.
 *
 * @param options.before the condition `Ready` as it was last published
 * @param options.now milliseconds since 1970
 */
export function nodeStatus(
  state: NodeState,
  options: { before: Condition | undefined; now: number },
): NodeENIConfigStatus {
  const { instance, quota, settings, enis, view, creating, readiness } = state;
  const held = Map.groupBy(
    state.addresses.filter((vip) => isServedAddress(vip) && isHeld(vip)),
    (vip) => vip.spec.eniID,
  );
  const assigned = view.enis.reduce((sum, eni) => sum + eni.addresses.length, 0);
  return {
    instanceID: instance.id,
    instanceType: instance.type,
    zone: instance.zone,
    quota: { enis: quota.enis, addressesPerENI: quota.addressesPerEni },
    limit: {
      enis: settings.maxEnis,
      addressesPerENI: settings.maxAddressesPerEni,
      addresses: settings.maxAddresses,
    },
    warm: settings.warm,
    ...(settings.accepted.disabled !== undefined && { disabled: settings.accepted.disabled }),
    ...(settings.accepted.subnetIds !== undefined && { subnetIDs: [...settings.accepted.subnetIds] }),
    eniInfos: enis.map((veni) => ({
      eniID: veni.metadata.name,
      mac: veni.spec.mac,
      subnetID: veni.spec.subnetID,
      subnetCIDR: veni.spec.subnetCIDR,
      primaryIP: veni.spec.primaryIP,
      addresses: view.enis.find((eni) => eni.id === veni.metadata.name)?.addresses.length ?? 0,
      inUse: held.get(veni.metadata.name)?.length ?? 0,
    })),
    ...(creating !== undefined && { creating }),
    enis: `${enis.length}/${view.limit.enis}`,
    addresses: `${assigned}/${settings.maxAddresses}`,
    room: settings.disabled ? 0 : roomOf(view),
    ...(state.bringsAddresses && { slots: settings.disabled ? 0 : settings.maxAddresses }),
    demand: state.demand,
    ...(view.waiting > 0 && { waiting: view.waiting }),
    conditions: [readyCondition(readiness, options)],
  };
}

/** The condition `Ready` as it was last published. */
export function readinessCondition(config: NodeENIConfig | undefined): Condition | undefined {
  return config?.status?.conditions?.find((condition) => condition.type === "Ready");
}

/** ipamd's part of a status with another readiness: all else stays as it is while nothing new is known. */
export function withReadiness(
  config: NodeENIConfig | undefined,
  readiness: Readiness,
  now: number,
): NodeENIConfigStatus {
  const { use: _use, conditions: _conditions, ...own } = config?.status ?? {};
  return { ...own, conditions: [readyCondition(readiness, { before: readinessCondition(config), now })] };
}

/** The quota that a former leader published, for an instance of this type. */
export function publishedQuota({ status }: NodeENIConfig, { type }: Instance): InterfaceLimit | undefined {
  if (status?.quota === undefined || status.instanceType !== type) return undefined;
  return { enis: status.quota.enis, addressesPerEni: status.quota.addressesPerENI };
}
