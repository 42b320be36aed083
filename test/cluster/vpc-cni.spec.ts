// The whole product on a real cluster: images, manifests, ipamd, agents, plugins, containerd, kubelets, kube-proxy, vpc-sim.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { VPC_IP, type VpcIP } from "../../src/api/vpc-ip.ts";
import { nodes } from "../../src/kube/core-resources.ts";
import { createKubeClient } from "../../src/kube/kube-client.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { ControlClient } from "../../src/sim/control/client.ts";
import { binary } from "../../tools/build/binary.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import type { Cluster } from "./cluster.ts";
import { deploy } from "./deploy.ts";
import { down } from "./down.ts";
import { echoDeployment } from "./echo-server.ts";
import { startOutsideHost } from "./outside-host.ts";
import { podsWithAddress } from "./pods-with-address.ts";
import { tryAll } from "./reachability.ts";
import { up } from "./up.ts";
import { waitUntil } from "./wait-until.ts";
import { controlApi, nodeMachine } from "./world.ts";

const UP_DEADLINE_MS = 900_000; // Kubernetes may have to be built.
const PODS = 12;

let cluster: Cluster;
const control = new ControlClient(controlApi);

/** Fields of an object that these tests read. */
interface VipView {
  metadata: { name: string; uid: string };
  spec: { node: string; eniID: string };
  status?: { use?: { state: string; pod?: string } };
}

async function get<T>(...args: string[]): Promise<T> {
  return JSON.parse(await cluster.kubectl(["get", ...args, "-o", "json"]));
}

const vips = async () => (await get<{ items: VipView[] }>("vpcips")).items;

async function allocatable(node: string): Promise<number> {
  const { status } = await get<{ status: { allocatable: Record<string, string> } }>("node", node);
  return Number(status.allocatable["tke.cloud.tencent.com/eni-ip"] ?? 0);
}

beforeAll(async () => {
  const images = await buildOurImages(silentProgress);
  const vpcSim = [await compileExecutable("vpc-sim", silentProgress)];
  cluster = await up({ nodes: 3, temporary: true, vpcSim }, silentProgress);
  await deploy(cluster, images, { progress: silentProgress });
}, UP_DEADLINE_MS);

afterAll(() => down(silentProgress), 60_000);

