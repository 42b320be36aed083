import { advance } from "./advance.ts";
import { enisOf, findInstance } from "./find.ts";
import { isPlugged } from "./plug.ts";
import { dropEni, putEni } from "./put-eni.ts";
import type { CloudState, Effect, Eni, Step } from "./state.ts";
import { finishJob, schedule } from "./task.ts";

/**
 * A machine is terminated: its primary network interface goes with it, the others are left behind, detached, with the
 * addresses that they have. A task that was attaching one has failed, one that was detaching it is done, and an address that was
 * migrating to the primary one is back where it came from.
 *
 * @throws CloudError ResourceNotFound
 */
export function removeInstance(state: CloudState, instanceId: string, { now }: { now: number }): Step<null> {
  findInstance(state, instanceId);
  const attached = enisOf(state, instanceId).filter((eni) => eni.attachment !== undefined);
  const effects = attached
    .filter((eni) => isPlugged(state, eni))
    .map((eni): Effect => ({ kind: "unplug", eniId: eni.eniId }));
  let current = state;
  for (const eni of attached) {
    current = eni.primary ? withoutPrimary(current, eni, now) : leftBehind(current, eni, now);
  }
  const gone = { ...current, instances: current.instances.without(instanceId) };
  const after = advance(gone, now);
  return { state: after.state, answer: null, effects: [...effects, ...after.effects] };
}

function withoutPrimary(state: CloudState, eni: Eni, now: number): CloudState {
  const job = state.jobs.get(eni.eniId);
  const output = `The network interface ${eni.eniId} went with its machine.`;
  const idle = job === undefined ? state : finishJob(state, job, { now, failure: output });
  const coming = idle.jobs.get(idle.receiving.get(eni.eniId) ?? "");
  const failing =
    coming === undefined
      ? idle
      : schedule(idle, { ...coming, due: now, failure: { output, at: coming.work.kind } });
  return dropEni(failing, eni);
}

function leftBehind(state: CloudState, eni: Eni, now: number): CloudState {
  const { attachment, ...rest } = eni;
  const detached = putEni(state, { ...rest, state: "AVAILABLE" });
  const job = state.jobs.get(eni.eniId);
  switch (job?.work.kind) {
    case "attach":
      return finishJob(detached, job, {
        now,
        failure: `The machine ${attachment?.instanceId} does not exist any more.`,
      });
    case "detach":
      return finishJob(detached, job, { now });
    default:
      return detached;
  }
}
