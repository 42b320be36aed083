// The real agent in a network namespace of its own, against a real API server. VpcENI and VpcIP objects are written by hand, as
// ipamd does; what the agent makes of them is read from the API server, its sockets, the kernel and the folders of the node.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type { Server } from "node:net";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { DriftKind } from "../../src/agent/drift/drift.ts";
import { IPAMD_MANAGER } from "../../src/api/field-managers.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../../src/api/node-eni-config.ts";
import { podLinkName } from "../../src/api/pod-link-name.ts";
import type { Reclaim } from "../../src/api/reclaim.ts";
import { VPC_ENI, type VpcENI } from "../../src/api/vpc-eni.ts";
import { VPC_IP, type VpcIP } from "../../src/api/vpc-ip.ts";
import {
  AddressService,
  AllocationFailureSchema,
  FailureReason,
} from "../../src/gen/tke/eni/agent/v1/address_pb.ts";
import { events, type KubeEvent, nodes } from "../../src/kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "../kernel/throw-away-namespaces.ts";
import { carry } from "./loopback-bridge.ts";
import { type ApiServer, startApiServer } from "./start-api-server.ts";

const root = join(import.meta.dir, "..", "..");
const vips: Resource<VpcIP> = VPC_IP;
const venis: Resource<VpcENI> = VPC_ENI;
const necs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
const NODE = "node-1";
const INSTANCE = "ins-agent0001";
const COOL_DOWN_MS = 1_000;

const namespaces = new ThrowAwayNamespaces("tkaa");
let apiServer: ApiServer;
let kube: KubeClient;
let kubeconfig: string;
let bridge: Server;
let folder: string;
let node: ThrowAwayNamespace;
let vpc: ThrowAwayNamespace;
let bridgeInside: Bun.Subprocess;
let agent: Bun.Subprocess | undefined;

beforeAll(async () => {
  apiServer = await startApiServer();
  kube = createKubeClient(
    createTransport(await openServerAccess({ kubeconfig: apiServer.kubeconfig }), { userAgent: "test" }),
  );
  await apiServer.kubectl(["apply", "--server-side", "-k", join(root, "k8s/crds")]);
  await apiServer.kubectl(["apply", "-n", "kube-system", "-f", join(root, "k8s/base/agent/access.yaml")]);
  kubeconfig = await apiServer.kubeconfigOfServiceAccount("kube-system", "tke-eni-agent");
}, 120_000);

afterAll(async () => {
  namespaces.removeAll();
  await apiServer?.stop();
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-agent-test-"));
  for (const name of ["cni.d", "bin", "plugins"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "plugins", "tke-route-eni"), "#!/bin/true\n");
  vpc = namespaces.make("vpc");
  node = namespaces.make("node");
  plug("eth0", "20:90:6f:00:00:01");
  node.run("ip", "address", "add", "10.0.1.11/24", "dev", "eth0");
  node.run("ip", "link", "set", "eth0", "up");
  node.run("ip", "route", "add", "default", "via", "10.0.1.1");
  plug("eth1", "20:90:6f:00:00:11");

  const port = Number(new URL(apiServer.url).port);
  bridge = await carry({ path: join(folder, "api.sock") }, { port });
  bridgeInside = Bun.spawn(
    inside(
      process.execPath,
      join(import.meta.dir, "loopback-bridge.ts"),
      String(port),
      join(folder, "api.sock"),
    ),
    { stdout: "pipe", stderr: "inherit" },
  );
  await (bridgeInside.stdout as ReadableStream<Uint8Array>).getReader().read();

  await kube.create(nodes, {
    metadata: { name: NODE },
    spec: { providerID: `qcloud:///200001/${INSTANCE}` },
  });
  await kube.mergePatch(nodes, NODE, {
    subresource: "status",
    patch: { status: { addresses: [{ type: "InternalIP", address: "10.0.1.11" }] } },
  });
  await kube.create(necs, { metadata: { name: NODE }, spec: {} });
});

afterEach(async () => {
  await endAgent("SIGKILL");
  bridgeInside.kill();
  bridge.close();
  namespaces.removeAll();
  rmSync(folder, { recursive: true, force: true });
  for (const resource of [vips, venis, necs, nodes] as const) {
    for (const { metadata } of (await kube.list(resource as typeof vips)).items) {
      await kube.delete(resource as typeof vips, metadata.name);
    }
  }
});

