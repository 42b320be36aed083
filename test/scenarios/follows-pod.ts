import assert from "node:assert/strict";
import { nodeMachine } from "../cluster/world.ts";
import { untilAnswering } from "./echo.ts";
import type { Scenario } from "./scenario.ts";
import type { Stage } from "./stage.ts";
import { createWorkload, deletePods, untilReady } from "./workload.ts";

const NAME = "follows-pod";

/** A node is cordoned, and its pod deleted: the pod comes up on the other node of the subnet with its address. */
export const followsPod: Scenario = {
  name: "an address follows its pod from a cordoned node",
  makes: [NAME],
  async play(stage) {
    const { cluster } = stage;
    await createWorkload(stage, {
      name: NAME,
      kind: "StatefulSet",
      replicas: 1,
      subnets: ["subnet-pods0001"],
      nodes: ["node-1", "node-2"],
    });
    const [former] = await untilReady(stage, NAME, { count: 1 });
    assert(former !== undefined);
    await untilAnswering(stage, [former]);
    await cluster.kubectl(["cordon", former.node]);
    try {
      await stage.disturb(() => deletePods(stage, [former]));
      const [pod] = await untilReady(stage, NAME, { count: 1, besides: [former] });
      assert(pod !== undefined);
      assert.notEqual(pod.node, former.node);
      assert.equal(pod.address, former.address);
      await untilAnswering(stage, [pod]);
      assert.deepEqual(await holdersOf(stage, pod.address), [
        nodeMachine(Number(pod.node.replace("node-", ""))).instanceId,
      ]);
    } finally {
      await cluster.kubectl(["uncordon", former.node]);
    }
  },
};

/** The instances that have an address, as the cloud has it. */
async function holdersOf({ control }: Stage, address: string): Promise<(string | null)[]> {
  const { enis } = await control.readState();
  return enis
    .filter((eni) => eni.addresses.some((it) => it.address === address))
    .map(({ instanceId }) => instanceId);
}
