// The extender with a real API server and a real kube-scheduler: nodes are objects, and ipamd's part is played by the test.
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { POD_ANNOTATIONS } from "../../src/api/annotations.ts";
import { IPAMD_MANAGER } from "../../src/api/field-managers.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../../src/api/node-eni-config.ts";
import { VPC_IP, type VpcIP } from "../../src/api/vpc-ip.ts";
import { CLAIM_FINALIZER, VPC_IP_CLAIM, type VpcIPClaim } from "../../src/api/vpc-ip-claim.ts";
import { VPC_SUBNET, type VpcSubnet } from "../../src/api/vpc-subnet.ts";
import { nodes, type Pod, pods } from "../../src/kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { binary } from "../../tools/build/binary.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { type Daemon, stopDaemon } from "../cluster/daemon.ts";
import { freePorts } from "../cluster/free-ports.ts";
import { issueExtenderCertificates, schedulerConfiguration } from "../cluster/scheduler-extender.ts";
import { startCompanion } from "../cluster/start-companion.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import { type ApiServer, startApiServer } from "./start-api-server.ts";

const root = join(import.meta.dir, "../..");
const ENI_IP = "tke.cloud.tencent.com/eni-ip";
const POLICY = POD_ANNOTATIONS.claimDeletePolicy;
const SUBNET = "subnet-a";

const necs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
const vips: Resource<VpcIP> = VPC_IP;
const vsubs: Resource<VpcSubnet> = VPC_SUBNET;
const claims: Resource<VpcIPClaim> = VPC_IP_CLAIM;

let server: ApiServer;
let kube: KubeClient;
let folder: string;
/** The extender, by the names of its processes; kube-scheduler asks the one that is called "first". */
const extenders = new Map<string, Daemon>();
let startExtender: (name: string) => Promise<void>;
/** `http://127.0.0.1:PORT` of each. */
const health = new Map<string, string>();
/** Asks the first one, as kube-scheduler does. */
let ask: (verb: string, body: object) => Promise<unknown>;
let scheduler: Daemon | undefined;

beforeAll(async () => {
  server = await startApiServer();
  folder = mkdtempSync(join(tmpdir(), "tke-eni-scheduler-test-"));
  const transport = createTransport(await openServerAccess({ kubeconfig: server.kubeconfig }));
  kube = createKubeClient(transport);
  await server.kubectl(["apply", "--server-side", "-k", join(root, "k8s/crds")]);
  await server.kubectl(["create", "serviceaccount", "default"]);
  await eventually(
    "claims are served",
    () =>
      kube.list(claims).then(
        () => true,
        () => false,
      ),
    { withinMs: 30_000 },
  );
  const access = join(root, "k8s/base/scheduler/access.yaml");
  await server.kubectl(["apply", "--namespace=kube-system", "-f", access]);
  const asExtender = await server.kubeconfigOfServiceAccount("kube-system", "tke-eni-ip-scheduler");
  const authority = await createCertificateAuthority(join(folder, "ca"));
  const certificates = await issueExtenderCertificates(authority);
  const { serving } = certificates;
  const [extenderPort, otherPort, healthPort, otherHealthPort, schedulerPort] = freePorts(5);
  const ports = new Map([
    ["first", { listen: extenderPort, health: healthPort }],
    ["second", { listen: otherPort, health: otherHealthPort }],
  ]);
  const executable = await compileExecutable("tke-eni-ip-scheduler", silentProgress);
  startExtender = async (name) => {
    const at = ports.get(name);
    health.set(name, `http://127.0.0.1:${at?.health}`);
    const started = await startCompanion(
      "tke-eni-ip-scheduler",
      [
        executable,
        ...["--kubeconfig", asExtender, "--listen", `127.0.0.1:${at?.listen}`],
        ...["--health-listen", `127.0.0.1:${at?.health}`, "--identity", name],
        ...["--tls-cert", serving.certificate, "--tls-key", serving.key],
        ...["--client-ca", authority.certificate],
      ],
      { log: join(folder, `${name}.log`) },
    );
    extenders.set(name, started);
  };
  const [key, cert, ca] = [
    certificates.client.key,
    certificates.client.certificate,
    authority.certificate,
  ].map((file) => readFileSync(file, "utf8"));
  ask = async (verb, body) => {
    const answer = await fetch(`https://127.0.0.1:${extenderPort}/v1/${verb}`, {
      method: "POST",
      body: JSON.stringify(body),
      tls: { key, cert, ca, checkServerIdentity: () => undefined },
    });
    return answer.json();
  };
  await startExtender("first");
  await isReady("first");
  const path = join(folder, "scheduler.yaml");
  writeFileSync(
    path,
    await schedulerConfiguration({
      extender: `127.0.0.1:${extenderPort}`,
      kubeconfig: server.kubeconfig,
      certificates,
    }),
  );
  scheduler = await startCompanion(
    "kube-scheduler",
    [
      await binary("kube-scheduler"),
      `--config=${path}`,
      `--authentication-kubeconfig=${server.kubeconfig}`,
      `--authorization-kubeconfig=${server.kubeconfig}`,
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      `--secure-port=${schedulerPort}`,
    ],
    { log: join(folder, "scheduler.log") },
  );
}, 900_000);

