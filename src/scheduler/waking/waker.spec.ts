import { afterEach, beforeEach, expect, it } from "bun:test";
import { POD_ANNOTATIONS } from "../../api/annotations.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { Reservations } from "../decide/reservations.ts";
import type { ClusterView } from "../decide/world.ts";
import { madeNumbers } from "../testing/cluster-view.ts";
import { madeCluster, madeNode, madeSubnet } from "../testing/made-world.ts";
import type { WaitingPod } from "./waiting-pod.ts";
import { Waker } from "./waker.ts";

let clock: ManualClock;
let free: number;
let failure: Error | undefined;
let refused: WaitingPod[];
/** Pods that wait, and not for what was refused to them by filter. */
let evictors: Map<string, WaitingPod>;
/** Pods that were woken, with the node. */
let woken: string[];
let wakeFails: boolean;
let reservations: Reservations;
let waker: Waker;

beforeEach(() => {
  clock = createManualClock();
  free = 0;
  failure = undefined;
  refused = [];
  evictors = new Map();
  woken = [];
  wakeFails = false;
  reservations = new Reservations(madeNumbers);
  waker = new Waker({
    clock,
    logger: createRecordingLogger(),
    reservations,
    numbers: madeNumbers,
    view(): ClusterView {
      if (failure !== undefined) throw failure;
      const enis = [{ id: "eni-1", subnetId: "subnet-a", addresses: 0 }];
      return madeCluster({
        subnets: [madeSubnet("subnet-a", { free })],
        nodes: [madeNode("n1", { enis }), madeNode("n2", { enis }), madeNode("far", { zone: "zone-2" })],
      });
    },
    refused: () => refused,
    podOf: (uid) => evictors.get(uid),
    async wake(pod, node) {
      if (wakeFails) throw new Error("no answer in time");
      woken.push(`${pod.metadata.name} ${node}`);
    },
  });
  waker.start();
});

afterEach(() => waker.stop());

function pod(
  name: string,
  more: Partial<WaitingPod> = {},
  annotations: Record<string, string> = {},
): WaitingPod {
  const metadata = { name, namespace: "shop", uid: `uid-${name}`, annotations };
  return { metadata, refused: true, priority: 0, createdAt: 0, nominatedNode: undefined, ...more };
}

it("wakes as many as there are addresses, by priority and age, each on a node of its own", async () => {
  refused = [
    pod("young", { createdAt: 2 }),
    pod("old", { createdAt: 1 }),
    pod("urgent", { priority: 9, createdAt: 3 }),
  ];
  await clock.advance(1000);
  expect(woken).toEqual([]);
  free = 2;
  await clock.advance(1000);
  expect(woken).toEqual(["urgent n1", "old n2"]);
  expect(waker.wakes).toBe(2);
});

it("wakes nobody who is on the way, and nobody again before the scheduler has had its time", async () => {
  refused = [pod("a")];
  free = 1;
  await clock.advance(1000);
  expect(woken).toHaveLength(1);
  // The scheduler does not ask: what was kept for it is kept for five seconds, and the next time comes later each time.
  await clock.advance(60_000);
  expect(woken.length).toBeGreaterThan(2);
  expect(woken.length).toBeLessThan(8);
});

it("wakes where nothing else was in the pod's way", async () => {
  refused = [pod("a"), pod("b")];
  waker.filtered("uid-a", { names: ["far"], passed: false });
  waker.filtered("uid-b", { names: ["far", "n2"], passed: false });
  free = 2;
  await clock.advance(1000);
  expect(woken).toEqual(["b n2"]);
});

it("goes on where one cannot be helped", async () => {
  refused = [
    pod("wrong", { priority: 3 }, { [POD_ANNOTATIONS.nominatedAddress]: "everything" }),
    pod("elsewhere", { priority: 2 }, { [POD_ANNOTATIONS.nominatedSubnets]: "subnet-b" }),
    pod("named", { priority: 1 }, { [POD_ANNOTATIONS.nominatedAddress]: "10.0.16.20" }),
    pod("named-too", {}, { [POD_ANNOTATIONS.nominatedAddress]: "10.0.16.20" }),
    pod("any"),
  ];
  free = 5;
  await clock.advance(400);
  expect(woken).toEqual(["named n1", "any n2"]);
});

it("wakes nobody while nothing may be decided, and tries again what could not be written", async () => {
  refused = [pod("a")];
  free = 1;
  failure = new Error("the pods of the cluster were last heard of more than 120 s ago");
  await clock.advance(5000);
  expect(woken).toEqual([]);
  failure = undefined;
  wakeFails = true;
  await clock.advance(1000);
  wakeFails = false;
  await clock.advance(5000);
  expect(woken).toEqual(["a n1"]);
});

it("wakes a pod that was not let evict others for lack of an address, once there is one", async () => {
  evictors.set("uid-a", pod("a", { refused: false }));
  waker.preempted("uid-a", { names: ["n2"], passed: false });
  await clock.advance(1000);
  expect(woken).toEqual([]);
  free = 1;
  await clock.advance(1000);
  expect(woken).toEqual(["a n2"]);
  waker.preempted("uid-a", { names: ["n2"], passed: true });
  await clock.advance(60_000);
  expect(woken).toHaveLength(1);
});

it("forgets pods that are bound or gone", async () => {
  refused = [pod("a")];
  waker.filtered("uid-a", { names: ["far"], passed: false });
  free = 1;
  waker.gone("uid-a");
  await clock.advance(1000);
  expect(woken).toEqual(["a n1"]);
});

it("keeps nothing of a pod that it is told of when that is gone already", async () => {
  reservations.gone("uid-a", clock.monotonic());
  waker.filtered("uid-a", { names: ["far"], passed: false });
  waker.preempted("uid-b", { names: ["far"], passed: false });
  reservations.gone("uid-b", clock.monotonic());
  waker.gone("uid-b");
  waker.preempted("uid-b", { names: ["far"], passed: false });
  // Had anything been kept, they would be woken on that node or not at all.
  refused = [pod("a")];
  evictors.set("uid-b", pod("b", { refused: false }));
  free = 2;
  await clock.advance(1000);
  expect(woken).toEqual(["a n1"]);
});