/** `eventually`, and where it does not come, what the agent said last. */
async function soon(
  what: string,
  condition: () => boolean | undefined | Promise<boolean | undefined>,
  { withinMs = 5_000 } = {},
): Promise<void> {
  try {
    await eventually(what, async () => (await condition()) ?? false, { withinMs });
  } catch (error) {
    const said = readFileSync(join(folder, "agent.log"), "utf8").trim().split("\n").slice(-15).join("\n");
    throw new Error(`${(error as Error).message}; the agent said last:\n${said}`);
  }
}

function inside(...command: string[]): string[] {
  return ["ip", "netns", "exec", node.name, ...command];
}

function plug(name: string, mac: string): void {
  vpc.run(
    ..."ip link add".split(" "),
    `a-${name}`,
    ..."type veth peer name".split(" "),
    name,
    "address",
    mac,
    "netns",
    node.name,
  );
  vpc.run("ip", "link", "set", `a-${name}`, "up");
}

async function isServing(): Promise<boolean> {
  return client()
    .listAddresses({}, { timeoutMs: 1_000 })
    .then(
      () => true,
      () => false,
    );
}

async function startAgent({
  wait = true,
  more = [] as readonly string[],
  bootId = undefined as string | undefined,
} = {}): Promise<void> {
  agent = Bun.spawn(
    inside(
      ...(bootId === undefined ? [] : afterBoot(bootId)),
      process.execPath,
      join(root, "src/agent/main.ts"),
      ...[
        "--node-name",
        NODE,
        "--instance",
        "first",
        "--kubeconfig",
        kubeconfig,
        "--cool-down",
        `${COOL_DOWN_MS}ms`,
      ],
      ...["--plugins-source", join(folder, "plugins"), "--cni-bin", join(folder, "bin")],
      ...["--cni-conf", join(folder, "cni.d"), "--run-folder", join(folder, "run")],
      ...["--state-folder", join(folder, "state"), "--kubelet-folder", "", "--cri-socket", ""],
      ...["--host-etc", join(folder, "etc")],
      ...more,
    ),
    { stdout: openSync(join(folder, "agent.log"), "a"), stderr: "inherit" },
  );
  if (!wait) return;
  await soon("the agent serves", isServing, { withinMs: 15_000 });
}

/** Shows another boot id to what it starts, in the mount namespace that `ip netns exec` has made for that. */
function afterBoot(bootId: string): string[] {
  const file = join(folder, "boot-id");
  writeFileSync(file, `${bootId}\n`);
  return ["sh", "-c", `mount --bind ${file} /proc/sys/kernel/random/boot_id && exec "$@"`, "sh"];
}

async function endAgent(signal: "SIGTERM" | "SIGKILL"): Promise<number | undefined> {
  const ending = agent;
  agent = undefined;
  ending?.kill(signal);
  await ending?.exited;
  return ending?.exitCode ?? undefined;
}

function client() {
  return createClient(
    AddressService,
    createGrpcTransport({
      baseUrl: "http://localhost",
      nodeOptions: { createConnection: () => connect(join(folder, "run", "agent.sock")) },
    }),
  );
}

function attachment(name: string) {
  return {
    containerId: `c-${name}`,
    ifName: "eth0",
    podNamespace: "default",
    podName: name,
    podUid: `u-${name}`,
  };
}

/** Of a call that is to be refused: the agent leaves a second of it for its answer, the most that it leaves. */
const IN_VAIN_MS = 4_000;

async function allocate(name: string, timeoutMs = 5_000): Promise<string | undefined> {
  const { addresses } = await client().allocate({ attachment: attachment(name) }, { timeoutMs });
  return addresses[0]?.address;
}

async function release(name: string): Promise<string[]> {
  return (await client().release({ attachment: attachment(name) })).addresses;
}

