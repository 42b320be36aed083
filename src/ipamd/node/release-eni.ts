import type { VpcENI } from "../../api/vpc-eni.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Effect } from "../cloud-view/cloud-view.ts";
import { UNASSIGN_BATCH } from "../planner/give-back.ts";
import { actOn } from "./act-on-eni.ts";
import type { NodeWorld } from "./node-world.ts";
import type { RunCalls } from "./run-calls.ts";
import { unassign } from "./unassign.ts";

/**
 * The next step of releasing an ENI whose release is decided: detach while attached, then delete. Each step is begun once and its
 * end read from the cloud; the objects go when the cloud no longer has the ENI.
 */
export async function releaseEni(world: NodeWorld, veni: VpcENI, calls: RunCalls): Promise<void> {
  const { view, acts, clock } = world;
  const id = veni.metadata.name;
  const eni = view.get(id);
  if (eni === undefined || view.isBusy(id)) return;
  const { instanceId } = eni;
  // Somebody has moved it to another machine, and what runs there was not asked: the audit names it.
  if (instanceId !== undefined && instanceId !== veni.spec.instanceID) return;
  // What is detached is a fence; what is deleted is lost, and pods have addresses of their own on it that are moved from here.
  if (instanceId === undefined && holdsClaimed(world, veni)) return emptyDetached(world, veni, calls);
  // The instance takes or gives one at a time; its next reading brings this node up again.
  if (instanceId !== undefined && view.isInstanceBusy(instanceId)) return;
  const permit = calls.claim(
    instanceId === undefined ? "DeleteNetworkInterface" : "DetachNetworkInterface",
    "release",
  );
  if (permit === undefined) return;
  const act =
    instanceId === undefined
      ? () => permit.use(() => acts.remove(id))
      : () => permit.use(() => acts.detach(id, instanceId));
  const isGoing: Effect = (it) =>
    it.state === "deleting" ||
    (instanceId !== undefined && (it.state === "detaching" || it.instanceId === undefined));
  try {
    await actOn(world, id, { act, effect: isGoing, movesOn: instanceId });
    if (instanceId === undefined) view.deleted(id, clock.monotonic());
    world.logger.info(
      { node: veni.spec.node, eni: id, instance: instanceId },
      instanceId !== undefined ? "detaching the ENI" : "deleting the ENI",
    );
  } catch (error) {
    // Done already: the next reading shows how it stands.
    if (!(error instanceof CloudError && error.class === "done-already")) throw error;
  } finally {
    permit.release();
  }
}

/** Gives back what is nobody's of an ENI that is attached to nothing and outlives its machine for the addresses of claims. */
async function emptyDetached(world: NodeWorld, veni: VpcENI, calls: RunCalls): Promise<void> {
  const { view, objects, claims } = world;
  const id = veni.metadata.name;
  const addresses = (view.get(id)?.addresses ?? [])
    .map(({ address }) => address)
    .filter((address) => {
      const vip = objects.vipOf(address);
      return vip !== undefined && vip.spec.eniID === id && !claims?.isClaimed(vip);
    })
    .slice(0, UNASSIGN_BATCH);
  if (addresses.length === 0 || !view.isDetached(id)) return;
  const permit = calls.claim("UnassignPrivateIpAddresses", "release");
  if (permit === undefined) return;
  try {
    await unassign(world, { eniId: id, addresses }, permit);
  } finally {
    permit.release();
  }
}

/** Whether addresses of claims are on an ENI, by their objects or in the cloud: one that has just moved there has no object yet. */
export function holdsClaimed({ objects, claims, view }: NodeWorld, { metadata, spec }: VpcENI): boolean {
  if (claims === undefined) return false;
  return (
    objects.addressesOf(spec.node).some((vip) => vip.spec.eniID === metadata.name && claims.isClaimed(vip)) ||
    (view.get(metadata.name)?.addresses ?? []).some(({ address }) => claims.isKept(address))
  );
}
