// The scheduler's extender: how long a decision takes, what an address costs in memory, and pods scheduled a second by a real kube-scheduler.
import type { BenchWorld, Measured } from "./bench.ts";
import { benchDecisions } from "./decision-time.ts";
import { benchExtenderMemory } from "./extender-memory.ts";
import { benchSchedulingRate } from "./scheduling-rate.ts";

export async function benchScheduler(world: BenchWorld): Promise<Measured> {
  const parts: Measured[] = [];
  for (const part of [benchDecisions, benchExtenderMemory, benchSchedulingRate])
    parts.push(await part(world));
  return {
    figures: parts.flatMap(({ figures }) => figures),
    raw: Object.assign({}, ...parts.map(({ raw }) => raw)),
  };
}
