import assert from "node:assert/strict";
import { untilAnswering } from "./echo.ts";
import type { Scenario } from "./scenario.ts";
import { createWorkload, deletePods, type PodView, untilReady } from "./workload.ts";

const NAME = "comes-back";
const COUNT = 3;

/** Pods of a StatefulSet over two zones are deleted, one by one and then all at once, and come back with their addresses. */
export const comesBack: Scenario = {
  name: "pods that are deleted come back with their addresses",
  makes: [NAME],
  async play(stage) {
    await createWorkload(stage, {
      name: NAME,
      kind: "StatefulSet",
      replicas: COUNT,
      spread: true,
      subnets: ["subnet-pods0001", "subnet-pods0002"],
      // The other one is cut off meanwhile.
      nodes: ["node-1", "node-2", "node-3"],
    });
    let present = await untilReady(stage, NAME, { count: COUNT });
    const addresses = addressesOf(present);
    const subnets = new Set(present.map(({ address }) => address.split(".").slice(0, 3).join(".")));
    assert.deepEqual([...subnets].sort(), ["10.0.16", "10.0.17"], "addresses of both zones");
    for (const pod of present) {
      await deletePods(stage, [pod]);
      present = await untilReady(stage, NAME, { count: COUNT, besides: [pod] });
      assert.deepEqual(addressesOf(present), addresses, `after ${pod.name} was deleted`);
    }
    await stage.disturb(() => deletePods(stage, present));
    const last = await untilReady(stage, NAME, { count: COUNT, besides: present });
    assert.deepEqual(addressesOf(last), addresses, "after all were deleted");
    await untilAnswering(stage, last);
  },
};

function addressesOf(found: readonly PodView[]): Record<string, string> {
  return Object.fromEntries(found.map(({ name, address }) => [name, address]));
}
