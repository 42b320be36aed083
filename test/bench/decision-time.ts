// How long an extender takes for a pod, as kube-scheduler sees it.
import { join } from "node:path";
import { silentProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import type { BenchWorld, Measured } from "./bench.ts";
import type { Figure } from "./figure.ts";
import { NAMESPACE } from "./fixed-address-cluster.ts";
import { goJson } from "./go-json.ts";
import { startOnModel } from "./start-on-model.ts";
import { percentile } from "./statistics.ts";

const ADDRESSES = 50_000;
/** Pods that are decided about in a run; those before are for the runtime to warm up. */
const PODS = 400;
const WARM_UP = 100;
/** Pods that have been let pass and are not bound yet. */
const IN_FLIGHT = 20;
/** Between two changes of addresses, which go on meanwhile. */
const CHANGE_EVERY_MS = 20;
const GOAL_MS = 10;

interface Times {
  readonly filter: number[];
  readonly prioritize: number[];
  readonly both: number[];
}

export async function benchDecisions({ say, signal }: BenchWorld): Promise<Measured> {
  const executable = await compileExecutable("tke-eni-ip-scheduler", silentProgress);
  const figures: Figure[] = [];
  const raw: Record<string, Times> = {};
  for (const nodes of [1000, 5000]) {
    signal.throwIfAborted();
    const { times, mostResident } = await decide({ argv: [executable], nodes, binds: true, say, signal });
    raw[`${nodes} nodes`] = times;
    for (const [what, values] of Object.entries(times) as [keyof Times, number[]][]) {
      for (const p of [50, 99]) {
        const goes = nodes === 5000 && what === "both" && p === 99;
        figures.push({
          name: `${nodes} nodes, ${ADDRESSES} addresses: ${what === "both" ? "filter + prioritize" : what}, p${p}`,
          value: percentile(values, p),
          unit: "ms",
          ...(goes && { goal: { op: "<", value: GOAL_MS } }),
        });
      }
    }
    figures.push({
      name: `${nodes} nodes, ${ADDRESSES} addresses: most resident memory`,
      value: mostResident / 1e6,
      unit: "MB",
    });
  }
  // What of that the way there and back takes, and the machine.
  signal.throwIfAborted();
  const argv = [process.execPath, join(import.meta.dir, "instant-extender.ts")];
  const { times } = await decide({ argv, nodes: 5000, binds: false, say, signal });
  raw["5000 nodes, answered at once"] = times;
  for (const p of [50, 99]) {
    figures.push({
      name: `5000 nodes: an extender that answers at once: filter + prioritize, p${p}`,
      value: percentile(times.both, p),
      unit: "ms",
    });
  }
  return { figures, raw };
}

async function decide({
  argv,
  nodes,
  binds,
  say,
  signal,
}: { argv: readonly string[]; nodes: number; binds: boolean } & BenchWorld): Promise<{
  times: Times;
  mostResident: number;
}> {
  await using started = new AsyncDisposableStack();
  say(`${nodes} nodes, ${ADDRESSES} addresses: making them …`);
  const { cluster, extender } = await startOnModel(argv, { nodes, addresses: ADDRESSES, started });
  const client = await extender.connect();
  started.defer(() => client.stop());

  const waiting = Array.from({ length: PODS + WARM_UP + IN_FLIGHT }, () => cluster.waitingPod());
  const changes = setInterval(() => cluster.changeAnAddress(), CHANGE_EVERY_MS);
  started.defer(() => clearInterval(changes));
  const times: Times = { filter: [], prioritize: [], both: [] };
  const flying: { name: string; uid: string; node: string }[] = [];
  let bytes = 0;
  for (const [i, { name, uid, object }] of waiting.entries()) {
    signal.throwIfAborted();
    const asked = goJson({ Pod: object, Nodes: null, NodeNames: cluster.nodes });
    bytes = asked.length;
    const filtered = await client.call("filter", asked);
    const { NodeNames: fitting, Error: error } = JSON.parse(filtered.text);
    const [node] = fitting;
    if (node === undefined)
      throw new Error(`filter of ${name} lets it pass nowhere: ${error || filtered.text.slice(0, 300)}`);
    const narrowed = goJson({ Pod: object, Nodes: null, NodeNames: fitting });
    const scores = await client.call("prioritize", narrowed);
    if (JSON.parse(scores.text).length !== fitting.length) throw new Error("prioritize forgot nodes");
    if (i >= WARM_UP) {
      times.filter.push(filtered.ms);
      times.prioritize.push(scores.ms);
      times.both.push(filtered.ms + scores.ms);
    }
    if (!binds) continue;
    flying.push({ name, uid, node: fitting[(i * 7919) % fitting.length] });
    const bound = flying.length > IN_FLIGHT ? flying.shift() : undefined;
    if (bound === undefined) continue;
    const body = goJson({
      PodName: bound.name,
      PodNamespace: NAMESPACE,
      PodUID: bound.uid,
      Node: bound.node,
    });
    const answer = JSON.parse((await client.call("bind", body)).text);
    if (answer.Error) throw new Error(`bind of ${bound.name}: ${answer.Error}`);
  }
  say(
    `${nodes} nodes: request of ${Math.round(bytes / 1000)} kB; filter ${told(times.filter)}, prioritize ${told(times.prioritize)}, both ${told(times.both)}`,
  );
  return { times, mostResident: extender.resident().most };
}

function told(values: readonly number[]): string {
  return [50, 90, 99, 100].map((p) => `p${p} ${percentile(values, p).toFixed(2)}`).join(" ");
}