afterAll(async () => {
  for (const daemon of [scheduler, ...extenders.values()]) if (daemon !== undefined) await stopDaemon(daemon);
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(clear);

/** Status of /health; undefined: nobody answers. */
function healthOf(name: string): Promise<number | undefined> {
  return fetch(`${health.get(name)}/health`).then(
    ({ status }) => status,
    () => undefined,
  );
}

async function isReady(name: string): Promise<void> {
  const daemon = extenders.get(name);
  await waitUntil(`the ${name} extender`, async () => (await healthOf(name)) === 200, {
    deadlineMs: 60_000,
    daemons: daemon === undefined ? [] : [daemon],
  });
}

async function stopExtender(name: string): Promise<void> {
  const daemon = extenders.get(name);
  extenders.delete(name);
  if (daemon !== undefined) await stopDaemon(daemon);
}

/** How often the extender has answered a verb so, as its metrics say. */
async function answers(verb: string, outcome: string): Promise<number> {
  const text = await (await fetch(`${health.get("first")}/metrics`)).text();
  const line = new RegExp(
    `^tke_eni_ip_scheduler_answers_total.verb="${verb}",outcome="${outcome}". (\\d+)`,
    "m",
  );
  return Number(line.exec(text)?.[1] ?? 0);
}

/** The scheduler has not asked for a second. */
async function everyoneIsSettled(): Promise<void> {
  let last = -1;
  await eventually(
    "the scheduler is quiet",
    async () => {
      const before = last;
      last = await answers("filter", "refused");
      if (before !== last) await Bun.sleep(1000);
      return before === last;
    },
    { withinMs: 60_000 },
  );
}

async function boundPods(): Promise<Pod[]> {
  const { items } = await kube.list(pods, { namespace: "default" });
  return items.filter(({ spec }) => spec.nodeName !== undefined);
}

/** A node that could run any number of these pods, with ENIs of so many secondary addresses each. */
async function makeNode(
  name: string,
  zone: string,
  eniInfos: readonly { subnetID: string; addresses: number }[] = [],
): Promise<void> {
  await kube.create(nodes, { metadata: { name }, spec: {} });
  // Each new node is given a taint until a controller finds it ready, and there is none here.
  await kube.mergePatch(nodes, name, { patch: { spec: { taints: null } } });
  const amounts = { cpu: "64", memory: "64Gi", pods: "250", [ENI_IP]: "100" };
  await kube.mergePatch(nodes, name, {
    subresource: "status",
    patch: {
      status: {
        capacity: amounts,
        allocatable: amounts,
        conditions: [{ type: "Ready", status: "True", reason: "Test" }],
      },
    } as object,
  });
  await kube.create(necs, { metadata: { name }, spec: {} });
  await kube.applyStatus(
    necs,
    {
      metadata: { name },
      status: {
        zone,
        limit: { enis: 7, addressesPerENI: 29, addresses: 203 },
        eniInfos: eniInfos.map((info, i) => ({
          ...info,
          eniID: `eni-${name}-${i}`,
          mac: "20:90:6f:00:00:01",
          subnetCIDR: "10.0.16.0/24",
          primaryIP: "10.0.16.2",
        })),
      },
    },
    { fieldManager: IPAMD_MANAGER },
  );
}

async function makeSubnet(name: string, zone: string, free: number): Promise<void> {
  const spec = { vpcID: "vpc-1", zone, cidr: "10.0.16.0/24" };
  await kube.apply(vsubs, { metadata: { name }, spec }, { fieldManager: IPAMD_MANAGER });
  await kube.applyStatus(
    vsubs,
    { metadata: { name }, status: { state: "Active", free, total: 253, readAt: new Date().toISOString() } },
    { fieldManager: IPAMD_MANAGER },
  );
}

async function makePod(
  name: string,
  annotations: Record<string, string> = {},
  { cpu, ...spec }: { cpu?: string; priorityClassName?: string; schedulerName?: string } = {},
): Promise<void> {
  const resources = { limits: { [ENI_IP]: "1" }, ...(cpu !== undefined && { requests: { cpu } }) };
  await kube.create(pods, {
    metadata: { name, namespace: "default", annotations },
    spec: {
      ...spec,
      // Without a kubelet nobody would confirm the end of a pod that is given time.
      terminationGracePeriodSeconds: 0,
      containers: [{ name: "main", image: "busybox", resources }],
    },
  } as never);
}

function pod(name: string): Promise<Pod | undefined> {
  return kube.find(pods, name, { namespace: "default" });
}

/** The pod says that it waits, with this in its reason. */
function isRefused(name: string, text: string): Promise<void> {
  return eventually(
    `${name} says why it waits`,
    async () => {
      const found = await pod(name);
      return found !== undefined && (whyNot(found)?.includes(text) ?? false);
    },
    { withinMs: 30_000 },
  );
}

async function becomesBound(name: string, node: string): Promise<void> {
  try {
    await eventually(
      `${name} is bound`,
      async () => (await kube.get(pods, name, { namespace: "default" })).spec.nodeName === node,
      { withinMs: 30_000 },
    );
  } catch (error) {
    const { spec, status } = await kube.get(pods, name, { namespace: "default" });
    throw new Error(`${name} is on ${spec.nodeName}: ${JSON.stringify(status?.conditions)}`, {
      cause: error,
    });
  }
}

/** Why a pod is not scheduled; undefined: it is, or has not been looked at. */
function whyNot({ status }: Pod): string | undefined {
  const condition = status?.conditions?.find(
    ({ type, status: is }) => type === "PodScheduled" && is === "False",
  );
  return condition?.reason === "Unschedulable" ? condition.message : undefined;
}

/** As ipamd does once the address is given back. */
async function removeClaim({ name, namespace, finalizers }: VpcIPClaim["metadata"]): Promise<void> {
  await kube.delete(claims, name, { namespace });
  if (finalizers === undefined) return;
  await kube.mergePatch(claims, name, { namespace, patch: { metadata: { finalizers: null } } });
}

async function clear(): Promise<void> {
  for (const { metadata } of (await kube.list(pods, { namespace: "default" })).items) {
    await kube.delete(pods, metadata.name, { namespace: "default", gracePeriodSeconds: 0 });
  }
  for (const { metadata } of (await kube.list(claims)).items) await removeClaim(metadata);
  for (const { metadata } of (await kube.list(vips)).items) await kube.delete(vips, metadata.name);
  for (const { metadata } of (await kube.list(nodes)).items) await kube.delete(nodes, metadata.name);
  for (const { metadata } of (await kube.list(necs)).items) await kube.delete(necs, metadata.name);
  for (const { metadata } of (await kube.list(vsubs)).items) await kube.delete(vsubs, metadata.name);
}

test("a pod is bound with a claim that says for whom an address is wanted, where, and of which subnet", async () => {
  await makeSubnet(SUBNET, "zone-1", 10);
  await makeNode("n1", "zone-1");
  await makeNode("far", "zone-2");
  await makePod("web-0", { [POLICY]: "Never", [POD_ANNOTATIONS.claimExpiredDuration]: "1h30m" });
  await becomesBound("web-0", "n1");
  const { metadata } = await kube.get(pods, "web-0", { namespace: "default" });
  const claim = await kube.get(claims, "web-0", { namespace: "default" });
  expect(claim.metadata.finalizers).toEqual([CLAIM_FINALIZER]);
  expect(claim.spec).toEqual({
    policy: "Never",
    subnetID: SUBNET,
    node: "n1",
    podUID: metadata.uid,
    expiresAfterSeconds: 5400,
  });
}, 60_000);

test("20 addresses left and 50 pods at once: exactly 20 are bound, the others wait and say why in TKE's words", async () => {
  await makeSubnet(SUBNET, "zone-1", 20);
  for (const name of ["n1", "n2", "n3"]) await makeNode(name, "zone-1", [{ subnetID: SUBNET, addresses: 0 }]);
  await Promise.all(Array.from({ length: 50 }, (_, i) => makePod(`p${i}`)));
  const all = async () => (await kube.list(pods, { namespace: "default" })).items;
  await eventually(
    "every pod is bound or refused",
    async () => (await all()).every((pod) => pod.spec.nodeName !== undefined || whyNot(pod) !== undefined),
    { withinMs: 60_000 },
  );
  const bound = (await all()).filter(({ spec }) => spec.nodeName !== undefined);
  expect(bound).toHaveLength(20);
  expect((await kube.list(claims)).items).toHaveLength(20);
  const texts = new Set((await all()).flatMap((pod) => whyNot(pod) ?? []));
  expect(texts.size).toBe(1);
  expect([...texts][0]).toContain(
    `3 [ip-scheduler] InsufficientIPorENI: 0 of 253 addresses left in ${SUBNET}`,
  );

  // Nothing happens, and nobody asks: 30 refused pods, whose texts stay the same.
  await everyoneIsSettled();
  const settled = await answers("filter", "refused");
  await Bun.sleep(4000);
  expect((await answers("filter", "refused")) - settled).toBeLessThanOrEqual(5);

  // Five come free: five pods are woken, and what that moves has the scheduler ask of the others a few times.
  await makeSubnet(SUBNET, "zone-1", 25);
  const since = performance.now();
  await eventually("five more are bound", async () => (await boundPods()).length === 25, {
    withinMs: 10_000,
  });
  expect(performance.now() - since).toBeLessThan(3000);
  await everyoneIsSettled();
  expect(await boundPods()).toHaveLength(25);
  expect((await answers("filter", "refused")) - settled).toBeLessThanOrEqual(5 * 30);
}, 120_000);

test("a pod whose address is there goes to a node of its subnet, or says that no ENI can have it", async () => {
  await makeSubnet("subnet-b", "zone-2", 10);
  await makeSubnet(SUBNET, "zone-1", 0);
  await makeNode("n1", "zone-2");
  await kube.create(claims, {
    metadata: { name: "web-0", namespace: "default" },
    spec: { policy: "Never", subnetID: SUBNET, address: "10.0.16.5" },
  });
  await makePod("web-0", { [POLICY]: "Never" });
  await eventually(
    "web-0 says why it waits",
    async () =>
      whyNot(await kube.get(pods, "web-0", { namespace: "default" }))?.includes(
        "[ip-scheduler] ENILimitExceed",
      ) ?? false,
    { withinMs: 30_000 },
  );
  // A node wakes it by itself.
  await makeNode("n2", "zone-1", [{ subnetID: SUBNET, addresses: 0 }]);
  await becomesBound("web-0", "n2");
  const { spec } = await kube.get(claims, "web-0", { namespace: "default" });
  expect(spec).toMatchObject({ address: "10.0.16.5", subnetID: SUBNET, node: "n2" });
}, 90_000);

test("an annotation that is wrong is told, and nothing is done until it is put right", async () => {
  await makeSubnet(SUBNET, "zone-1", 10);
  await makeNode("n1", "zone-1");
  await makePod("web-0", { [POD_ANNOTATIONS.claimExpiredDuration]: "4m" });
  await isRefused(
    "web-0",
    `${POD_ANNOTATIONS.claimExpiredDuration} is "4m": set a duration from 5m to 99999h`,
  );
  await kube.mergePatch(pods, "web-0", {
    namespace: "default",
    patch: { metadata: { annotations: { [POD_ANNOTATIONS.claimExpiredDuration]: "5m" } } },
  });
  await becomesBound("web-0", "n1");
}, 60_000);

test("of two pods that name one address one has it, and the other once it is nobody's", async () => {
  await makeSubnet(SUBNET, "zone-1", 10);
  await makeNode("n1", "zone-1");
  const names = ["a", "b"];
  await Promise.all(names.map((name) => makePod(name, { [POD_ANNOTATIONS.nominatedAddress]: "10.0.16.20" })));
  const bound = async () => (await boundPods()).map(({ metadata }) => metadata.name);
  await eventually("one is bound", async () => (await bound()).length > 0, { withinMs: 30_000 });
  const [winner = ""] = await bound();
  const [loser = ""] = names.filter((name) => name !== winner);
  await isRefused(loser, "[ip-scheduler] NominatedIPInUse");
  const items = (await kube.list(claims)).items;
  expect(items.map(({ metadata, spec }) => [metadata.name, spec.address])).toEqual([[winner, "10.0.16.20"]]);

  await kube.delete(pods, winner, { namespace: "default", gracePeriodSeconds: 0 });
  for (const { metadata } of items) await removeClaim(metadata);
  await becomesBound(loser, "n1");
}, 90_000);

test("of two extenders that claim one address at once, neither binds a pod while the other's claim is there", async () => {
  await makeSubnet(SUBNET, "zone-1", 10);
  await makeNode("n1", "zone-1");
  await makePod("a", { [POD_ANNOTATIONS.nominatedAddress]: "10.0.16.20" }, { schedulerName: "nobody" });
  const args = { PodName: "a", PodNamespace: "default", PodUID: (await pod("a"))?.metadata.uid, Node: "n1" };
  await eventually("the pod is known", async () => {
    // The other's claim comes after this one's filter, as far as its watch shows.
    const answer = (await ask("filter", { Pod: await pod("a"), NodeNames: ["n1"] })) as {
      NodeNames: string[];
    };
    return answer.NodeNames.length === 1;
  });
  const spec = { policy: "Immediate", subnetID: SUBNET, address: "10.0.16.20" } as const;
  const [answer] = await Promise.all([
    ask("bind", args),
    kube.create(claims, { metadata: { name: "other", namespace: "default" }, spec }),
  ]);
  const { items } = await kube.list(claims, { fieldSelector: "spec.address=10.0.16.20" });
  const stays = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const isBound = (await pod("a"))?.spec.nodeName !== undefined;
  // Whoever is first: the pod is bound only where no other claim was there when its own was.
  expect((answer as { Error: string }).Error === "").toBe(isBound);
  if (!isBound) expect(stays.map(({ metadata }) => metadata.name)).toEqual(["other"]);
}, 60_000);

test("a pod evicts others for what they hold besides addresses, and never for an address", async () => {
  await server.kubectl(["create", "priorityclass", "urgent", "--value=1000"]);
  await makeSubnet(SUBNET, "zone-1", 2);
  await makeNode("n1", "zone-1", [{ subnetID: SUBNET, addresses: 0 }]);
  await makePod("low", {}, { cpu: "40" });
  await becomesBound("low", "n1");
  await makePod("high", {}, { cpu: "40", priorityClassName: "urgent" });
  await becomesBound("high", "n1");
  expect(await pod("low")).toBeUndefined();
  expect(await answers("preempt", "passed")).toBe(1);

  // "low" is gone, and its address is not back: there is none left, neither for who has room elsewise nor for who would have to make it.
  await makePod("low-again", {}, { cpu: "1" });
  await isRefused("low-again", "InsufficientIPorENI");
  await makePod("modest", {}, { cpu: "1", priorityClassName: "urgent" });
  await isRefused("modest", "InsufficientIPorENI");
  await server.kubectl(["create", "priorityclass", "most-urgent", "--value=2000"]);
  await makePod("greedy", {}, { cpu: "40", priorityClassName: "most-urgent" });
  await eventually("evicting was asked about", async () => (await answers("preempt", "refused")) > 0, {
    withinMs: 30_000,
  });
  await everyoneIsSettled();
  expect((await pod("high"))?.metadata.deletionTimestamp).toBeUndefined();
  expect((await pod("high"))?.spec.nodeName).toBe("n1");

  // One more: it is for whom the scheduler would have evicted, and that one evicts now.
  await makeSubnet(SUBNET, "zone-1", 3);
  await becomesBound("greedy", "n1");
  expect(await pod("high")).toBeUndefined();
  await everyoneIsSettled();
  expect((await boundPods()).map(({ metadata }) => metadata.name)).toEqual(["greedy"]);
}, 120_000);

test("a second extender stands by and takes over, and a new one wakes those whom another has refused", async () => {
  await makeSubnet(SUBNET, "zone-1", 0);
  await makeNode("n1", "zone-1", [{ subnetID: SUBNET, addresses: 0 }]);
  for (const name of ["a", "b", "c"]) await makePod(name);
  for (const name of ["a", "b", "c"]) await isRefused(name, "InsufficientIPorENI");
  await startExtender("second");
  await eventually("it stands by", async () => (await healthOf("second")) === 503, { withinMs: 30_000 });
  await Bun.sleep(1000);
  expect(await healthOf("second")).toBe(503);

  await stopExtender("first");
  await isReady("second");
  await startExtender("first");
  await stopExtender("second");
  await isReady("first");
  await makeSubnet(SUBNET, "zone-1", 2);
  await eventually("two are bound", async () => (await boundPods()).length === 2, { withinMs: 10_000 });
  await everyoneIsSettled();
  expect(await boundPods()).toHaveLength(2);
}, 120_000);

test("an API server that is stuck stalls no answer", async () => {
  await makeSubnet(SUBNET, "zone-1", 10);
  await makeNode("n1", "zone-1");
  await makePod("a", {}, { schedulerName: "nobody" });
  const found = await pod("a");
  const filter = () => ask("filter", { Pod: found, NodeNames: ["n1"] }) as Promise<{ NodeNames: string[] }>;
  await eventually("the node is known", async () => (await filter()).NodeNames.length === 1);
  const args = { PodName: "a", PodNamespace: "default", PodUID: found?.metadata.uid, Node: "n1" };
  const [apiServer = 0] = server.pids;
  process.kill(apiServer, "SIGSTOP");
  try {
    const began = performance.now();
    const bind = ask("bind", args) as Promise<{ Error: string }>;
    expect((await filter()).NodeNames).toEqual(["n1"]);
    expect(performance.now() - began).toBeLessThan(1000);
    expect((await bind).Error).not.toBe("");
    expect(performance.now() - began).toBeLessThan(3000);
  } finally {
    process.kill(apiServer, "SIGCONT");
  }
  await eventually("it is bound", async () => ((await ask("bind", args)) as { Error: string }).Error === "", {
    withinMs: 20_000,
  });
}, 90_000);