describe("pods on addresses of the VPC", () => {
  test("allocatable eni-ip follows the addresses that are bound, and describe shows it", async () => {
    for (const { name } of cluster.nodes) {
      await waitUntil(`eni-ip of ${name}`, async () => (await allocatable(name)) === 5, {
        deadlineMs: 30_000,
      });
      expect(await cluster.kubectl(["describe", "node", name])).toMatch(
        /tke\.cloud\.tencent\.com\/eni-ip:? +5/,
      );
    }
  });

  test("12 pods on three nodes in two zones reach each other, their node, outside and a Service, and nothing is dropped", async () => {
    const input = echoDeployment("echo", PODS)
      .map((object) => JSON.stringify(object))
      .join("\n---\n");
    await cluster.kubectl(["apply", "-f", "-"], { input });
    await cluster.kubectl(["rollout", "status", "deployment/echo", "--timeout=120s"]);
    const pods = await podsWithAddress(cluster, "app=echo");
    expect(pods).toHaveLength(PODS);
    expect(new Set(pods.map((pod) => pod.node)).size).toBe(3);
    for (const pod of pods) {
      const zone = nodeMachine(Number(pod.node.slice(-1))).zone;
      expect(pod.subnet).toBe(zone === "ap-sim-1" ? "subnet-pods0001" : "subnet-pods0002");
      expect(pod.eni).toStartWith("eni-");
    }
    const outside = await startOutsideHost();
    const service = await cluster.kubectl(["get", "service", "echo", "-o", "jsonpath={.spec.clusterIP}"]);
    const results = await tryAll(cluster, pods, { outside, service });
    expect(results).toHaveLength(PODS * (PODS + 3));
    expect(results.filter((result) => result.fault !== undefined)).toEqual([]);
    expect(await control.readDrops()).toMatchObject({ total: 0 });
  });

  test("kubectl get reads well: who has what, without -o yaml", async () => {
    const [pod] = await podsWithAddress(cluster, "app=echo");
    const vip = await waitUntil(
      "the use of an address",
      async () => {
        const line = await cluster.kubectl(["get", "vip", pod?.address ?? ""]);
        return line.includes("InUse") && line;
      },
      { deadlineMs: 10_000 },
    );
    expect(vip).toMatch(/^NAME +NODE +ENI +SUBNET +USE +POD +CLOUD +AGE/);
    expect(vip).toContain(`${pod?.node}`);
    expect(vip).toContain(`default/${pod?.name}`);
    expect(vip).toContain("Assigned");
    const nec = await waitUntil(
      "the warm addresses",
      async () => {
        const lines = await cluster.kubectl(["get", "nec", "node-1"]);
        return / 9\/27 +4 +4 +5 /.test(lines) && lines;
      },
      { deadlineMs: 15_000 },
    );
    expect(nec).toMatch(/^NAME +INSTANCE +ZONE +ENIS +ADDRESSES +PODS +IN USE +FREE +READY +REASON +AGE/);
    expect(nec).toMatch(/node-1 +ins-node0001 +ap-sim-1 +1\/3 +9\/27 +4 +4 +5 +True +Serving/);
    const veni = await cluster.kubectl(["get", "veni", pod?.eni ?? ""]);
    expect(veni).toMatch(/Attached +eth1 +Ready/);
    expect(await cluster.kubectl(["get", "vsub"])).toMatch(
      /subnet-pods0001 +ap-sim-1 +10\.0\.16\.0\/24 +Active/,
    );
  });

  test("deleting pods gives their addresses back to the node, not to the VPC", async () => {
    const before = await vips();
    const held = before.filter((vip) => vip.status?.use?.state === "InUse").map((vip) => vip.metadata.name);
    expect(held.length).toBe(PODS);
    await cluster.kubectl(["scale", "deployment/echo", "--replicas=0"]);
    await waitUntil(
      "no address in use",
      async () =>
        (await vips()).every(
          (vip) => vip.status?.use?.state !== "InUse" && vip.status?.use?.pod === undefined,
        ),
      { deadlineMs: 30_000 },
    );
    const after = new Map((await vips()).map((vip) => [vip.metadata.name, vip.metadata.uid]));
    for (const vip of before) expect(after.get(vip.metadata.name)).toBe(vip.metadata.uid);
    const links = await cluster.nodeExec("node-1", ["ip", "-o", "link"]);
    expect(links).not.toMatch(/: eni[0-9a-f]{11}@/);
  });

  test("cnitool with our conflist: ADD twice gives one address, DEL twice succeeds", async () => {
    const netns = "/run/netns/cnitool-test";
    const cnitool = await binary("cnitool");
    await cluster.nodeExec("node-2", ["sh", "-c", `touch ${netns} && unshare --net=${netns} true`]);
    const cni = (verb: string) =>
      cluster.nodeExec("node-2", ["env", "CNI_PATH=/opt/cni/bin", cnitool, verb, "tke-route-eni", netns]);
    interface AddResult {
      ips: { address: string }[];
    }
    const first: AddResult = JSON.parse(await cni("add"));
    const again: AddResult = JSON.parse(await cni("add"));
    expect(again.ips).toEqual(first.ips);
    const address = first.ips[0]?.address.replace(/\/32$/, "") ?? "";
    expect((await vips()).find((vip) => vip.metadata.name === address)?.spec.node).toBe("node-2");
    const pinged = await cluster.tryNodeExec("node-2", ["ping", "-c", "1", "-W", "2", address]);
    expect(pinged.exitCode).toBe(0);
    await cni("del");
    await cni("del");
    await cluster.nodeExec("node-2", ["sh", "-c", `umount ${netns} && rm ${netns}`]);
    await waitUntil(
      "the address to be given back",
      async () => (await vips()).find((vip) => vip.metadata.name === address)?.status?.use?.state !== "InUse",
      { deadlineMs: 10_000 },
    );
  });

  test("an agent's token may write the status of its own node's objects and nothing else", async () => {
    const agents = await get<{ items: { metadata: { name: string }; spec: { nodeName: string } }[] }>(
      "pods",
      "-n",
      "kube-system",
      "-l",
      "k8s-app=tke-eni-agent",
    );
    const stolen = agents.items.find((pod) => pod.spec.nodeName === "node-1")?.metadata.name ?? "";
    const token = (
      await cluster.kubectl([
        "-n",
        "kube-system",
        "create",
        "token",
        "tke-eni-agent",
        "--bound-object-kind=Pod",
        `--bound-object-name=${stolen}`,
      ])
    ).trim();
    const admin = await openServerAccess({ kubeconfig: cluster.kubeconfig });
    const { tls } = await admin.credentials();
    const credentials = {
      headers: { authorization: `Bearer ${token}` },
      // Without the administrator's certificate.
      tls: tls.ca === undefined ? {} : { ca: tls.ca },
    };
    const thief = createKubeClient(createTransport({ ...admin, credentials: async () => credentials }));
    const nodeOf = async (node: string) =>
      (await vips()).find((vip) => vip.spec.node === node)?.metadata.name ?? "";
    const addresses: Resource<VpcIP> = VPC_IP;
    const own = await nodeOf("node-1");
    const patch = { subresource: "status" as const, patch: { status: { conditions: [] } } };
    await thief.mergePatch(addresses, own, patch);
    await expect(thief.mergePatch(addresses, await nodeOf("node-3"), patch)).rejects.toThrow(
      "may not write VpcIP",
    );
    await expect(
      thief.mergePatch(nodes, "node-2", { subresource: "status", patch: { status: { allocatable: {} } } }),
    ).rejects.toThrow("may not write Node node-2");
    await expect(thief.delete(addresses, own)).rejects.toThrow("forbidden");
    await expect(thief.mergePatch(addresses, own, { patch: { spec: { node: "node-2" } } })).rejects.toThrow(
      "forbidden",
    );
  });

  test("deleting a Node frees its ENIs in the cloud, and its objects go", async () => {
    const enisOf = async (instanceId: string) =>
      (await control.readState()).enis.filter((eni) => eni.instanceId === instanceId && !eni.primary);
    const instance = nodeMachine(3).instanceId;
    expect((await enisOf(instance)).length).toBeGreaterThan(0);
    await cluster.kubectl(["delete", "node", "node-3"]);
    await waitUntil(
      "the objects of node-3 to go",
      async () => {
        const [nec, list] = [await cluster.kubectl(["get", "nec", "-o", "name"]), await vips()];
        return !nec.includes("/node-3") && list.every((vip) => vip.spec.node !== "node-3");
      },
      { deadlineMs: 90_000, intervalMs: 500 },
    );
    expect(await enisOf(instance)).toEqual([]);
    const own = (await control.readState()).enis.filter((eni) => eni.tags["tke-eni/node"] === "node-3");
    expect(own).toEqual([]);
  }, 120_000);

  test("the counter counts: a source that is not assigned to the ENI is dropped, by link and source", async () => {
    const before = (await control.readDrops()).total;
    await cluster.nodeExec("node-1", ["ip", "address", "add", "10.0.16.250/32", "dev", "lo"]);
    const spoofed = await cluster.tryNodeExec("node-1", [
      "ping",
      "-c",
      "1",
      "-W",
      "1",
      "-I",
      "10.0.16.250",
      nodeMachine(2).address,
    ]);
    await cluster.nodeExec("node-1", ["ip", "address", "del", "10.0.16.250/32", "dev", "lo"]);
    expect(spoofed.exitCode).not.toBe(0);
    const drops = await control.readDrops();
    expect(drops.total).toBeGreaterThan(before);
    expect(drops.bySource).toContainEqual(
      expect.objectContaining({ instanceId: nodeMachine(1).instanceId, source: "10.0.16.250" }),
    );
  });
});
