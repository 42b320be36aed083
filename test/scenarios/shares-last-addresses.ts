import assert from "node:assert/strict";
import { VPC_IP, type VpcIP } from "../../src/api/vpc-ip.ts";
import { VPC_SUBNET, type VpcSubnet } from "../../src/api/vpc-subnet.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { spareSubnet } from "../cluster/world.ts";
import { eventsAbout } from "./events-about.ts";
import type { Scenario } from "./scenario.ts";
import { type Stage, until } from "./stage.ts";
import { createPods, deletePods, type PodView, podsOf, untilReady } from "./workload.ts";

const FIRST = "shares-first";
const CROWD = "shares-last";
const LATER = "shares-outsider";
const { subnetId } = spareSubnet;
const subnets: Resource<VpcSubnet> = VPC_SUBNET;
const addresses: Resource<VpcIP> = VPC_IP;

const LEFT = 20;
const ASKING = 50;
/** Deleted of those that run. */
const FREED = 5;
/** How long an ADD waits for its address: where that may be longer in coming, it fails, and the kubelet tries again. */
const ADD_MS = 60_000;
/** Taken by somebody else. */
const TAKEN = 10;
/** Addresses that an ipamd had assigned when it was killed, and that are nobody's, are given back once they have been that for two minutes. */
const NOBODYS_MS = 150_000;

/**
 * Twenty addresses are left in a subnet, and fifty pods ask: twenty run and the others wait for the scheduler, not for the CNI. What pods give back
 * goes to others at once. Somebody else takes addresses that the cluster counts on: pods wait, and none fails for good.
 */
export const sharesLastAddresses: Scenario = {
  name: "the last addresses of a subnet go to as many pods as there are",
  makes: [FIRST, CROWD, LATER],
  fills: [subnetId],
  async play(stage) {
    const { control } = stage;
    // With it comes the ENI, unless there is one: it takes an address, too.
    await createPods(stage, { name: FIRST, count: 1, subnets: [subnetId] });
    await untilReady(stage, FIRST, { count: 1 });
    await untilBound(stage, 1);
    await takeAllBut(stage, LEFT);
    await untilLeft(stage, LEFT);

    await stage.disturb(() => createPods(stage, { name: CROWD, count: ASKING, subnets: [subnetId] }));
    const running = await untilShared(stage);
    await deletePods(stage, running.slice(0, FREED));
    await untilShared(stage, { without: running.slice(0, FREED) });
    if (stage.patienceMs <= ADD_MS) {
      const all = [...running, ...(await podsOf(stage, CROWD))];
      const failed = await eventsAbout(stage, all, "FailedCreatePodSandBox");
      assert.deepEqual(failed, [], "no pod fails at the CNI");
    }

    await deletePods(stage, await podsOf(stage, CROWD));
    await untilLeft(stage, LEFT);
    const taken = await control.takeAddresses(subnetId, { count: TAKEN });
    await createPods(stage, { name: LATER, count: LEFT, subnets: [subnetId] });
    await until(stage, `${LEFT - TAKEN} pods to run beside the outsider`, {
      withinMs: 60_000,
      check: async () => (await podsOf(stage, LATER)).filter(({ ready }) => ready).length === LEFT - TAKEN,
    });
    await control.giveBackAddresses(subnetId, taken);
    await untilReady(stage, LATER, { count: LEFT, withinMs: 90_000 });
  },
};

/** Waits until as many pods run as there are addresses and the others wait for the scheduler, with its reason. */
function untilShared(
  stage: Stage,
  { without = [] }: { without?: readonly PodView[] } = {},
): Promise<PodView[]> {
  const gone = new Set(without.map(({ uid }) => uid));
  return until(stage, `${LEFT} pods of ${CROWD} to run and the others to wait`, {
    withinMs: 60_000,
    check: async () => {
      const found = await podsOf(stage, CROWD);
      const bound = found.filter(({ node }) => node !== "");
      const running = found.filter(({ ready, leaving }) => ready && !leaving);
      const told = found.filter(({ unscheduled }) =>
        unscheduled.includes("[ip-scheduler] InsufficientIPorENI"),
      );
      const counts = `${found.length} pods, ${bound.length} bound, ${running.length} run, ${told.length} say why they wait`;
      assert(
        found.every(({ phase }) => phase !== "Failed"),
        "a pod has failed",
      );
      if (found.some(({ uid }) => gone.has(uid))) throw new Error(`${counts}; deleted ones are there`);
      if (running.length === LEFT && bound.length === LEFT && told.length === found.length - LEFT)
        return running;
      throw new Error(counts);
    },
  });
}

async function takeAllBut({ control }: Stage, count: number): Promise<void> {
  const { subnets: all } = await control.readState();
  const available = all.find((subnet) => subnet.subnetId === subnetId)?.available ?? 0;
  await control.takeAddresses(subnetId, { count: available - count });
}

/** Waits until the nodes have so many addresses of the subnet. */
function untilBound(stage: Stage, count: number): Promise<true> {
  return until(stage, `${count} addresses of ${subnetId} on nodes`, {
    withinMs: NOBODYS_MS,
    check: async () => {
      const { items } = await stage.kube.list(addresses);
      const bound = items.filter(({ spec }) => spec.subnetID === subnetId);
      if (bound.length === count) return true;
      throw new Error(`${bound.length} are: ${bound.map(({ metadata }) => metadata.name).join(", ")}`);
    },
  });
}

/** Waits until the cluster's own reading says so. */
function untilLeft(stage: Stage, count: number): Promise<true> {
  return until(stage, `${count} addresses left in ${subnetId}`, {
    withinMs: NOBODYS_MS,
    check: async () => {
      const free = (await stage.kube.get(subnets, subnetId)).status?.free;
      if (free === count) return true;
      throw new Error(`${free} are`);
    },
  });
}
