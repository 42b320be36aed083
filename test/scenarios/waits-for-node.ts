import assert from "node:assert/strict";
import type { Scenario } from "./scenario.ts";
import { until } from "./stage.ts";
import { createWorkload, deletePods, podsOf, untilReady } from "./workload.ts";

const NAME = "waits-for-node";
/** There is no other in the subnet's zone. */
const NODE = "node-3";

/** The only node of the zone of a pod's address is cordoned: the pod waits, says why, and runs when it takes pods again. */
export const waitsForNode: Scenario = {
  name: "a pod waits for a node of its address's subnet",
  makes: [NAME],
  async play(stage) {
    const { cluster } = stage;
    await createWorkload(stage, {
      name: NAME,
      kind: "StatefulSet",
      replicas: 1,
      subnets: ["subnet-pods0002"],
    });
    const [former] = await untilReady(stage, NAME, { count: 1 });
    assert(former !== undefined);
    await cluster.kubectl(["cordon", NODE]);
    try {
      await deletePods(stage, [former]);
      await until(stage, `${former.name} to say what it waits for`, {
        withinMs: 15_000,
        check: async () => {
          const [pod] = await podsOf(stage, NAME);
          if (pod === undefined || pod.uid === former.uid) return false;
          assert.equal(pod.node, "");
          return (
            /1 node\(s\) were unschedulable/.test(pod.unscheduled) &&
            /3 \[ip-scheduler\] ENILimitExceed/.test(pod.unscheduled)
          );
        },
      });
      await stage.disturb(() => cluster.kubectl(["uncordon", NODE]));
      const [pod] = await untilReady(stage, NAME, { count: 1, besides: [former], withinMs: 20_000 });
      assert.equal(pod?.address, former.address);
    } finally {
      await cluster.kubectl(["uncordon", NODE]);
    }
  },
};
