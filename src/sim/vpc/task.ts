import { CloudError } from "./cloud-error.ts";
import {
  type CloudState,
  type Eni,
  type Job,
  type Task,
  type Time,
  withEntry,
  withoutEntry,
} from "./state.ts";

/** How long a finished task can be asked for, in milliseconds. */
const taskLife = 60 * 60 * 1000;

/** How long the action takes, in milliseconds. */
export function latencyOf(state: CloudState, action: string): number {
  return state.settings.latency.actions[action] ?? state.settings.latency.default;
}

/** The state in which the cloud works at this job, for a network interface that is as given. */
export function startJob(state: CloudState, eni: Eni, job: Job): CloudState {
  const task: Task = { taskId: job.taskId, eniId: job.eniId, status: "RUNNING", output: "" };
  return {
    ...state,
    enis: withEntry(state.enis, eni.eniId, eni),
    jobs: withEntry(state.jobs, job.eniId, job),
    tasks: withEntry(state.tasks, job.taskId, task),
  };
}

/** The state in which the job is done, well or, where it says why, not. */
export function finishJob(state: CloudState, job: Job, outcome: { now: Time; failure?: string }): CloudState {
  const task: Task = {
    taskId: job.taskId,
    eniId: job.eniId,
    status: outcome.failure === undefined ? "SUCCESS" : "FAILED",
    output: outcome.failure ?? "",
    finishedAt: outcome.now,
  };
  return {
    ...state,
    jobs: withoutEntry(state.jobs, job.eniId),
    tasks: withEntry(state.tasks, job.taskId, task),
  };
}

/**
 * What became of an asynchronous request.
 *
 * @throws CloudError ResourceNotFound where there was none of that id, or none within the last hour
 */
export function findTask(state: CloudState, taskId: string): Task {
  const task = state.tasks.get(taskId);
  if (task === undefined) {
    throw new CloudError("ResourceNotFound", `The task "${taskId}" does not exist.`);
  }
  return task;
}

/** The state without the tasks that are over for longer than they can be asked for. */
export function forgetOldTasks(state: CloudState, now: Time): CloudState {
  const isOld = (task: Task) => task.finishedAt !== undefined && task.finishedAt + taskLife < now;
  // Tasks stand in the order of their start; the first tells whether there is anything to do.
  const [oldest] = state.tasks.values();
  if (oldest === undefined || !isOld(oldest)) {
    return state;
  }
  return { ...state, tasks: new Map([...state.tasks].filter(([, task]) => !isOld(task))) };
}
