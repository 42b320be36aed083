import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import { pods } from "../../src/kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import type { Cluster } from "./cluster.ts";
import { type Daemon, isAlive, logTail, stopDaemon } from "./daemon.ts";
import { loadDaemons } from "./daemon-records.ts";
import { down } from "./down.ts";
import { sleepingPod } from "./sleeping-pod.ts";
import { startDaemon } from "./start-daemon.ts";
import { up } from "./up.ts";
import { waitUntil } from "./wait-until.ts";

const UP_DEADLINE_MS = 900_000; // Kubernetes may have to be built.
const DEADLINE_MS = 120_000;
const NODE = "node-1";
/** Fewer than there are addresses meanwhile. */
const MOST_PODS = 50;
/** Between two pods of a creator. */
const PACE_MS = 150;
/** As the agent's pod has it. */
const GRACE_MS = 30_000;
/** The kubelet alone would take up to ten. */
const SOON_MS = 6_000;

/** What the node has while agents come and go. */
const PLENTY = 60;

let cluster: Cluster;
let client: KubeClient;
let files: string;
let plugin: Daemon;

beforeAll(async () => {
  files = mkdtempSync(join(tmpdir(), "tke-device-plugin-"));
  await down(silentProgress);
  cluster = await up({ nodes: 1, temporary: true }, silentProgress);
  client = createKubeClient(createTransport(await openServerAccess({ kubeconfig: cluster.kubeconfig })));
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
    metadata: { name, namespace: "default" },
    spec: {
      ...sleepingPod(),
      hostNetwork: true,
      // Without a CNI configuration the node is not ready.
      tolerations: [{ operator: "Exists" }],
    },
  };
  await client.create(pods, pod);
}

/** Lets two creators make pods all the time while `act` goes on, and then sees all of them run. */
async function whilePodsCome(prefix: string, act: () => Promise<void>): Promise<void> {
  const names: string[] = [];
  let over = false;
  const create = async () => {
    while (!over && names.length < MOST_PODS) {
      const name = `${prefix}-${names.length}`;
      names.push(name);
      await createPod(name);
      await Bun.sleep(PACE_MS);
    }
  };
  const creating = Promise.all([create(), create()]);
  try {
    await act();
  } finally {
    over = true;
    await creating;
  }
  await allRun(names);
}

/** Waits until these pods run. @throws as soon as one has failed, with what the kubelet said */
async function allRun(names: readonly string[]): Promise<void> {
  const failed = await waitUntil(
    `${names.length} running pods`,
    async () => {
      const found: FoundPod[] = JSON.parse(await cluster.kubectl(["get", "pods", "--output=json"])).items;
      const ours = found.filter((pod) => names.includes(pod.metadata.name));
      const failures = ours.filter(({ status }) => status.phase === "Failed");
      const running = ours.filter(({ status }) => status.phase === "Running");
      return (failures.length > 0 || running.length === names.length) && failures;
    },
    { deadlineMs: 90_000, daemons: [plugin], intervalMs: 500 },
  );
  const words = failed.map(
    ({ metadata, status }) =>
      `${metadata.name} failed at ${status.startTime}: ${status.reason}: ${status.message}`,
  );
  if (words.length > 0) throw new Error([...words, logTail(plugin, 40)].join("\n"));
}

interface FoundPod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly phase: string;
    readonly reason?: string;
    readonly message?: string;
    readonly startTime?: string;
  };
}

/** Makes room for the next test. */
async function deletePods(): Promise<void> {
  await cluster.kubectl(["delete", "pods", "--all", "--timeout=60s"]);
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
    await allRun(["held-1", "held-2"]);
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
    await allRun(["held-1", "held-2", "too-many"]);
  },
  DEADLINE_MS,
);

test(
  "pods that are created while agents take over from one another all run",
  async () => {
    setTarget(PLENTY);
    await nodeShows(PLENTY, SOON_MS);
    await whilePodsCome("meanwhile", async () => {
      for (const instance of ["second", "third", "fourth"]) {
        const before = plugin;
        plugin = await startPlugin(instance);
        await waitUntil(
          "the successor's socket",
          () => socketsOfPlugins().then((names) => names.length === 2),
          { deadlineMs: 10_000, daemons: [before, plugin] },
        );
        await stopDaemon(before, GRACE_MS);
        expect(await socketsOfPlugins()).toEqual([`tke-eni-ip-${instance}.sock`]);
      }
    });
    expect(await onNode()).toEqual([`${PLENTY}`, `${PLENTY}`]);
    await deletePods();
  },
  DEADLINE_MS,
);

test(
  "pods that are created while there is no agent wait for the next one",
  async () => {
    await whilePodsCome("patient", async () => {
      await stopDaemon(plugin, GRACE_MS);
      expect(await socketsOfPlugins()).toEqual([]);
      await createPod("alone");
      await cluster.kubectl(["wait", "--for=condition=PodScheduled=False", "pod/alone", "--timeout=20s"]);
      plugin = await startPlugin("fifth");
    });
    await allRun(["alone"]);
    await nodeShows(PLENTY, SOON_MS);
    await deletePods();
  },
  DEADLINE_MS,
);

test(
  "pods that are created while the offer shrinks all run or wait",
  async () => {
    await whilePodsCome("few", async () => {
      setTarget(5);
      await waitUntil(
        "a smaller offer",
        () => Number(readFileSync(join(files, "offered"), "utf8")) < PLENTY,
        {
          deadlineMs: 60_000,
          daemons: [plugin],
        },
      );
      setTarget(PLENTY);
    });
    await deletePods();
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
    for (const name of ["kept-1", "kept-2"]) await createPod(name);
    await allRun(["kept-1", "kept-2"]);
    const kubelet = (await loadDaemons()).get(`${NODE}-kubelet`);
    if (kubelet === undefined) throw new Error("the cluster has no record of its kubelet");
    const command = readFileSync(`/proc/${kubelet.pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    process.kill(kubelet.pid, "SIGKILL");
    await waitUntil("the kubelet's end", () => !isAlive(kubelet), { deadlineMs: 10_000 });
    const before = registrations();
    await startDaemon(kubelet.name, [...(await cluster.enterNode(NODE)), ...command]);
    await waitUntil("a new registration", () => registrations() > before, { deadlineMs: 30_000 });
    await createPod("after-restart");
    await nodeShows(PLENTY, 30_000);
    await allRun(["kept-1", "kept-2", "after-restart"]);
  },
  DEADLINE_MS,
);

function registrations(): number {
  return readFileSync(plugin.log, "utf8").split("registered with the kubelet").length - 1;
}
