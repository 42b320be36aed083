// What a node goes through with its pods: agents that come and go, a full pool, a boot; and what of the agent a pod can reach.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import type { Pod } from "../../src/kube/core-resources.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import { podPids } from "./cgroup.ts";
import type { Cluster } from "./cluster.ts";
import { deploy } from "./deploy.ts";
import { down } from "./down.ts";
import { busyboxImage } from "./images/base-images.ts";
import { addressesOf, getJson, observeNode } from "./observe.ts";
import { rebootNode } from "./reboot-node.ts";
import { restartUnderLoad } from "./restarts-under-load.ts";
import { allRun, createSleepers, deleteSleepers } from "./sleepers.ts";
import { up } from "./up.ts";
import { waitUntil } from "./wait-until.ts";

const UP_DEADLINE_MS = 900_000; // Kubernetes may have to be built.
const TEST_MS = 300_000;
const NODE = "node-1";
const PODS_OF_BOOT = 60;

let cluster: Cluster;

beforeAll(async () => {
  const images = await buildOurImages(silentProgress);
  const vpcSim = [await compileExecutable("vpc-sim", silentProgress)];
  // A type with room for more than sixty pods.
  cluster = await up({ nodes: 1, instanceType: "S5.4XLARGE32", temporary: true, vpcSim }, silentProgress);
  await deploy(cluster, images, { progress: silentProgress });
}, UP_DEADLINE_MS);

afterAll(() => down(silentProgress), 60_000);

function until<T>(what: string, check: () => Promise<T | false | undefined>, deadlineMs: number): Promise<T> {
  return waitUntil(what, check, { deadlineMs, intervalMs: 250 });
}

test(
  "no pod fails, no ADD fails and the node stays Ready while the agent is replaced again and again",
  async () => {
    const outcome = await restartUnderLoad(cluster, { node: NODE, restarts: 4, atOnce: 4 });
    expect(outcome).toMatchObject({ failedAdds: [], failedPods: [], stayedReady: true });
    expect(outcome.pods).toBeGreaterThan(10);
  },
  TEST_MS,
);

test(
  "a boot gives no address twice, and pods that a controller looks after run again",
  async () => {
    await cluster.kubectl(["create", "-f", "-"], { input: JSON.stringify(deployment(PODS_OF_BOOT)) });
    await until("all to run", () => running(PODS_OF_BOOT, 0), 120_000);
    const boot = Date.now();
    await rebootNode(cluster, NODE);
    await until("all to run again", () => running(PODS_OF_BOOT, boot), 180_000);
    const used = (await addressesOf(cluster, NODE)).filter(({ status }) => status?.use?.state === "InUse");
    const holders = used.map(({ status }) => status?.use?.pod);
    expect(new Set(holders).size).toBe(used.length);
    await cluster.kubectl(["delete", "deployment", "many", "--timeout=60s"]);
    await cluster.kubectl(["delete", "pods", "-l", "app=many", "--timeout=60s"]);
  },
  TEST_MS,
);

interface ManyPod extends Pod {
  readonly status?: Pod["status"] & {
    readonly containerStatuses?: readonly { readonly state: { readonly running?: { startedAt: string } } }[];
  };
}

/** The pods of the Deployment `many`, once so many of them run that were started after that, each with an address of its own. */
async function running(count: number, after: number): Promise<ManyPod[] | false> {
  const { items } = await getJson<{ items: ManyPod[] }>(cluster, "pods", "-l", "app=many");
  // Told in whole seconds.
  const isNew = ({ status }: ManyPod) =>
    Date.parse(status?.containerStatuses?.[0]?.state.running?.startedAt ?? "") >= after - 1_000;
  const up = items
    .filter(isNew)
    .filter(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined &&
        status?.phase === "Running" &&
        status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"),
    );
  if (up.length !== count) throw new Error(`${up.length} of ${count} run`);
  const addresses = up.map(({ status }) => status?.podIP);
  expect(new Set(addresses).size).toBe(count);
  return up;
}

function deployment(replicas: number): object {
  const labels = { app: "many" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "many" },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: "main",
              image: busyboxImage,
              imagePullPolicy: "Never",
              command: ["sleep", "1000000"],
              resources: { limits: { [ENI_IP_RESOURCE]: "1" } },
            },
          ],
        },
      },
    },
  };
}

test(
  "addresses of pods that did not ask for one are not offered to others",
  async () => {
    await createSleepers(cluster, "silent", { count: 2, node: NODE, asks: false });
    await allRun(cluster, "silent", { deadlineMs: 60_000 });
    // What is offered is what is there for those who ask.
    await until(
      "offer and addresses to agree",
      async () => {
        const addresses = await addressesOf(cluster, NODE);
        const { allocatable } = await observeNode(cluster, NODE);
        return allocatable === addresses.length - 2;
      },
      60_000,
    );
    await deleteSleepers(cluster, "silent");
  },
  TEST_MS,
);

test(
  "of the agent a pod can reach nothing: it listens on no port, and its sockets are root's alone",
  async () => {
    const [agent] = (
      await getJson<{ items: Pod[] }>(cluster, "pods", "-n", "kube-system", "-l", "k8s-app=tke-eni-agent")
    ).items;
    const pids = podPids(agent?.metadata.uid ?? "");
    expect(pids).not.toEqual([]);
    const listening = await cluster.nodeExec(NODE, ["ss", "-Hlntup"]);
    for (const pid of pids) expect(listening).not.toContain(`pid=${pid},`);
    const modes = await cluster.nodeExec(NODE, [
      "sh",
      "-c",
      "stat -c '%a %U %F %n' /run/tke-eni-agent /run/tke-eni-agent/*.sock",
    ]);
    const [folder, ...sockets] = modes.trimEnd().split("\n");
    expect(folder).toBe("700 root directory /run/tke-eni-agent");
    expect(sockets.length).toBeGreaterThanOrEqual(3);
    for (const socket of sockets) expect(socket).toStartWith("600 root socket ");
  },
  TEST_MS,
);