async function makeEni(): Promise<void> {
  await kube.apply(
    venis,
    {
      metadata: { name: "eni-aaaa1111" },
      spec: {
        type: "Shared",
        node: NODE,
        instanceID: INSTANCE,
        mac: "20:90:6f:00:00:11",
        subnetID: "subnet-1",
        subnetCIDR: "10.0.16.0/24",
        gateway: "10.0.16.1",
        primaryIP: "10.0.16.2",
        intent: "Attached",
      },
    },
    { fieldManager: IPAMD_MANAGER },
  );
}

async function makeAddress(
  name: string,
  reclaim?: Reclaim,
  where: { node: string; instanceID: string } = { node: NODE, instanceID: INSTANCE },
): Promise<void> {
  await kube.apply(
    vips,
    {
      metadata: { name },
      spec: {
        type: "Pod",
        subnetID: "subnet-1",
        eniID: "eni-aaaa1111",
        ...where,
        ...(reclaim && { reclaim }),
      },
    },
    { fieldManager: IPAMD_MANAGER },
  );
}

async function useOf(address: string) {
  return (await kube.get(vips, address)).status?.use;
}

async function becomes(address: string, use: object): Promise<void> {
  await soon(
    `${address} is ${JSON.stringify(use)}`,
    async () => Bun.deepMatch(use, (await useOf(address)) ?? {}),
    { withinMs: 5_000 },
  );
}

/** Until the agent has told that the ENI serves. @returns the number of its table */
async function eniBecomesReady(): Promise<number> {
  let table: number | undefined;
  await soon("the ENI is told ready", async () => {
    const use = (await kube.get(venis, "eni-aaaa1111")).status?.use;
    table = use?.table;
    return use?.state === "Ready" && table !== undefined;
  });
  return table ?? 0;
}

async function ready(...addresses: string[]): Promise<void> {
  await startAgent();
  await makeEni();
  for (const address of addresses) await makeAddress(address);
  for (const address of addresses) await becomes(address, { state: "Free" });
}

test("from objects to a pod's address and back, told in the objects' statuses", async () => {
  await startAgent();
  expect(existsSync(join(folder, "cni.d", "10-tke-route-eni.conflist"))).toBe(false);
  await makeEni();
  await makeAddress("10.0.16.5");
  await becomes("10.0.16.5", { state: "Free" });
  await eniBecomesReady();
  const eni = (await kube.get(venis, "eni-aaaa1111")).status?.use;
  expect(eni).toMatchObject({ ifName: "eth1", table: 4000 + node.ip("link", "show", "eth1")[0].ifindex });

  const response = await client().allocate({ attachment: attachment("web-0") });
  expect(response).toMatchObject({
    addresses: [
      {
        address: "10.0.16.5",
        nodeAddress: "10.0.1.11",
        eniId: "eni-aaaa1111",
        eniMac: "20:90:6f:00:00:11",
        subnetId: "subnet-1",
      },
    ],
    group: eni?.table ?? 0,
    podsTable: 512,
    mtu: 1500,
  });
  await becomes("10.0.16.5", { state: "InUse", pod: "default/web-0", containerID: "c-web-0" });
  expect(await release("web-0")).toEqual(["10.0.16.5"]);
  await becomes("10.0.16.5", { state: "CoolingDown" });
  await becomes("10.0.16.5", { state: "Free" });
  expect((await useOf("10.0.16.5"))?.pod).toBeUndefined();
}, 60_000);

test("the node is offered to the runtime once a pod that came now would get an address", async () => {
  await ready("10.0.16.5");
  const path = join(folder, "cni.d", "10-tke-route-eni.conflist");
  await soon("the CNI configuration is there", () => existsSync(path));
  const list = JSON.parse(readFileSync(path, "utf8"));
  expect(list).toMatchObject({
    name: "tke-route-eni",
    plugins: [{ type: "tke-route-eni", ipam: { backend: `unix://${folder}/run/cni.sock` } }],
  });
  expect(statSync(join(folder, "bin", "tke-eni-ipamc")).ino).toBe(
    statSync(join(folder, "bin", "tke-route-eni")).ino,
  );
  // By which plugins tell, when no agent answers, that one has served since the boot.
  expect(existsSync(join(folder, "run", "served"))).toBe(true);
  await soon("links are told ready, and the address with them", async () => {
    const { status } = await kube.get(necs, NODE);
    const linksReady = status?.conditions?.some((c) => c.type === "LinksReady" && c.status === "True");
    return linksReady && Bun.deepMatch({ inUse: 0, free: 1, coolingDown: 0 }, status?.use ?? {});
  });
}, 60_000);

