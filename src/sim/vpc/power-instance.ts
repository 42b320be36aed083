import { CloudError } from "./cloud-error.ts";
import { enisOf, findInstance } from "./find.ts";
import { isPlugged, plugEffects } from "./plug.ts";
import type { CloudState, Effect, Instance, Step } from "./state.ts";

/**
 * A machine loses its power: its links are gone, and the cloud keeps what is attached to it.
 *
 * @throws CloudError ResourceNotFound; UnsupportedOperation.InvalidState for one that is stopped
 */
export function stopInstance(state: CloudState, instanceId: string): Step<Instance> {
  const instance = inState(state, instanceId, "RUNNING");
  const effects = enisOf(state, instanceId)
    .filter((eni) => isPlugged(state, eni))
    .map((eni): Effect => ({ kind: "unplug", eniId: eni.eniId }));
  return become(state, { ...instance, state: "STOPPED" }, effects);
}

/**
 * A machine gets its power back: its links appear again, down and without addresses, as at a boot.
 *
 * @throws CloudError ResourceNotFound; UnsupportedOperation.InvalidState for one that runs
 */
export function startInstance(state: CloudState, instanceId: string): Step<Instance> {
  const instance: Instance = { ...inState(state, instanceId, "STOPPED"), state: "RUNNING" };
  const effects = enisOf(state, instanceId)
    .filter((eni) => eni.attachment !== undefined && eni.state !== "ATTACHING")
    .sort((a, b) => (a.attachment?.deviceIndex ?? 0) - (b.attachment?.deviceIndex ?? 0))
    .flatMap((eni) => plugEffects(instance, eni));
  return become(state, instance, effects);
}

function inState(state: CloudState, instanceId: string, wanted: Instance["state"]): Instance {
  const instance = findInstance(state, instanceId);
  if (instance.state !== wanted) {
    throw new CloudError(
      "UnsupportedOperation.InvalidState",
      `The machine ${instanceId} is ${instance.state}.`,
    );
  }
  return instance;
}

function become(state: CloudState, instance: Instance, effects: readonly Effect[]): Step<Instance> {
  const instances = state.instances.with(instance.instanceId, instance);
  return { state: { ...state, instances }, answer: instance, effects };
}
