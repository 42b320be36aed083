import { findInstance } from "./find.ts";
import { knownInstanceType } from "./instance-types.ts";
import type { CloudState, Instance, Step } from "./state.ts";

/** What one machine may have from now on, whatever its type; what is left out stays. */
export interface QuotaChange {
  readonly instanceId: string;
  /** The primary network interface counts. */
  readonly eniQuota?: number | undefined;
  /** The primary address counts. */
  readonly addressesPerEni?: number | undefined;
}

/**
 * A machine's quota is raised or lowered, as by a ticket. What it has beyond a lower one it keeps.
 *
 * @throws CloudError ResourceNotFound
 */
export function changeQuota(state: CloudState, change: QuotaChange): Step<Instance> {
  const instance = findInstance(state, change.instanceId);
  const { eniQuota = instance.type.eniQuota, addressesPerEni = instance.type.addressesPerEni } = change;
  return become(state, { ...instance, type: { ...instance.type, eniQuota, addressesPerEni } });
}

/**
 * A machine becomes one of another type, with that type's quota. What it has beyond a lower one it keeps.
 *
 * @throws CloudError ResourceNotFound; InvalidParameterValue for a type that is not known
 */
export function resizeInstance(
  state: CloudState,
  { instanceId, instanceType }: { readonly instanceId: string; readonly instanceType: string },
): Step<Instance> {
  const instance = findInstance(state, instanceId);
  return become(state, { ...instance, instanceType, type: knownInstanceType(state, instanceType) });
}

/** From now on a VPC may have that many network interfaces. What it has beyond it keeps. */
export function changeVpcQuota(state: CloudState, vpcMaxEnis: number): Step<null> {
  return { state: { ...state, vpcMaxEnis }, answer: null, effects: [] };
}

function become(state: CloudState, instance: Instance): Step<Instance> {
  const instances = state.instances.with(instance.instanceId, instance);
  return { state: { ...state, instances }, answer: instance, effects: [] };
}