test("a node that keeps no address ready is offered to the runtime before its first one", async () => {
  await startAgent();
  const path = join(folder, "cni.d", "10-tke-route-eni.conflist");
  expect(existsSync(path)).toBe(false);
  await kube.applyStatus(
    necs,
    { metadata: { name: NODE }, status: { instanceID: INSTANCE, room: 27, warm: { min: 0, max: 0 } } },
    { fieldManager: IPAMD_MANAGER },
  );
  await soon("the CNI configuration is there", () => existsSync(path));
}, 60_000);

test("reclaim is answered by its token: refused in use, promised when free, for ever", async () => {
  await ready("10.0.16.5", "10.0.16.6");
  const held = await allocate("web-0");
  const other = held === "10.0.16.5" ? "10.0.16.6" : "10.0.16.5";
  await makeAddress(held ?? "", { token: "t1", mode: "now" });
  await becomes(held ?? "", { state: "Refused", token: "t1" });
  await makeAddress(other, { token: "t2", mode: "when-free" });
  await becomes(other, { state: "Reclaimable", token: "t2" });

  await endAgent("SIGKILL");
  await startAgent();
  expect(await allocate("web-0")).toBe(held);
  await expect(allocate("web-1", IN_VAIN_MS)).rejects.toThrow(/no address is free/);
  await makeAddress(held ?? "");
  await release("web-0");
  await becomes(held ?? "", { state: "Free" });
  await makeAddress(held ?? "", { token: "t3", mode: "now" });
  await becomes(held ?? "", { state: "Reclaimable", token: "t3" });
}, 60_000);

test("an IPv6 address is given to no pod, says so, and goes back when it is asked for", async () => {
  const name = "2001-0db8-0000-0000-0000-0000-0000-0005";
  await ready("10.0.16.5");
  await makeAddress(name);
  await becomes(name, { state: "Free" });
  const { status } = await kube.get(vips, name);
  expect(status?.conditions).toMatchObject([
    {
      type: "Served",
      status: "False",
      reason: "FamilyNotServed",
      message: expect.stringContaining("2001:db8::5"),
    },
  ]);
  expect((await kube.get(vips, "10.0.16.5")).status?.conditions).toBeUndefined();
  expect(await allocate("web-0")).toBe("10.0.16.5");
  await expect(allocate("web-1", IN_VAIN_MS)).rejects.toThrow(/no address is free/);
  await soon("it is not counted", async () => {
    const { use } = (await kube.get(necs, NODE)).status ?? {};
    return Bun.deepMatch({ inUse: 1, free: 0, coolingDown: 0, allocatable: 1 }, use ?? {});
  });

  await endAgent("SIGKILL");
  rmSync(join(folder, "state"), { recursive: true });
  await startAgent();
  await makeAddress(name, { token: "t1", mode: "now" });
  await becomes(name, { state: "Reclaimable", token: "t1" });
  await kube.delete(vips, name);
  await soon("the agent has let it go", async () => {
    const { addresses } = await client().listAddresses({});
    return addresses.every(({ address }) => address === "10.0.16.5");
  });
  expect(readFileSync(join(folder, "agent.log"), "utf8")).toContain("an IPv6 address is given to no pod");
}, 60_000);

test("an ENI that is asked back closes the pool", async () => {
  await ready("10.0.16.5");
  const { spec } = await kube.get(venis, "eni-aaaa1111");
  // The next leader of ipamd believes only answers to a token of its own.
  for (const token of ["t1", "t2"]) {
    await kube.apply(
      venis,
      {
        metadata: { name: "eni-aaaa1111" },
        spec: { ...spec, intent: "Released", reclaim: { token, mode: "now" } },
      },
      { fieldManager: IPAMD_MANAGER },
    );
    await soon(`the ENI is promised to ${token}`, async () => {
      const use = (await kube.get(venis, "eni-aaaa1111")).status?.use;
      return use?.state === "Reclaimable" && use.token === token;
    });
  }
  await expect(allocate("web-0", IN_VAIN_MS)).rejects.toThrow(/no address is free/);
}, 60_000);

