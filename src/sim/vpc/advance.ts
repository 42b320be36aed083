import { attaching } from "./attach-network-interface.ts";
import { findSubnet } from "./find.ts";
import { isPlugged, plugEffects } from "./plug.ts";
import {
  type CloudState,
  type Effect,
  type Eni,
  type Job,
  type Time,
  withEntry,
  withoutEntry,
} from "./state.ts";
import { returnAddresses } from "./subnet-addresses.ts";
import { finishJob, forgetOldTasks } from "./task.ts";

/** When the next job is done; undefined when the cloud has nothing to do. */
export function nextDue(state: CloudState): Time | undefined {
  let earliest: Time | undefined;
  for (const job of state.jobs.values()) {
    if (earliest === undefined || job.due < earliest) {
      earliest = job.due;
    }
  }
  return earliest;
}

/** The state as it is now: every job that is due is done, in the order in which they fell due. */
export function advance(state: CloudState, now: Time): { state: CloudState; effects: readonly Effect[] } {
  let current = forgetOldTasks(state, now);
  const effects: Effect[] = [];
  for (let job = firstDue(current, now); job !== undefined; job = firstDue(current, now)) {
    const step = complete(current, job);
    current = step.state;
    effects.push(...step.effects);
  }
  return { state: current, effects };
}

function firstDue(state: CloudState, now: Time): Job | undefined {
  let first: Job | undefined;
  for (const job of state.jobs.values()) {
    if (job.due <= now && (first === undefined || job.due < first.due)) {
      first = job;
    }
  }
  return first;
}

function complete(state: CloudState, job: Job): { state: CloudState; effects: readonly Effect[] } {
  const eni = state.enis.get(job.eniId);
  if (eni === undefined) {
    throw new Error(
      `The job ${job.taskId} is at ${job.eniId}, which does not exist: a network interface may go only by its own job.`,
    );
  }
  switch (job.work.kind) {
    case "create":
      return completeCreate(state, job, eni);
    case "attach":
      return completeAttach(state, job, eni);
    case "detach":
      return completeDetach(state, job, eni);
    case "delete":
      return completeDelete(state, job, eni);
    case "assign":
      return completeAssign(state, job, { eni, addresses: job.work.addresses });
    case "unassign":
      return completeUnassign(state, job, { eni, addresses: job.work.addresses });
  }
}

function completeCreate(state: CloudState, job: Job, eni: Eni) {
  const created: Eni = { ...eni, state: "AVAILABLE", addresses: eni.addresses.map(available) };
  const attachTo = job.work.kind === "create" ? job.work.attachTo : undefined;
  if (attachTo === undefined) {
    return done(state, job, { eni: created });
  }
  const instance = state.instances.get(attachTo.instanceId);
  if (instance === undefined) {
    return done(state, job, {
      eni: created,
      failure: `The machine ${attachTo.instanceId} does not exist any more.`,
    });
  }
  const next: Job = {
    ...job,
    due: job.due + attachTo.takes,
    work: { kind: "attach", instanceId: instance.instanceId },
  };
  const onItsWay = attaching(state, created, { instance, now: job.due });
  const enis = withEntry(state.enis, eni.eniId, onItsWay);
  return { state: { ...state, enis, jobs: withEntry(state.jobs, eni.eniId, next) }, effects: [] };
}

function completeAttach(state: CloudState, job: Job, eni: Eni) {
  const instance = state.instances.get(eni.attachment?.instanceId ?? "");
  const attached: Eni = { ...eni, state: "AVAILABLE" };
  const effects = instance === undefined ? [] : plugEffects(instance, attached);
  return done(state, job, { eni: attached, effects });
}

function completeDetach(state: CloudState, job: Job, eni: Eni) {
  const { attachment: _, ...rest } = eni;
  const effects: Effect[] = isPlugged(state, eni) ? [{ kind: "unplug", eniId: eni.eniId }] : [];
  return done(state, job, { eni: { ...rest, state: "AVAILABLE" }, effects });
}

function completeDelete(state: CloudState, job: Job, eni: Eni) {
  const subnet = returnAddresses(
    findSubnet(state, eni.subnetId),
    eni.addresses.map((it) => it.address),
  );
  const finished = finishJob(state, job, { now: job.due });
  return {
    state: {
      ...finished,
      enis: withoutEntry(finished.enis, eni.eniId),
      subnets: withEntry(finished.subnets, subnet.subnetId, subnet),
    },
    effects: [],
  };
}

function completeAssign(
  state: CloudState,
  job: Job,
  { eni, addresses }: { eni: Eni; addresses: readonly string[] },
) {
  const arrived = new Set(addresses);
  const changed = {
    ...eni,
    addresses: eni.addresses.map((it) => (arrived.has(it.address) ? available(it) : it)),
  };
  const effects: Effect[] = isPlugged(state, eni) ? [{ kind: "assign", eniId: eni.eniId, addresses }] : [];
  return done(state, job, { eni: changed, effects });
}

function completeUnassign(
  state: CloudState,
  job: Job,
  { eni, addresses }: { eni: Eni; addresses: readonly string[] },
) {
  const gone = new Set(addresses);
  const changed = { ...eni, addresses: eni.addresses.filter((it) => !gone.has(it.address)) };
  const subnet = returnAddresses(findSubnet(state, eni.subnetId), addresses);
  return done({ ...state, subnets: withEntry(state.subnets, subnet.subnetId, subnet) }, job, {
    eni: changed,
  });
}

function done(
  state: CloudState,
  job: Job,
  outcome: { eni: Eni; effects?: readonly Effect[]; failure?: string },
) {
  const finished = finishJob(state, job, {
    now: job.due,
    ...(outcome.failure === undefined ? {} : { failure: outcome.failure }),
  });
  return {
    state: { ...finished, enis: withEntry(finished.enis, outcome.eni.eniId, outcome.eni) },
    effects: outcome.effects ?? [],
  };
}

function available<T extends { state: string }>(it: T): Omit<T, "state"> & { state: "AVAILABLE" } {
  return { ...it, state: "AVAILABLE" };
}
