// Fixed addresses on a real cluster: kube-scheduler with the configuration that ships, the extender behind its Service, ipamd, agents.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { POD_ANNOTATIONS } from "../../src/api/annotations.ts";
import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import type { VpcIP } from "../../src/api/vpc-ip.ts";
import type { VpcIPClaim } from "../../src/api/vpc-ip-claim.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { podPids } from "./cgroup.ts";
import type { Cluster } from "./cluster.ts";
import { down } from "./down.ts";
import { getJson } from "./observe.ts";
import { extenderServiceAddress } from "./service-network.ts";
import { sleepingPod } from "./sleeping-pod.ts";
import { upStatic } from "./up-static.ts";
import { waitUntil } from "./wait-until.ts";

const UP_DEADLINE_MS = 900_000; // Kubernetes may have to be built.
const TEST_MS = 180_000;

interface PodView {
  metadata: { name: string; uid: string };
  spec: {
    nodeName?: string;
    containers: { resources: { requests?: Record<string, string> } }[];
  };
  status: {
    phase: string;
    podIP?: string;
    conditions?: { type: string; status: string; message?: string }[];
  };
}

let cluster: Cluster;

beforeAll(async () => {
  const vpcSim = [await compileExecutable("vpc-sim", silentProgress)];
  cluster = await upStatic({ nodes: 3, temporary: true, vpcSim }, silentProgress);
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

test(
  "the pod of a StatefulSet that keeps its address comes back with it, on another node too, and is reached there",
  async () => {
    const labels = { app: "web" };
    const annotations = { [POD_ANNOTATIONS.claimDeletePolicy]: "Never" };
    const set = {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "web" },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels, annotations }, spec: sleepingPod({ asks: false }) },
      },
    };
    await cluster.kubectl(["create", "-f", "-"], { input: JSON.stringify(set) });
    const first = await runs("web-0");
    await cluster.kubectl(["cordon", first.spec.nodeName ?? ""]);
    await cluster.kubectl(["delete", "pod", "web-0"]);
    const second = await runs("web-0");
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
    expect(second.spec.nodeName).not.toBe(first.spec.nodeName);
    expect(second.status.podIP).toBe(first.status.podIP);
    await cluster.nodeExec("node-3", ["ping", "-c", "1", "-W", "2", first.status.podIP ?? ""]);
    await cluster.kubectl(["uncordon", first.spec.nodeName ?? ""]);
  },
  TEST_MS,
);

/** The replica that is ready, and so the one that the Service leads to. */
async function answering(): Promise<{ name: string; uid: string; node: string }> {
  const { items } = await getJson<{ items: (PodView & { spec: { nodeName: string } })[] }>(
    cluster,
    ...["-n", "kube-system", "pods", "-l", "k8s-app=tke-eni-ip-scheduler"],
  );
  const ready = items.filter(({ status }) =>
    status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"),
  );
  const [pod] = ready;
  if (pod === undefined || ready.length > 1) throw new Error(`${ready.length} of the extender are ready`);
  return { ...pod.metadata, node: pod.spec.nodeName };
}

function signalExtender(uid: string, signal: NodeJS.Signals): void {
  for (const pid of podPids(uid)) {
    // The kernel keeps fifteen letters of the name.
    if (readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "tke-eni-ip-scheduler".slice(0, 15))
      process.kill(pid, signal);
  }
}

test(
  "the extender that answers is killed: the other goes on",
  async () => {
    const before = await until("one that answers", answering);
    signalExtender(before.uid, "SIGKILL");
    await create("after-kill");
    await runs("after-kill");
    await until("one that answers again", answering);
  },
  TEST_MS,
);

test(
  "the extender that answers is held up for longer than its Lease: the other goes on, and still does when it is back",
  async () => {
    const before = await until("one that answers", answering);
    signalExtender(before.uid, "SIGSTOP");
    try {
      await until("another that answers", async () => (await answering()).uid !== before.uid);
    } finally {
      signalExtender(before.uid, "SIGCONT");
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