test("a caller waits for an address, and is told why there is none", async () => {
  await ready();
  await kube.applyStatus(
    necs,
    {
      metadata: { name: NODE },
      status: {
        conditions: [
          {
            type: "Ready",
            status: "False",
            reason: "SubnetFull",
            message: "subnet-1 is full: add a subnet",
            lastTransitionTime: "2026-01-01T00:00:00Z",
          },
        ],
      },
    },
    { fieldManager: IPAMD_MANAGER },
  );
  const waiting = allocate("web-0", 20_000);
  await makeAddress("10.0.16.5");
  expect(await waiting).toBe("10.0.16.5");

  const refused = await allocate("web-1", IN_VAIN_MS).catch((error) => ConnectError.from(error));
  if (!(refused instanceof ConnectError)) throw new Error(`web-1 got ${refused}`);
  expect(refused.code).toBe(Code.ResourceExhausted);
  expect(refused.message).toContain("subnet-1 is full: add a subnet");
  expect(refused.message).toEndWith("to TKE_ENI_IPAMD_SUBNET_ID of ConfigMap tke-eni-ipamd");
  expect(refused.findDetails(AllocationFailureSchema)).toMatchObject([{ reason: FailureReason.SUBNET_FULL }]);
}, 60_000);

test("a pod is told by events why it got no address, and that it has lost the one it had", async () => {
  const told = async (pod: string, reason: string) => {
    const { items } = await kube.list(events, { namespace: "default" });
    return items.find(
      ({ involvedObject, ...event }) => event.reason === reason && involvedObject.name === pod,
    );
  };
  await ready("10.0.16.5");
  expect(await allocate("shop-0")).toBe("10.0.16.5");
  for (const _try of [1, 2])
    await expect(allocate("shop-1", IN_VAIN_MS)).rejects.toThrow(/no address is free/);
  await soon(
    "both tries are counted in one event",
    async () => (await told("shop-1", "FailedAllocateAddress"))?.count === 2,
  );
  expect(await told("shop-1", "FailedAllocateAddress")).toMatchObject({
    type: "Warning",
    involvedObject: { kind: "Pod", namespace: "default", uid: "u-shop-1" },
    message:
      "no address is free on this node; ipamd has not said why there are no more: see `kubectl get nec`, and whether tke-eni-ipamd runs",
  });
  await kube.delete(vips, "10.0.16.5");
  await soon(
    "the pod is told that its address has gone",
    async () => (await told("shop-0", "AddressLost")) !== undefined,
    {
      withinMs: 30_000,
    },
  );
}, 60_000);

test("kill -9, and with the API server gone, a restarted agent knows all and serves", async () => {
  await ready("10.0.16.5", "10.0.16.6", "10.0.16.7");
  const first = await allocate("web-0");
  const second = await allocate("web-1");
  await endAgent("SIGKILL");
  await apiServer.crash();
  try {
    await startAgent();
    expect(await allocate("web-0")).toBe(first);
    expect(await allocate("web-1")).toBe(second);
    expect(new Set([first, second, await allocate("web-2")]).size).toBe(3);
    expect(await release("web-0")).toEqual([first ?? ""]);
  } finally {
    await apiServer.resume();
    // A restarted API server is ready before it serves custom resources.
    await soon("the custom resources are served again", async () => {
      const lists = [kube.list(vips), kube.list(venis), kube.list(necs)];
      return (await Promise.allSettled(lists)).every(({ status }) => status === "fulfilled");
    });
  }
  await becomes(second ?? "", { state: "InUse", pod: "default/web-1" });
  await becomes(first ?? "", { state: "Free" });
}, 90_000);

/** What the plugin makes of an answer: the pod's link and its route. */
function makeLink(name: string, address: string, table: number): string {
  const link = podLinkName({ pod: { namespace: "default", name }, containerId: "", ifName: "eth0" });
  node.run(
    ..."ip link add".split(" "),
    link,
    "group",
    String(table),
    "type",
    "veth",
    "peer",
    "name",
    `far-${name}`,
  );
  node.run("ip", "link", "set", link, "up", "alias", `c-${name}`);
  node.run("sysctl", "-qw", `net.ipv4.conf.${link}.rp_filter=1`);
  node.run(
    ..."ip route add".split(" "),
    `${address}/32`,
    "dev",
    link,
    ..."scope link table 512 src 10.0.1.11".split(" "),
  );
  return link;
}

