// What a node goes through with its pods: agents that come and go, a full pool, a boot; and what of the agent a pod can reach.
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Pod } from "../../src/kube/core-resources.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import { podPids } from "./cgroup.ts";
import type { Cluster } from "./cluster.ts";
import { deploy } from "./deploy.ts";
import { down } from "./down.ts";
import { createManyPods, deleteManyPods, manyRun } from "./many-pods.ts";
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
/** Prints the metrics of the agent whose socket for that is the argument. */
const METRICS = `console.log(await (await fetch("http://localhost/metrics", { unix: process.argv.at(-1) })).text())`;
/** Asks the agent of the node where it runs for an address, as a plugin does; its argument is the attachment. */
const ALLOCATE = `
  const attachment = { podNamespace: "default", podName: "leaky-0", ...JSON.parse(process.argv.at(-1)) };
  const response = await fetch("http://localhost/tke.eni.agent.v1.AddressService/Allocate", {
    unix: "/run/tke-eni-agent/cni.sock",
    method: "POST",
    headers: { "content-type": "application/json", "connect-protocol-version": "1" },
    body: JSON.stringify({ attachment }),
  });
  if (!response.ok) throw new Error(await response.text());`;

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
    await createManyPods(cluster, PODS_OF_BOOT);
    await until("all to run", () => manyRun(cluster, PODS_OF_BOOT, 0), 120_000);
    const boot = Date.now();
    const daemons = await rebootNode(cluster, NODE);
    const pods = await waitUntil("all to run again", () => manyRun(cluster, PODS_OF_BOOT, boot), {
      deadlineMs: 180_000,
      intervalMs: 250,
      daemons,
    });
    expect(new Set(pods.map(({ status }) => status?.podIP)).size).toBe(PODS_OF_BOOT);
    const used = (await addressesOf(cluster, NODE)).filter(({ status }) => status?.use?.state === "InUse");
    const holders = used.map(({ status }) => status?.use?.pod);
    expect(new Set(holders).size).toBe(used.length);
    await deleteManyPods(cluster);
  },
  TEST_MS,
);

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
  "what a sandbox held without giving it back is taken back when the runtime tells of its end",
  async () => {
    await createSleepers(cluster, "leaky", { count: 1, node: NODE });
    await allRun(cluster, "leaky", { deadlineMs: 60_000 });
    const heldBy = async (containerId: string | undefined) =>
      (await addressesOf(cluster, NODE)).filter(({ status }) => status?.use?.containerID === containerId);
    const own = await until(
      "its use to be told",
      async () =>
        (await addressesOf(cluster, NODE)).find(
          ({ status }) => status?.use?.pod === "default/leaky-0" && status.use.containerID !== undefined,
        ) ?? false,
      10_000,
    );
    const containerId = own.status?.use?.containerID;
    // As a plugin does that dies before it has told anybody, and whose DEL the runtime never sends.
    await cluster.nodeExec(NODE, [
      process.execPath,
      "-e",
      ALLOCATE,
      JSON.stringify({ containerId, ifName: "net9" }),
    ]);
    await until("two addresses to be told", async () => (await heldBy(containerId)).length === 2, 20_000);
    await deleteSleepers(cluster, "leaky");
    // The kubelet removes sandboxes of pods that are gone once a minute. By its lists alone the agent would wait until the allocation is two
    // minutes old.
    await until("both to be given back", async () => (await heldBy(containerId)).length === 0, 90_000);
    const log = await cluster.kubectl([
      "logs",
      "-n",
      "kube-system",
      "-l",
      "k8s-app=tke-eni-agent",
      "--tail=-1",
    ]);
    const taken = log.split("\n").filter((line) => line.includes("the sandbox has gone without a release"));
    expect(taken).toEqual([expect.stringContaining(`"containerId":"${containerId}"`)]);
    expect(taken).toEqual([expect.stringContaining('"by":"event"')]);
  },
  TEST_MS,
);

test(
  "of the agent a pod can reach nothing: it listens on no port, and its sockets are root's alone",
  async () => {
    const [agent] = (
      await getJson<{ items: Pod[] }>(cluster, "pods", "-n", "kube-system", "-l", "k8s-app=tke-eni-agent")
    ).items;
    // It was left nothing of what plugins may leave to it.
    const socket = `/run/tke-eni-agent/health-${agent?.metadata.name}.sock`;
    const metrics = await cluster.nodeExec(NODE, [process.execPath, "-e", METRICS, socket]);
    expect(metrics).toContain('tke_eni_agent_links_total{by="plugin"} 0');
    expect(metrics).not.toContain('tke_eni_agent_links_total{by="agent"} 0');
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
