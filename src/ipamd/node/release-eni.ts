import type { VpcENI } from "../../api/vpc-eni.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Effect } from "../cloud-view/cloud-view.ts";
import { actOn } from "./act-on-eni.ts";
import type { NodeWorld } from "./node-world.ts";
import type { RunCalls } from "./run-calls.ts";

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
  if (instanceId === undefined && holdsClaimed(world, veni)) return;
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

/** Whether addresses of claims are on an ENI. */
export function holdsClaimed({ objects, claims }: NodeWorld, { metadata, spec }: VpcENI): boolean {
  if (claims === undefined) return false;
  return objects
    .addressesOf(spec.node)
    .some((vip) => vip.spec.eniID === metadata.name && claims.isClaimed(vip));
}