async function metrics(): Promise<string> {
  const unix = join(folder, "run", "health-first.sock");
  return (await fetch("http://localhost/metrics", { unix })).text();
}

/** Reasons of the events about an object. */
async function eventsOf(name: string): Promise<string[]> {
  const { items } = await kube.list(events, { namespace: "default" });
  return items.flatMap(({ involvedObject, reason, message }) =>
    involvedObject.name === name ? [`${reason}: ${message}`] : [],
  );
}

const storeFile = () => join(folder, "state", "store.db");

// Each is done while no agent runs; `before` is the store as it was before the pod had its address.
const lostStores: readonly [string, lose: (before: Buffer) => void, kind: DriftKind][] = [
  ["removed", () => rmSync(join(folder, "state"), { recursive: true }), "store"],
  ["emptied", () => writeFileSync(storeFile(), ""), "store"],
  ["damaged", () => writeFileSync(storeFile(), readFileSync(storeFile()).fill(0x5a, 4096, 12_288)), "store"],
  [
    "replaced by an older copy",
    (before) => {
      // Not removed first: its inode could be used again, and it would look like the same file.
      writeFileSync(`${storeFile()}.copy`, before);
      renameSync(`${storeFile()}.copy`, storeFile());
    },
    "store",
  ],
  // The file is the same one, closed in order, of this boot: only the kernel tells that it is old.
  ["overwritten by an older one", (before) => writeFileSync(storeFile(), before), "unknown-holder"],
];
test.each(lostStores)(
  "a pod keeps its address, and nobody else gets it, when the store was %s",
  async (_, lose, kind) => {
    await ready("10.0.16.5", "10.0.16.6");
    const table = await eniBecomesReady();
    await endAgent("SIGTERM");
    const before = readFileSync(storeFile());
    await startAgent();
    await soon("an address is given", async () => (await allocate("web-0").catch(() => "")) !== "");
    const held = (await allocate("web-0")) ?? "";
    makeLink("web-0", held, table);
    await endAgent("SIGTERM");
    lose(before);
    await startAgent();
    await soon("another address is given", async () => (await allocate("web-1").catch(() => "")) !== "");
    expect(await allocate("web-1")).not.toBe(held);
    expect(await allocate("web-0")).toBe(held);
    await expect(allocate("web-2", IN_VAIN_MS)).rejects.toThrow(/no address is free/);
    const { group } = await client().allocate({ attachment: attachment("web-0") });
    expect(group).toBe(table);
    await becomes(held, { state: "InUse", containerID: "c-web-0" });
    expect(await metrics()).toContain(`tke_eni_agent_drift_total{kind="${kind}",outcome="repaired"} 1`);
    const words = kind === "store" ? "the agent's memory" : "a pod's link holds";
    await soon("it is told on the node", async () =>
      (await eventsOf(NODE)).some((e) => e.startsWith(`DriftRepaired: ${words}`)),
    );
  },
  60_000,
);

test("after a reboot no pod of before holds an address, and none is given before it has rested", async () => {
  await ready("10.0.16.5");
  expect(await allocate("web-0")).toBe("10.0.16.5");
  await becomes("10.0.16.5", { state: "InUse" });
  await endAgent("SIGKILL");
  await startAgent({ bootId: "5a6a8e70-0000-4000-8000-000000000001" });
  // Its release may still be queued, of a sandbox that is long dead.
  expect(await release("web-0")).toEqual([]);
  const began = performance.now();
  await soon(
    "the address is given anew",
    async () => (await allocate("web-1").catch(() => "")) === "10.0.16.5",
  );
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(await metrics()).toContain('tke_eni_agent_store_trust{trust="rebooted"} 1');
  await becomes("10.0.16.5", { state: "InUse", pod: "default/web-1" });
}, 60_000);

