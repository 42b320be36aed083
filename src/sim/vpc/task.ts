import { CloudError } from "./cloud-error.ts";
import { claimInstance, putEni } from "./put-eni.ts";
import type { CloudState, Eni, Fate, Job, Task, Time } from "./state.ts";

/** How long a finished task can be asked for, in milliseconds. */
const taskLife = 60 * 60 * 1000;

/** How long the action takes, in milliseconds. */
export function latencyOf(state: CloudState, action: string): number {
  return state.settings.latency.actions[action] ?? state.settings.latency.default;
}

/** The state in which the cloud works at this job, for a network interface that is as given. */
export function startJob(
  state: CloudState,
  eni: Eni,
  { job, fate }: { job: Job; fate: Fate | undefined },
): CloudState {
  const task: Task = { taskId: job.taskId, eniId: job.eniId, status: "RUNNING", output: "" };
  const scheduled = schedule(putEni(state, eni), fate === undefined ? job : fated(job, fate));
  const started = { ...scheduled, tasks: state.tasks.with(job.taskId, task) };
  const { work } = job;
  if (work.kind === "migrate") {
    return { ...started, receiving: started.receiving.with(work.to, eni.eniId) };
  }
  return work.kind === "create" && work.attachTo !== undefined
    ? claimInstance(started, work.attachTo.instanceId, eni.eniId)
    : started;
}

/** The state in which the job of its network interface is this one. */
export function schedule(state: CloudState, job: Job): CloudState {
  const due = Number.isFinite(job.due) ? state.due.with(job.due, job.eniId) : state.due;
  return { ...state, jobs: state.jobs.with(job.eniId, job), due };
}

function fated(job: Job, { stallMs, failure }: Fate): Job {
  const late = { ...job, due: job.due + stallMs };
  if (failure === undefined) {
    return late;
  }
  const isDouble = job.work.kind === "create" && job.work.attachTo !== undefined;
  const at = isDouble ? (failure.at ?? "attach") : job.work.kind;
  return { ...late, failure: { output: failure.output, at } };
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
    jobs: state.jobs.without(job.eniId),
    receiving: job.work.kind === "migrate" ? state.receiving.without(job.work.to) : state.receiving,
    tasks: state.tasks.with(job.taskId, task),
    finished: state.finished.with(job.taskId, outcome.now),
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
  let { tasks, finished } = state;
  for (const [taskId, finishedAt] of state.finished) {
    if (finishedAt + taskLife >= now) {
      break;
    }
    tasks = tasks.without(taskId);
    finished = finished.without(taskId);
  }
  return finished === state.finished ? state : { ...state, tasks, finished };
}
