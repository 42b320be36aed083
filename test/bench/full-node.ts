import { readFileSync } from "node:fs";
import type { BenchWorld, Measured } from "./bench.ts";
import type { BenchCluster } from "./bench-cluster.ts";
import { BenchNode } from "./bench-node.ts";
import { makePods } from "./pod-namespaces.ts";
import { median } from "./statistics.ts";
import type { VpcRouter } from "./vpc-router.ts";

const PODS = 250;
const RESTARTS = 20;
/** What the agent no longer needs goes back to the kernel within this time: the runtime collects some ten seconds after the last work. */
const REST_MS = 30_000;
const GIVE_UP_MS = 10_000;

/** The agent on a full node: what it takes of memory, and how soon a new one serves after the old one was killed. */
export async function benchFullNode(
  cluster: BenchCluster,
  { vpc, say, signal }: BenchWorld & { readonly vpc: VpcRouter },
): Promise<Measured> {
  say(`making a node with ${PODS} pods …`);
  const node = await BenchNode.start(cluster, { number: 2, addresses: PODS + RESTARTS, vpc });
  try {
    const { plugin } = await node.fill(PODS);
    await Bun.sleep(REST_MS);
    const memory = megabytes(node.agentPid, "VmRSS");
    const peak = megabytes(node.agentPid, "VmHWM");
    say(`agent with ${PODS} pods: ${memory.toFixed(1)} MB resident at rest, at most ${peak.toFixed(1)} MB`);

    const restarts: number[] = [];
    for (const pod of makePods(cluster.namespaces, "late", RESTARTS)) {
      signal.throwIfAborted();
      await node.killAgent();
      const began = performance.now();
      node.launchAgent();
      for (;;) {
        const { exitCode, output } = await plugin.try("ADD", pod);
        const took = performance.now() - began;
        if (exitCode === 0) {
          restarts.push(took);
          break;
        }
        if (took > GIVE_UP_MS) throw new Error(`the new agent does not answer: ${output}; ${node.log()}`);
      }
      await node.quiet();
    }
    await Bun.sleep(REST_MS);
    const afterwards = megabytes(node.agentPid, "VmRSS");
    plugin.close();
    say(
      `agent started after kill -9, until ADD has an answer, ms: ${restarts.map((ms) => ms.toFixed(0)).join(" ")}`,
    );
    return {
      figures: [
        {
          name: `agent after kill -9 with ${PODS} pods, exec until ADD has answered, p50`,
          value: median(restarts),
          unit: "ms",
          goal: { op: "<=", value: 150 },
        },
        {
          name: `agent's resident memory at rest, ${PODS} pods`,
          value: Math.max(memory, afterwards),
          unit: "MB",
          goal: { op: "<=", value: 90 },
        },
      ],
      raw: {
        "restart ms": restarts,
        "resident MB, before and after the restarts": [memory, afterwards],
        "peak MB": peak,
      },
    };
  } finally {
    await node.stop();
  }
}

/** Memory of a process, MB of 10^6 bytes, the pages of its executable included. */
function megabytes(pid: number, which: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kibibytes = new RegExp(`^${which}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  return (Number(kibibytes) * 1024) / 1e6;
}
