// Pods scheduled a second by a real kube-scheduler: with the extender, with one that answers at once, and with none.
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { IPAMD_MANAGER } from "../../src/api/field-managers.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../../src/api/node-eni-config.ts";
import { VPC_IP_CLAIM, type VpcIPClaim } from "../../src/api/vpc-ip-claim.ts";
import { VPC_SUBNET, type VpcSubnet } from "../../src/api/vpc-subnet.ts";
import { nodes, type Pod, pods } from "../../src/kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import { startReflector } from "../../src/kube/reflector/reflector.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { createTransport, type KubeTransport } from "../../src/kube/transport.ts";
import { systemWaitingClock } from "../../src/time/waiting-clock.ts";
import { binary } from "../../tools/build/binary.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { createTemporaryFolder } from "../../tools/build/temporary-folder.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { type ApiServer, startApiServer } from "../apiserver/start-api-server.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { stopDaemon } from "../cluster/daemon.ts";
import { freePorts } from "../cluster/free-ports.ts";
import {
  type ExtenderCertificates,
  issueExtenderCertificates,
  schedulerConfiguration,
} from "../cluster/scheduler-extender.ts";
import { startCompanion } from "../cluster/start-companion.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import { Dice } from "../simulation/dice.ts";
import type { BenchWorld, Measured } from "./bench.ts";
import { ExtenderProcess } from "./extender-process.ts";
import { processorTime } from "./processor-time.ts";
import { rotated } from "./rotated.ts";
import { formatRatio, median, pairedRatio } from "./statistics.ts";

const ROUNDS = 3;
const NODES = 1000;
const PODS = 1000;
/** Of the scheduler's client: not what is measured. */
const QPS = 5000;
const NAMESPACE = "default";
const ENI_IP = "tke.cloud.tencent.com/eni-ip";
const AMOUNTS = { cpu: "64", memory: "64Gi", pods: "250", [ENI_IP]: "203" };
const READY = {
  capacity: AMOUNTS,
  allocatable: AMOUNTS,
  conditions: [{ type: "Ready", status: "True", reason: "Bench" }],
};
/** Calls at a time of what is prepared and taken away. */
const AT_ONCE = 32;
const GOAL = 0.9;

const root = join(import.meta.dir, "../..");
const necs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
const claims: Resource<VpcIPClaim> = VPC_IP_CLAIM;
const vsubs: Resource<VpcSubnet> = VPC_SUBNET;

const WITH = {
  ours: "our extender",
  instant: "an extender that answers at once",
  claiming: "one that answers at once and writes claims",
  none: "no extender",
} as const;

interface Contender {
  readonly name: string;
  /** Undefined: the scheduler asks nobody. */
  readonly extender: ExtenderProcess | undefined;
  /** Pods a second, of each round. */
  readonly rates: number[];
  /** Processor time a pod, ms, of each round. */
  readonly shares: Shares[];
}

/** Who had the processors, in ms a pod. */
interface Shares {
  readonly scheduler: number;
  readonly extender: number;
  readonly "API server and etcd": number;
}

export async function benchSchedulingRate({ say, signal }: BenchWorld): Promise<Measured> {
  await using started = new AsyncDisposableStack();
  const executable = await compileExecutable("tke-eni-ip-scheduler", silentProgress);
  const folder = await createTemporaryFolder(tmpdir(), "tke-eni-bench-scheduling");
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startApiServer();
  started.defer(() => server.stop());
  const transport = createTransport(await openServerAccess({ kubeconfig: server.kubeconfig }));
  const kube = createKubeClient(transport);
  say(`${NODES} nodes: making them …`);
  await makeCluster({ server, kube });

  const certificates = await issueExtenderCertificates(await createCertificateAuthority(join(folder, "ca")));
  const options = { kubeconfig: server.kubeconfig, certificates, folder };
  const ours = await ExtenderProcess.start([executable], options);
  started.defer(() => ours.stop());
  const program = [process.execPath, join(import.meta.dir, "instant-extender.ts")];
  const instant = await ExtenderProcess.start(program, { ...options, name: "instant-extender" });
  started.defer(() => instant.stop());
  const claiming = await ExtenderProcess.start([...program, "--with-claims"], {
    ...options,
    name: "claiming-extender",
  });
  started.defer(() => claiming.stop());
  const contenders: Contender[] = [
    { name: WITH.ours, extender: ours, rates: [], shares: [] },
    { name: WITH.instant, extender: instant, rates: [], shares: [] },
    { name: WITH.claiming, extender: claiming, rates: [], shares: [] },
    { name: WITH.none, extender: undefined, rates: [], shares: [] },
  ];
  const cluster = { server, kube, transport, certificates, folder };
  // The first round warms the runtimes up, and is not counted.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { name, extender, rates, shares } of rotated(contenders, round)) {
      signal.throwIfAborted();
      const { rate, share } = await schedule(cluster, { extender, signal });
      const told = Object.entries(share).map(([who, ms]) => `${who} ${ms.toFixed(1)}`);
      say(
        `round ${round} of ${ROUNDS}: with ${name} ${rate.toFixed(0)} pods a second; ms a pod: ${told.join(", ")}`,
      );
      if (round === 0) continue;
      rates.push(rate);
      shares.push(share);
    }
  }
  return measured(contenders, say);
}

