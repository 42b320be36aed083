import { advance } from "./advance.ts";
import { CloudError } from "./cloud-error.ts";
import type { CloudState, Step } from "./state.ts";
import { findTask, schedule } from "./task.ts";

/**
 * A job that is running late, or would not end by itself, ends now; where another one follows, that takes its time.
 *
 * @throws CloudError ResourceNotFound where no such task is running
 */
export function releaseTask(state: CloudState, taskId: string, occasion: { now: number }): Step<null> {
  const task = findTask(state, taskId);
  const job = state.jobs.get(task.eniId);
  if (job?.taskId !== taskId) {
    throw new CloudError("ResourceNotFound", `The task "${taskId}" is not running: it is ${task.status}.`);
  }
  const due = Math.min(job.due, occasion.now);
  return { ...advance(schedule(state, { ...job, due }), occasion.now), answer: null };
}

/** All jobs that would not end by themselves end now. */
export function releaseStalledTasks(state: CloudState, occasion: { now: number }): Step<null> {
  const stalled = [...state.jobs.values()].filter((job) => !Number.isFinite(job.due));
  const released = stalled.reduce((it, job) => schedule(it, { ...job, due: occasion.now }), state);
  return { ...advance(released, occasion.now), answer: null };
}
