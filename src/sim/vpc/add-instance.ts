import { CloudError } from "./cloud-error.ts";
import { buildEni } from "./create-network-interface.ts";
import { findSubnet } from "./find.ts";
import { knownInstanceType } from "./instance-types.ts";
import { plugEffects } from "./plug.ts";
import { putEni } from "./put-eni.ts";
import type { CloudState, Eni, Host, Instance, Step } from "./state.ts";

/** A machine that starts. */
export interface InstanceWish {
  readonly instanceId: string;
  readonly name: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly subnetId: string;
  readonly privateAddress: string;
  readonly host?: Host;
}

/**
 * A machine starts: it runs, with a primary network interface that has its address.
 *
 * @returns the machine and its primary network interface
 * @throws CloudError as buildEni and knownInstanceType; ResourceInUse where there is a machine of that id;
 *   UnsupportedOperation.ZoneMismatch for a subnet of another zone
 */
export function addInstance(
  state: CloudState,
  wish: InstanceWish,
  occasion: { now: number },
): Step<{ instance: Instance; eni: Eni }> {
  if (state.instances.has(wish.instanceId)) {
    throw new CloudError("ResourceInUse", `The machine ${wish.instanceId} exists already.`);
  }
  const type = knownInstanceType(state, wish.instanceType);
  const subnet = findSubnet(state, wish.subnetId);
  if (subnet.zone !== wish.zone) {
    throw new CloudError(
      "UnsupportedOperation.ZoneMismatch",
      `The subnet ${subnet.subnetId} is in ${subnet.zone}, the machine in ${wish.zone}.`,
    );
  }
  const built = buildEni(
    state,
    {
      vpcId: subnet.vpcId,
      subnetId: subnet.subnetId,
      name: "Primary ENI",
      description: "",
      addresses: [{ address: wish.privateAddress, primary: true }],
      secondaryCount: 0,
      groups: [],
      tags: [],
    },
    { now: occasion.now, quota: type.addressesPerEni },
  );
  const { instanceId } = wish;
  const eni: Eni = {
    ...built.eni,
    primary: true,
    state: "AVAILABLE",
    addresses: built.eni.addresses.map((it) => ({ ...it, state: "AVAILABLE" })),
    attachment: { instanceId, deviceIndex: 0, attachedAt: occasion.now },
  };
  const instance: Instance = {
    ...wish,
    type,
    vpcId: subnet.vpcId,
    primaryEniId: eni.eniId,
    state: "RUNNING",
    createdAt: occasion.now,
  };
  return {
    state: { ...putEni(built.state, eni), instances: built.state.instances.with(instanceId, instance) },
    answer: { instance, eni },
    effects: plugEffects(instance, eni),
  };
}
