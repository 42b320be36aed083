import assert from "node:assert/strict";
import { smallSubnet } from "../cluster/world.ts";
import type { Scenario } from "./scenario.ts";
import { createWorkload, untilReady, type WorkloadWish } from "./workload.ts";

const { subnetId } = smallSubnet;
const REPLICAS = 3;
const where = { replicas: REPLICAS, subnets: [subnetId], nodes: ["node-1", "node-2"] };

const workloads: readonly WorkloadWish[] = [
  { name: "rolls-fixed", kind: "StatefulSet", ...where },
  { name: "rolls-in-place", kind: "Deployment", rollout: { maxSurge: 0, maxUnavailable: 1 }, ...where },
  { name: "rolls-ahead", kind: "Deployment", rollout: { maxSurge: 1, maxUnavailable: 0 }, ...where },
];

/** One address is left in a subnet, and three workloads in it are updated at the same time: none waits for the other for good. */
export const rollsOver: Scenario = {
  name: "workloads are updated with one address left",
  makes: workloads.map(({ name }) => name),
  fills: [subnetId],
  async play(stage) {
    const { cluster, control } = stage;
    for (const workload of workloads) await createWorkload(stage, workload);
    const former = await Promise.all(
      workloads.map(({ name }) => untilReady(stage, name, { count: REPLICAS })),
    );
    const available =
      (await control.readState()).subnets.find((subnet) => subnet.subnetId === subnetId)?.available ?? 0;
    await control.takeAddresses(subnetId, { count: available - 1 });
    const all = workloads.map(({ kind, name }) => `${kind.toLowerCase()}/${name}`);
    await stage.disturb(() => cluster.kubectl(["rollout", "restart", ...all]));
    const present = await Promise.all(
      workloads.map(({ name }, i) =>
        untilReady(stage, name, { count: REPLICAS, besides: former[i] ?? [], withinMs: 120_000 }),
      ),
    );
    const fixed = (set: (typeof present)[number] | undefined) =>
      set?.map(({ name, address }) => `${name} ${address}`);
    assert.deepEqual(fixed(present[0]), fixed(former[0]), "the StatefulSet's pods keep their addresses");
  },
};