function measured(contenders: readonly Contender[], say: (line: string) => void): Measured {
  const [ours, instant, claiming, none] = contenders.map(({ rates }) => rates) as [
    number[],
    number[],
    number[],
    number[],
  ];
  const random = new Dice(1).next;
  const toInstant = pairedRatio(ours, instant, random);
  const toClaiming = pairedRatio(ours, claiming, random);
  const toNone = pairedRatio(ours, none, random);
  say(`with our extender / with one that answers at once: ${formatRatio(toInstant)}, ${ROUNDS} pairs`);
  say(`with our extender / with one that writes claims, too: ${formatRatio(toClaiming)}, ${ROUNDS} pairs`);
  say(`with our extender / with none: ${formatRatio(toNone)}, ${ROUNDS} pairs`);
  return {
    figures: [
      ...contenders.map(({ name, rates }) => ({
        name: `${NODES} nodes, ${PODS} pods: with ${name}`,
        value: median(rates),
        unit: "pods/s",
      })),
      {
        name: `with ${WITH.ours} / with ${WITH.instant}`,
        value: toInstant.ratio,
        unit: "",
        goal: { op: ">=", value: GOAL },
      },
      { name: `with ${WITH.ours} / with ${WITH.claiming}`, value: toClaiming.ratio, unit: "" },
      { name: `with ${WITH.ours} / with ${WITH.none}`, value: toNone.ratio, unit: "" },
    ],
    raw: {
      "pods a second": Object.fromEntries(contenders.map(({ name, rates }) => [name, rates])),
      "processor time a pod, ms": Object.fromEntries(contenders.map(({ name, shares }) => [name, shares])),
    },
  };
}

interface Cluster {
  readonly server: ApiServer;
  readonly kube: KubeClient;
  readonly transport: KubeTransport;
  readonly certificates: ExtenderCertificates;
  readonly folder: string;
}

/**
 * Makes pods, lets a scheduler at them that has just started, and takes them away.
 *
 * @returns pods a second, from the first that is bound to the last: how long the scheduler takes to start is not in it; and who had the processors
 *   from then on
 */
async function schedule(
  cluster: Cluster,
  { extender, signal }: { extender: ExtenderProcess | undefined; signal: AbortSignal },
): Promise<{ rate: number; share: Shares }> {
  const { server, kube, transport } = cluster;
  await inParallel(PODS, (i) =>
    kube.create(pods, {
      metadata: { name: `web-${i}`, namespace: NAMESPACE },
      spec: {
        containers: [{ name: "main", image: "web", resources: { limits: { [ENI_IP]: "1" } } }],
        // Each new node is given a taint until a controller finds it ready, and there is none here.
        tolerations: [{ operator: "Exists" }],
      },
    } as never),
  );
  const binding = new Map<string, number>();
  const reflector = startReflector<Pod, Pod>(
    { transport, clock: systemWaitingClock, random: Math.random, logger: silentLogger },
    { resource: pods, namespace: NAMESPACE, fieldSelector: "spec.nodeName!=", transform: (pod) => pod },
  );
  reflector.subscribe((event) => {
    if (event.type !== "added") return;
    const { name } = event.object.metadata;
    if (!binding.has(name)) binding.set(name, performance.now());
  });
  await reflector.whenSynced(signal);
  const scheduler = await startScheduler(cluster, extender);
  const had = (): Shares => ({
    scheduler: processorTime(scheduler.pid),
    extender: extender === undefined ? 0 : processorTime(extender.daemon.pid),
    "API server and etcd": server.pids.reduce((sum, pid) => sum + processorTime(pid), 0),
  });
  let share: Shares;
  try {
    const all = {
      deadlineMs: 120_000,
      daemons: [scheduler, ...(extender === undefined ? [] : [extender.daemon])],
    };
    await waitUntil("the first pod is bound", () => binding.size > 0, { ...all, intervalMs: 5 });
    const before = had();
    await waitUntil("all pods are bound", () => binding.size === PODS, { ...all, intervalMs: 5 });
    const after = had();
    share = {
      scheduler: (after.scheduler - before.scheduler) / PODS,
      extender: (after.extender - before.extender) / PODS,
      "API server and etcd": (after["API server and etcd"] - before["API server and etcd"]) / PODS,
    };
  } finally {
    await stopDaemon(scheduler);
    await reflector.stop();
  }
  await takeAway(cluster);
  const times = [...binding.values()];
  return { rate: ((PODS - 1) * 1000) / (Math.max(...times) - Math.min(...times)), share };
}

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };

/** As it ships, but for the speed of its client and, where nobody is to be asked, without extenders. */
async function startScheduler(
  { server, certificates, folder }: Cluster,
  extender: ExtenderProcess | undefined,
) {
  const { kubeconfig } = server;
  const shipped = parse(
    await schedulerConfiguration({ extender: extender?.at ?? "127.0.0.1:1", kubeconfig, certificates }),
  );
  const configuration = {
    ...shipped,
    clientConnection: { ...shipped.clientConnection, qps: QPS, burst: QPS },
    ...(extender === undefined && { extenders: [] }),
  };
  const path = join(folder, "scheduler.yaml");
  writeFileSync(path, stringify(configuration));
  const [port] = freePorts(1);
  return startCompanion(
    "kube-scheduler",
    [
      await binary("kube-scheduler"),
      `--config=${path}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
    ],
    { log: join(folder, "scheduler.log") },
  );
}

/** Pods, and claims as ipamd lets them go. */
async function takeAway({ kube, transport }: Cluster): Promise<void> {
  const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
  await transport.call(
    { method: "DELETE", path, query: { gracePeriodSeconds: "0" } },
    { timeoutMs: 120_000 },
  );
  const { items } = await kube.list(claims, { namespace: NAMESPACE });
  await inParallel(items.length, async (i) => {
    const name = items[i]?.metadata.name ?? "";
    await kube.mergePatch(claims, name, { namespace: NAMESPACE, patch: { metadata: { finalizers: null } } });
    await kube.delete(claims, name, { namespace: NAMESPACE });
  });
  await eventually(
    "all is gone",
    async () => (await kube.list(pods)).items.length + (await kube.list(claims)).items.length === 0,
    { withinMs: 60_000 },
  );
}

async function makeCluster({ server, kube }: Pick<Cluster, "server" | "kube">): Promise<void> {
  await server.kubectl(["apply", "--server-side", "-k", join(root, "k8s/crds")]);
  await server.kubectl(["create", "serviceaccount", "default"]);
  await eventually("the kinds are served", () =>
    Promise.all([kube.list(claims), kube.list(necs), kube.list(vsubs)]).then(
      () => true,
      () => false,
    ),
  );
  const zones = ["zone-1", "zone-2", "zone-3"];
  for (const [i, zone] of zones.entries()) {
    const name = `subnet-${zone}`;
    await kube.create(vsubs, { metadata: { name }, spec: { vpcID: "vpc-1", zone, cidr: `10.${i}.0.0/16` } });
    const readAt = new Date().toISOString();
    const status = { state: "Active", free: 65_000, total: 65_533, readAt } as const;
    await kube.applyStatus(vsubs, { metadata: { name }, status }, { fieldManager: IPAMD_MANAGER });
  }
  await inParallel(NODES, async (i) => {
    const name = `node-${String(i).padStart(4, "0")}`;
    const zone = zones[i % zones.length] ?? "";
    await kube.create(nodes, { metadata: { name }, spec: {}, status: READY } as never);
    await kube.create(necs, { metadata: { name }, spec: {} });
    const eni = {
      eniID: `eni-${i}`,
      mac: "20:90:6f:00:00:01",
      subnetCIDR: "10.0.0.0/16",
      primaryIP: "10.0.0.2",
    };
    const status: NodeENIConfig["status"] = {
      zone,
      limit: { enis: 7, addressesPerENI: 29, addresses: 203 },
      eniInfos: [{ ...eni, subnetID: `subnet-${zone}`, addresses: 4 }],
    };
    await kube.mergePatch(necs, name, { subresource: "status", patch: { status } });
  });
}

async function inParallel(count: number, act: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
