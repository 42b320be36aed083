// Fixed addresses on a real cluster: kube-scheduler with the configuration that ships, the extender behind its Service, ipamd, agents.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import type { VpcIP } from "../../src/api/vpc-ip.ts";
import type { VpcIPClaim } from "../../src/api/vpc-ip-claim.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { comesBack } from "../scenarios/comes-back.ts";
import { ipamdKilled, nothing } from "../scenarios/disturbances.ts";
import { disturbedStage } from "../scenarios/play-one.ts";
import { rounds } from "../scenarios/rounds.ts";
import { play } from "../scenarios/scenario.ts";
import { raiseStage, type StageSet } from "../scenarios/stage.ts";
import { answeringExtender, signalExtender } from "./answering-extender.ts";
import type { Cluster } from "./cluster.ts";
import { down } from "./down.ts";
import { getJson } from "./observe.ts";
import { extenderServiceAddress } from "./service-network.ts";
import { sleepingPod } from "./sleeping-pod.ts";
import { waitUntil } from "./wait-until.ts";

const UP_DEADLINE_MS = 900_000; // Kubernetes may have to be built.
const TEST_MS = 180_000;
/** How much longer anything may take in a scenario that others are played beside. */
const BESIDE_OTHERS_MS = 60_000;
/** Above the sum of its own deadlines. */
const SCENARIO_MS = 900_000;

interface PodView {
  metadata: { name: string; uid: string };
  spec: {
    nodeName?: string;
    containers: { resources: { requests?: Record<string, string> } }[];
  };
  status: {
    phase: string;
    podIP?: string;
    conditions?: { type: string; message?: string }[];
  };
}

let set: StageSet;
let cluster: Cluster;

beforeAll(async () => {
  set = await raiseStage(silentProgress);
  cluster = set.cluster;
}, UP_DEADLINE_MS);

afterAll(() => down(silentProgress), 60_000);

const podOf = (name: string) => getJson<PodView>(cluster, "pod", name);

async function create(name: string, spec: object = {}): Promise<void> {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { ...sleepingPod({ asks: false }), ...spec },
  };
  await cluster.kubectl(["create", "-f", "-"], { input: JSON.stringify(pod) });
}

function until<T>(what: string, check: () => Promise<T | false>): Promise<T> {
  return waitUntil(what, check, { deadlineMs: 60_000, intervalMs: 250 });
}

function runs(name: string): Promise<PodView> {
  return until(`${name} runs`, async () => {
    const pod = await podOf(name);
    if (pod.status.phase !== "Running") throw new Error(JSON.stringify(pod.status));
    return pod;
  });
}

async function scaleExtender(replicas: number): Promise<void> {
  const system = ["-n", "kube-system"];
  await cluster.kubectl([...system, "scale", "deployment/tke-eni-ip-scheduler", `--replicas=${replicas}`]);
  if (replicas > 0) return;
  await cluster.kubectl([
    ...system,
    ...["wait", "--for=delete", "pod", "-l", "k8s-app=tke-eni-ip-scheduler", "--timeout=60s"],
  ]);
}

// `npm run scenarios` plays each with each disturbance.
for (const [i, round] of rounds.entries()) {
  describe(`what may happen to pods that have addresses of their own, round ${i + 1}`, () => {
    for (const scenario of round) {
      // Concurrent ones run together with those of the next round.
      const declare = round.length > 1 ? test.concurrent : test;
      const stage = () => ({ ...disturbedStage(set, nothing), patienceMs: BESIDE_OTHERS_MS });
      declare(scenario.name, () => play(scenario, stage()), SCENARIO_MS);
    }
  });
}

test(
  `${comesBack.name}, although ipamd is killed in the middle`,
  () => play(comesBack, disturbedStage(set, ipamdKilled)),
  SCENARIO_MS,
);

describe("a pod of which nothing is said", () => {
  test(
    "asks for an address, is bound by the extender with a claim, and runs with an address of the claim's subnet",
    async () => {
      await create("plain");
      const pod = await runs("plain");
      expect(pod.spec.containers[0]?.resources.requests).toEqual({ [ENI_IP_RESOURCE]: "1" });
      const claim = await getJson<VpcIPClaim>(cluster, "vipc", "plain");
      expect(claim.spec).toMatchObject({
        policy: "Immediate",
        node: pod.spec.nodeName,
        podUID: pod.metadata.uid,
      });
      const vip = await getJson<VpcIP>(cluster, "vip", pod.status.podIP ?? "");
      expect(vip.spec).toMatchObject({
        node: pod.spec.nodeName,
        subnetID: claim.spec.subnetID,
        claim: "default/plain",
      });
    },
    TEST_MS,
  );

  test("reads ipamd's health by its Service", async () => {
    const service = await cluster.kubectl([
      ...["-n", "kube-system", "get", "service", "tke-eni-ipamd", "-o", "jsonpath={.spec.clusterIP}"],
    ]);
    const url = `http://${service}:8080/health`;
    await cluster.kubectl(["exec", "plain", "--", "wget", "-q", "-O", "-", url]);
  });
});

const answers = () => answeringExtender(cluster);

test(
  "the extender that answers is killed: the other goes on",
  async () => {
    const before = await until("one that answers", answers);
    signalExtender(before, "SIGKILL");
    await create("after-kill");
    await runs("after-kill");
    await until("one that answers again", answers);
  },
  TEST_MS,
);

test(
  "the extender that answers is held up for longer than its Lease: the other goes on, and still does when it is back",
  async () => {
    const before = await until("one that answers", answers);
    signalExtender(before, "SIGSTOP");
    try {
      await until("another that answers", async () => (await answers()) !== before);
    } finally {
      signalExtender(before, "SIGCONT");
    }
    await create("after-pause");
    await runs("after-pause");
  },
  TEST_MS,
);

test(
  "without the extender a pod that asks for an address waits, another is scheduled, and it goes on once it is back",
  async () => {
    await scaleExtender(0);
    await create("waits");
    await create("other", { hostNetwork: true });
    await runs("other");
    const { spec, status } = await podOf("waits");
    expect(spec.nodeName).toBeUndefined();
    const told = JSON.stringify(status.conditions);
    expect(told).toContain(extenderServiceAddress);
    expect(told).toContain("connection refused");
    await scaleExtender(2);
    await runs("waits");
  },
  TEST_MS,
);