test("what somebody changes on the node is mended, counted and told on the pod or on the node", async () => {
  await ready("10.0.16.5");
  const table = await eniBecomesReady();
  expect(await allocate("drift-0")).toBe("10.0.16.5");
  const link = makeLink("drift-0", "10.0.16.5", table);
  node.run(..."ip route del 10.0.16.5 table 512".split(" "));
  node.run("ip", "rule", "del", "pref", "512");
  await soon("route and rule are back", () => {
    const routes = node.run(..."ip route show table 512".split(" "));
    return routes.includes(link) && node.run("ip", "rule").includes("lookup 512");
  });
  const text = await metrics();
  expect(text).toContain('tke_eni_agent_drift_total{kind="pod-route",outcome="repaired"} 1');
  expect(text).toContain('tke_eni_agent_drift_total{kind="pods-rule",outcome="repaired"} 1');
  expect(text).toContain('tke_eni_agent_addresses{state="in-use"} 1');
  expect(text).toContain("tke_eni_agent_allocations_total 1");
  await soon("both are told", async () => {
    const [pod, host] = [await eventsOf("drift-0"), await eventsOf(NODE)];
    return (
      pod.some((e) => e.startsWith("DriftRepaired: the host's route")) && host.some((e) => e.includes("rule"))
    );
  });
}, 60_000);

test("a pod whose VpcIP names another machine is cut off, and is not once it names this one again", async () => {
  await ready("10.0.16.5");
  const table = await eniBecomesReady();
  expect(await allocate("moved-0")).toBe("10.0.16.5");
  const link = makeLink("moved-0", "10.0.16.5", table);
  const isUp = () => node.ip("link", "show", link)[0].flags.includes("UP");
  const isRouted = () => node.run(..."ip route show table 512".split(" ")).includes("10.0.16.5");
  await makeAddress("10.0.16.5", undefined, { node: "node-2", instanceID: "ins-other001" });
  await soon("its link is down and its route gone", () => !isUp() && !isRouted());
  await soon("it is told", async () =>
    (await eventsOf("moved-0")).some((e) => e.startsWith("DriftQuarantined: its address 10.0.16.5 belongs")),
  );
  expect(await metrics()).toContain('tke_eni_agent_standing_drift{kind="address-elsewhere"} 1');
  await expect(allocate("moved-1", IN_VAIN_MS)).rejects.toThrow(/no address is free/);
  await makeAddress("10.0.16.5");
  await soon("both are back", () => isUp() && isRouted());
}, 60_000);

test("a release that a plugin queued is taken in", async () => {
  await ready("10.0.16.5");
  await allocate("web-0");
  await endAgent("SIGTERM");
  const releases = join(folder, "state", "releases");
  writeFileSync(
    join(releases, "c-web-0-eth0.json"),
    JSON.stringify({ containerId: "c-web-0", ifName: "eth0", queuedAt: "2026-01-01T00:00:00.000Z" }),
  );
  await startAgent();
  await becomes("10.0.16.5", { state: "Free" });
  await allocate("web-1");
  writeFileSync(
    join(releases, "c-web-1-eth0.json"),
    JSON.stringify({ containerId: "c-web-1", ifName: "eth0" }),
  );
  await soon("the file is taken", () => !existsSync(join(releases, "c-web-1-eth0.json")));
  await becomes("10.0.16.5", { state: "Free" });
}, 60_000);

test("a link that is unplugged takes its addresses out of the pool; another instance's are never in it", async () => {
  await ready("10.0.16.5");
  vpc.run("ip", "link", "del", "a-eth1");
  await soon("NoLink", async () => (await kube.get(venis, "eni-aaaa1111")).status?.use?.state === "NoLink");
  await expect(allocate("web-0", IN_VAIN_MS)).rejects.toThrow(/no address is free/);
  plug("eth1", "20:90:6f:00:00:11");
  expect(await allocate("web-0")).toBe("10.0.16.5");
}, 60_000);

