import assert from "node:assert/strict";
import { nodes } from "../../src/kube/core-resources.ts";
import { tryCommand } from "../../tools/build/run-command.ts";
import { podPids } from "../cluster/cgroup.ts";
import { loadDaemons } from "../cluster/daemon-records.ts";
import { cutNode } from "./cut-node.ts";
import { untilAnswered, untilAnswering } from "./echo.ts";
import { eventsAbout } from "./events-about.ts";
import type { Scenario } from "./scenario.ts";
import { type Stage, until } from "./stage.ts";
import { createPods, createWorkload, deletePods, type PodView, untilReady } from "./workload.ts";

const NAME = "leaves-cut-node";
const LATER = "after-the-cut";
/** Nobody else needs it. */
const NODE = "node-4";

/**
 * A node is cut off, and its pod deleted by force: the pod comes up elsewhere with its address once the grace is over. The former one runs on,
 * and is nobody: the VPC drops what it sends, its agent cuts it off as soon as it hears of it, and the node serves again.
 */
export const leavesCutNode: Scenario = {
  name: "an address leaves a node that is cut off, and has one holder when that is back",
  makes: [NAME, LATER],
  async play(stage) {
    await createWorkload(stage, {
      name: NAME,
      kind: "StatefulSet",
      replicas: 1,
      subnets: ["subnet-pods0001"],
      nodes: ["node-1", "node-2", NODE],
      first: NODE,
    });
    const [former] = await untilReady(stage, NAME, { count: 1 });
    assert(former !== undefined);
    assert.equal(former.node, NODE);
    await untilAnswering(stage, [former]);
    const cut = await cutNode(stage, NODE);
    // It would take the former pod away as soon as it is back, and nobody would see what the agent does.
    const kubelet = (await loadDaemons()).get(`${NODE}-kubelet`)?.pid;
    assert(kubelet !== undefined);
    try {
      await untilUnreachable(stage, NODE);
      await stage.disturb(() => deletePods(stage, [former], { force: true }));
      const [pod] = await untilReady(stage, NAME, { count: 1, besides: [former] });
      assert(pod !== undefined);
      assert.notEqual(pod.node, NODE);
      assert.equal(pod.address, former.address);
      await untilAnswering(stage, [pod]);

      process.kill(kubelet, "SIGSTOP");
      await cut.healPods();
      const before = await dropsOf(stage, former);
      await sendFrom(former);
      assert((await dropsOf(stage, former)) > before, "the VPC drops what the former pod sends");
      assert.equal(await untilAnswered(stage, pod.address), pod.uid);

      await cut.heal();
      await until(stage, `the agent of ${NODE} to cut ${former.name} off`, {
        withinMs: 60_000,
        check: async () => {
          const found = await eventsAbout(stage, [former], "DriftQuarantined");
          return found.some((it) => it.includes("belongs to another node now: it is cut off"));
        },
      });
      const sent = await dropsOf(stage, former);
      await sendFrom(former);
      assert.equal(await dropsOf(stage, former), sent, "nothing that the former pod sends leaves its node");
      assert.equal(await untilAnswered(stage, pod.address), pod.uid);

      process.kill(kubelet, "SIGCONT");
      await untilNodeServes(stage, NODE);
      await until(stage, "the end of the former pod", {
        withinMs: 30_000,
        check: async () => podPids(former.uid).length === 0,
      });
      await createPods(stage, { name: LATER, count: 1, subnets: ["subnet-pods0001"], nodes: [NODE] });
      await untilReady(stage, LATER, { count: 1 });
      await untilAnswering(stage, [pod]);
    } finally {
      process.kill(kubelet, "SIGCONT");
      await cut.heal();
    }
  },
};

/** The taint, by which the scheduler goes, follows the condition: until it is there the next pod may be sent to that node. */
function untilUnreachable(stage: Stage, node: string): Promise<true> {
  return until(stage, `${node} to be told unreachable`, {
    withinMs: 90_000,
    check: async () => {
      const { spec, status } = await stage.kube.get(nodes, node);
      const isUnknown = status?.conditions?.some((it) => it.type === "Ready" && it.status === "Unknown");
      const isTainted = spec.taints?.some(
        ({ key, effect }) => key === "node.kubernetes.io/unreachable" && effect === "NoSchedule",
      );
      return isUnknown === true && isTainted === true;
    },
  });
}

function untilNodeServes(stage: Stage, node: string): Promise<true> {
  return until(stage, `the readiness of ${node}`, {
    withinMs: 90_000,
    check: async () => {
      const { status } = await stage.kube.get(nodes, node);
      return status?.conditions?.some((it) => it.type === "Ready" && it.status === "True") === true;
    },
  });
}

/** Has a pod that still runs send something to a machine of the VPC, from within. */
async function sendFrom({ uid, name }: PodView): Promise<void> {
  const [pid] = podPids(uid);
  assert(pid !== undefined, `${name} still runs on its node`);
  await tryCommand(["nsenter", `--target=${pid}`, "--net", "--", "ping", "-c", "1", "-W", "1", "10.0.1.10"]);
}

/** Packets from the pod's address that the VPC has dropped because it is not its sender's. */
async function dropsOf({ control }: Stage, { address }: PodView): Promise<number> {
  const { bySource } = await control.readDrops();
  return bySource.filter(({ source }) => source === address).reduce((sum, { packets }) => sum + packets, 0);
}
