import { readFileSync } from "node:fs";
import type { BenchWorld, Measured } from "./bench.ts";
import type { BenchCluster } from "./bench-cluster.ts";
import { BenchNode } from "./bench-node.ts";
import { makePods } from "./pod-namespaces.ts";
import { median } from "./statistics.ts";
import type { VpcRouter } from "./vpc-router.ts";

const PODS = 250;
const RESTARTS = 20;
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
    await node.quiet();
    const memory = residentMegabytes(node.agentPid);
    say(`agent with ${PODS} pods: ${memory.toFixed(1)} MB resident`);

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
    const afterwards = residentMegabytes(node.agentPid);
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
          name: `agent's resident memory, ${PODS} pods`,
          value: Math.max(memory, afterwards),
          unit: "MB",
          goal: { op: "<=", value: 90 },
        },
      ],
      raw: { "restart ms": restarts, "resident MB, before and after the restarts": [memory, afterwards] },
    };
  } finally {
    await node.stop();
  }
}

/** Memory of a process, MB of 10^6 bytes, the pages of its executable included. */
function residentMegabytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return (Number(kibibytes) * 1024) / 1e6;
}
