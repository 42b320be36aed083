import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import type { Cluster } from "./cluster.ts";
import { type Daemon, isAlive, stopDaemon } from "./daemon.ts";
import { loadDaemons } from "./daemon-records.ts";
import { down } from "./down.ts";
import { busyboxImage } from "./images/base-images.ts";
import { startDaemon } from "./start-daemon.ts";
import { up } from "./up.ts";
import { waitUntil } from "./wait-until.ts";

const UP_DEADLINE_MS = 900_000; // Kubernetes may have to be built.
const DEADLINE_MS = 120_000;
const NODE = "node-1";
/** The kubelet alone would take up to ten. */
const SOON_MS = 6_000;

let cluster: Cluster;
let files: string;
let plugin: Daemon;

beforeAll(async () => {
  files = mkdtempSync(join(tmpdir(), "tke-device-plugin-"));
  await down(silentProgress);
  cluster = await up({ nodes: 1, temporary: true }, silentProgress);
  setTarget(3);
  plugin = await startPlugin("first");
}, UP_DEADLINE_MS);

afterAll(async () => {
  await down(silentProgress);
  rmSync(files, { recursive: true });
}, 60_000);

function setTarget(count: number): void {
  writeFileSync(join(files, "target.new"), String(count));
  renameSync(join(files, "target.new"), join(files, "target"));
}

async function startPlugin(instance: string): Promise<Daemon> {
  return startDaemon(`device-plugin-${instance}`, [
    ...(await cluster.enterNode(NODE)),
    ...[process.execPath, join(import.meta.dir, "device-plugin-process.ts")],
    ...[cluster.kubeconfig, NODE, instance, join(files, "target"), join(files, "offered")],
  ]);
}

/** What the node has of the resource: capacity, and what the scheduler may give away. */
async function onNode(): Promise<(string | undefined)[]> {
  const { status } = JSON.parse(await cluster.kubectl(["get", "node", NODE, "--output=json"]));
  return [status.capacity[ENI_IP_RESOURCE], status.allocatable[ENI_IP_RESOURCE]];
}

function nodeShows(count: number, deadlineMs: number): Promise<unknown> {
  return waitUntil(
    `${count} ${ENI_IP_RESOURCE} on the node`,
    async () => (await onNode()).every((amount) => amount === String(count)),
    { deadlineMs, daemons: [plugin] },
  );
}

function isOffered(count: number, deadlineMs: number): Promise<unknown> {
  return waitUntil(
    `the offer of ${count}`,
    () => readFileSync(join(files, "offered"), "utf8") === String(count),
    {
      deadlineMs,
      daemons: [plugin],
    },
  );
}

/** A pod with an address, as far as the kubelet knows: it uses none, so that it needs no CNI plugin. */
async function createPod(name: string): Promise<void> {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      hostNetwork: true,
      terminationGracePeriodSeconds: 0,
      // Without a CNI configuration the node is not ready.
      tolerations: [{ operator: "Exists" }],
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
  };
  await cluster.kubectl(["create", "--filename=-"], { input: JSON.stringify(pod) });
}

function runs(name: string): Promise<string> {
  return cluster.kubectl(["wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s"]);
}

test(
  "the node shows what is offered, sooner than the kubelet would write it",
  async () => {
    await nodeShows(3, SOON_MS);
    setTarget(5);
    await nodeShows(5, SOON_MS);
    await isOffered(5, SOON_MS);
  },
  DEADLINE_MS,
);

test(
  "slots that pods hold stay, free ones go",
  async () => {
    for (const name of ["held-1", "held-2"]) await createPod(name);
    for (const name of ["held-1", "held-2"]) await runs(name);
    setTarget(1);
    // A kubelet that has just started is given time to learn of its pods.
    await isOffered(2, 60_000);
    expect(await onNode()).toEqual(["2", "2"]);
    await createPod("too-many");
    await waitUntil(
      "the scheduler's refusal",
      async () =>
        (await cluster.kubectl(["describe", "pod/too-many"])).includes(`Insufficient ${ENI_IP_RESOURCE}`),
      { deadlineMs: 20_000 },
    );
    setTarget(3);
    await runs("too-many");
    for (const name of ["held-1", "held-2", "too-many"]) await runs(name);
  },
  DEADLINE_MS,
);

test(
  "pods that are created while one agent takes over from another all run",
  async () => {
    setTarget(20);
    await nodeShows(20, SOON_MS);
    const names = Array.from({ length: 10 }, (_, index) => `meanwhile-${index}`);
    const creating = (async () => {
      for (const name of names) await createPod(name);
    })();
    const first = plugin;
    plugin = await startPlugin("second");
    await waitUntil(
      "the second plugin's socket",
      () => socketsOfPlugins().then((names) => names.length === 2),
      {
        deadlineMs: 10_000,
      },
    );
    await stopDaemon(first);
    await creating;
    for (const name of names) await runs(name);
    expect(await onNode()).toEqual(["20", "20"]);
    expect(await socketsOfPlugins()).toEqual(["tke-eni-ip-second.sock"]);
  },
  DEADLINE_MS,
);

async function socketsOfPlugins(): Promise<string[]> {
  const names = await cluster.nodeExec(NODE, ["ls", "/var/lib/kubelet/device-plugins"]);
  return names.split("\n").filter((name) => name.startsWith("tke-eni-ip-"));
}

test(
  "a kubelet that was killed finds the slots again, and its pods keep theirs",
  async () => {
    const kubelet = (await loadDaemons()).get(`${NODE}-kubelet`);
    if (kubelet === undefined) throw new Error("the cluster has no record of its kubelet");
    const command = readFileSync(`/proc/${kubelet.pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    process.kill(kubelet.pid, "SIGKILL");
    await waitUntil("the kubelet's end", () => !isAlive(kubelet), { deadlineMs: 10_000 });
    const before = registrations();
    await startDaemon(kubelet.name, [...(await cluster.enterNode(NODE)), ...command]);
    await waitUntil("a new registration", () => registrations() > before, { deadlineMs: 30_000 });
    await createPod("after-restart");
    await runs("after-restart");
    await nodeShows(20, 30_000);
    const pods = await cluster.kubectl(["get", "pods", "--output=jsonpath={.items[*].status.phase}"]);
    expect(new Set(pods.split(" "))).toEqual(new Set(["Running"]));
  },
  DEADLINE_MS,
);

function registrations(): number {
  return readFileSync(plugin.log, "utf8").split("registered with the kubelet").length - 1;
}
