import { attaching } from "./attach-network-interface.ts";
import { findEni, findSubnet } from "./find.ts";
import { isPlugged, plugEffects } from "./plug.ts";
import { dropEni, putEni, unclaimInstance } from "./put-eni.ts";
import type { CloudState, Effect, Eni, Job, Time } from "./state.ts";
import { returnAddresses } from "./subnet-addresses.ts";
import { finishJob, forgetOldTasks, schedule } from "./task.ts";

interface Advance {
  readonly state: CloudState;
  readonly effects: readonly Effect[];
}

/** When the next job is done; undefined when the cloud has nothing to do, or nothing that ends by itself. */
export function nextDue(state: CloudState): Time | undefined {
  let queue = state.due;
  for (let { first } = queue; first !== undefined; { first } = queue) {
    if (state.jobs.get(first.key)?.due === first.due) {
      return first.due;
    }
    queue = queue.withoutFirst();
  }
  return undefined;
}

/** The state as it is now: every job that is due is done, in the order in which they fell due. */
export function advance(state: CloudState, now: Time): Advance {
  let current = forgetOldTasks(state, now);
  const effects: Effect[] = [];
  for (let { first } = current.due; first !== undefined && first.due <= now; { first } = current.due) {
    const job = current.jobs.get(first.key);
    current = { ...current, due: current.due.withoutFirst() };
    if (job?.due === first.due) {
      const step = complete(current, job);
      current = step.state;
      effects.push(...step.effects);
    }
  }
  return { state: current, effects };
}

function complete(state: CloudState, job: Job): Advance {
  const eni = state.enis.get(job.eniId);
  if (eni === undefined) {
    throw new Error(
      `The job ${job.taskId} is at ${job.eniId}, which does not exist: a network interface may go only by its own job.`,
    );
  }
  const fails = job.failure?.at === job.work.kind;
  switch (job.work.kind) {
    case "create":
      return fails ? drop(state, job, eni) : completeCreate(state, job, eni);
    case "attach":
      return fails ? withoutAttachment(state, job, eni) : completeAttach(state, job, eni);
    case "detach":
      return fails ? asBefore(state, job, eni) : withoutAttachment(state, job, eni);
    case "delete":
      return fails ? asBefore(state, job, eni) : drop(state, job, eni);
    case "assign":
      return fails
        ? withoutAddresses(state, job, { eni, addresses: job.work.addresses })
        : withAddresses(state, job, { eni, addresses: job.work.addresses });
    case "unassign":
      return fails
        ? withAddresses(state, job, { eni, addresses: job.work.addresses })
        : withoutAddresses(state, job, { eni, addresses: job.work.addresses });
    case "migrate":
      return fails
        ? withAddresses(state, job, { eni, addresses: [job.work.address] })
        : moved(state, job, { from: eni, address: job.work.address, to: job.work.to });
  }
}

function completeCreate(state: CloudState, job: Job, eni: Eni): Advance {
  const created: Eni = { ...eni, state: "AVAILABLE", addresses: eni.addresses.map(available) };
  const attachTo = job.work.kind === "create" ? job.work.attachTo : undefined;
  if (attachTo === undefined) {
    return done(state, job, { eni: created });
  }
  const instance = state.instances.get(attachTo.instanceId);
  if (instance === undefined) {
    return done(unclaimInstance(state, attachTo.instanceId, eni.eniId), job, {
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
  return { state: schedule(putEni(state, onItsWay), next), effects: [] };
}

function completeAttach(state: CloudState, job: Job, eni: Eni): Advance {
  const instance = state.instances.get(eni.attachment?.instanceId ?? "");
  const attached: Eni = { ...eni, state: "AVAILABLE" };
  const effects = instance === undefined ? [] : plugEffects(instance, attached);
  return done(state, job, { eni: attached, effects });
}

function withoutAttachment(state: CloudState, job: Job, eni: Eni): Advance {
  const { attachment: _, ...rest } = eni;
  const effects: Effect[] = isPlugged(state, eni) ? [{ kind: "unplug", eniId: eni.eniId }] : [];
  return done(state, job, { eni: { ...rest, state: "AVAILABLE" }, effects });
}

function asBefore(state: CloudState, job: Job, eni: Eni): Advance {
  return done(state, job, { eni: { ...eni, state: "AVAILABLE" } });
}

function drop(state: CloudState, job: Job, eni: Eni): Advance {
  const attachTo = job.work.kind === "create" ? job.work.attachTo : undefined;
  const idle = over(state, job);
  const unclaimed = attachTo === undefined ? idle : unclaimInstance(idle, attachTo.instanceId, eni.eniId);
  return { state: dropEni(unclaimed, eni), effects: [] };
}

function withAddresses(
  state: CloudState,
  job: Job,
  { eni, addresses }: { eni: Eni; addresses: readonly string[] },
): Advance {
  const arrived = new Set(addresses);
  const changed = {
    ...eni,
    addresses: eni.addresses.map((it) => (arrived.has(it.address) ? available(it) : it)),
  };
  const effects: Effect[] = isPlugged(state, eni) ? [{ kind: "assign", eniId: eni.eniId, addresses }] : [];
  return done(state, job, { eni: changed, effects });
}

function withoutAddresses(
  state: CloudState,
  job: Job,
  { eni, addresses }: { eni: Eni; addresses: readonly string[] },
): Advance {
  const gone = new Set(addresses);
  const changed = { ...eni, addresses: eni.addresses.filter((it) => !gone.has(it.address)) };
  const subnet = returnAddresses(findSubnet(state, eni.subnetId), addresses);
  return done({ ...state, subnets: state.subnets.with(subnet.subnetId, subnet) }, job, { eni: changed });
}

function moved(
  state: CloudState,
  job: Job,
  { from, address, to }: { from: Eni; address: string; to: string },
): Advance {
  const receiving = findEni(state, to);
  const arrived = from.addresses.filter((it) => it.address === address).map(available);
  const left = { ...from, addresses: from.addresses.filter((it) => it.address !== address) };
  const effects: Effect[] = isPlugged(state, receiving)
    ? [{ kind: "assign", eniId: to, addresses: [address] }]
    : [];
  const eni = { ...receiving, addresses: [...receiving.addresses, ...arrived] };
  return done(putEni(state, left), job, { eni, effects });
}

function done(
  state: CloudState,
  job: Job,
  outcome: { eni: Eni; effects?: readonly Effect[]; failure?: string },
): Advance {
  return {
    state: putEni(over(state, job, outcome.failure), outcome.eni),
    effects: outcome.effects ?? [],
  };
}

/** The state in which the job is over, as it was meant to end. */
function over(state: CloudState, job: Job, failure = failureOf(job)): CloudState {
  return finishJob(state, job, { now: job.due, ...(failure === undefined ? {} : { failure }) });
}

function failureOf(job: Job): string | undefined {
  return job.failure?.at === job.work.kind ? job.failure.output : undefined;
}

function available<T extends { state: string }>(it: T): Omit<T, "state"> & { state: "AVAILABLE" } {
  return { ...it, state: "AVAILABLE" };
}