test("SIGTERM ends the agent in order, and the next one takes over in between", async () => {
  await ready("10.0.16.5");
  const predecessor = agent;
  await startAgent({ wait: false, more: ["--instance", "second"] });
  await soon("the second has started", () => existsSync(join(folder, "run", "health-second.sock")), {
    withinMs: 15_000,
  });
  // It waits: two that hand out addresses would hand out the same ones.
  const health = await fetch("http://localhost/", { unix: join(folder, "run", "health-second.sock") });
  expect(await health.json()).toMatchObject({ phase: "standby", well: true });
  predecessor?.kill("SIGTERM");
  await predecessor?.exited;
  expect(predecessor?.exitCode).toBe(0);
  await soon("the second serves", isServing);
  expect(await allocate("web-0")).toBe("10.0.16.5");
  expect(await endAgent("SIGTERM")).toBe(0);
  expect(existsSync(join(folder, "run", "cni.sock"))).toBe(false);
}, 60_000);

/** The rules that decide what leaves by the primary interface. */
function outward(): string[] {
  const listed = node.run("nft", "list", "chain", "inet", "tke_eni", "outward");
  return [...listed.matchAll(/^\t\t(.*)$/gm)].map(([, rule]) => rule ?? "");
}

async function eventOf(reason: string): Promise<KubeEvent | undefined> {
  return (await kube.list(events)).items.find((event) => event.reason === reason);
}

async function writeMasquerade(config: string): Promise<void> {
  const metadata = { name: "ip-masq-agent-config", namespace: "kube-system" };
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { config } };
  await apiServer.kubectl(["apply", "-f", "-"], { input: JSON.stringify(object) });
}

test("--ip-masq follows ip-masq-agent's ConfigMap, refuses a wrong one and keeps the last good one, also over a restart", async () => {
  const linkLocal = "ip daddr 169.254.0.0/16 goto primary";
  const rest = "meta nfproto ipv4 goto primary";
  await startAgent({ more: ["--ip-masq"] });
  await soon("ip-masq-agent's defaults", () => outward().includes("ip daddr 192.168.0.0/16 return"));

  await writeMasquerade(
    '{"NonMasqueradeCIDRs":["10.0.0.0/16"],"NonMasqueradeSrcCIDRs":["10.0.16.7/32"],"ResyncInterval":"1m0s"}',
  );
  const good = [linkLocal, "ip daddr 10.0.0.0/16 return", "ip saddr 10.0.16.7 return", rest];
  await soon("the ConfigMap is in force", () => Bun.deepEquals(outward(), good));

  await writeMasquerade('{"NonMasqueradeCIDRs":["10.0.0.1/16"]}');
  await soon("the wrong one is told", async () => (await eventOf("InvalidSetting")) !== undefined);
  expect(await eventOf("InvalidSetting")).toMatchObject({
    type: "Warning",
    involvedObject: { kind: "ConfigMap", name: "ip-masq-agent-config", namespace: "kube-system" },
    message:
      'config: NonMasqueradeCIDRs has "10.0.0.1/16", which is not the beginning of a block: write 10.0.0.0/16; the last good configuration stays in force',
  });
  expect(outward()).toEqual(good);
  await endAgent("SIGTERM");
  node.run("nft", "delete", "table", "inet", "tke_eni");
  await startAgent({ more: ["--ip-masq"] });
  await soon("the last good one again", () => Bun.deepEquals(outward(), good));

  await writeMasquerade("masqLinkLocal: false\nnonMasqueradeCIDRs: []\n");
  await soon("link-local addresses by the ENI", () =>
    Bun.deepEquals(outward(), ["ip daddr 169.254.0.0/16 return", rest]),
  );
  await endAgent("SIGTERM");
  await startAgent();
  await soon("without the flag the ConfigMap does nothing", () => Bun.deepEquals(outward(), [linkLocal]));
  await apiServer.kubectl(["delete", "configmap", "-n", "kube-system", "ip-masq-agent-config"]);
}, 60_000);

test("kube-proxy in IPVS mode is warned of on the Node", async () => {
  node.run(..."ip link add kube-ipvs0 type veth peer name ipvs-peer".split(" "));
  await startAgent();
  await soon("the event", async () => (await eventOf("IPVSNotSupported")) !== undefined);
  expect(await eventOf("IPVSNotSupported")).toMatchObject({
    type: "Warning",
    involvedObject: { kind: "Node", name: NODE, uid: NODE },
  });
});
