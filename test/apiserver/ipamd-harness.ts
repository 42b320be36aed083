// The real ipamd against a real API server and vpc-sim's API, reached through the real SDK.
import { AGENT_MANAGER } from "../../src/api/field-managers.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../../src/api/node-eni-config.ts";
import { VPC_ENI, type VpcENI } from "../../src/api/vpc-eni.ts";
import { VPC_IP, type VpcIP } from "../../src/api/vpc-ip.ts";
import { VPC_SUBNET, type VpcSubnet } from "../../src/api/vpc-subnet.ts";
import type { CloudVpc } from "../../src/cloud/cloud-vpc.ts";
import { type TencentCredential, TencentVpc } from "../../src/cloud/tencent/tencent-vpc.ts";
import { type Ipamd, type IpamdSettings, startIpamd } from "../../src/ipamd/ipamd.ts";
import {
  configMaps,
  events,
  type KubeEvent,
  namespaces,
  nodes,
  pods,
} from "../../src/kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { type SimConfig, simulatedWorld } from "../../src/sim/config.ts";
import { ControlClient } from "../../src/sim/control/client.ts";
import type { StateAnswer } from "../../src/sim/control/messages.ts";
import { type RunningSim, runSim } from "../../src/sim/main.ts";
import { systemWaitingClock, type WaitingClock } from "../../src/time/waiting-clock.ts";
import { type ApiServer, startApiServer } from "./start-api-server.ts";

export const necs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
export const venis: Resource<VpcENI> = VPC_ENI;
export const vips: Resource<VpcIP> = VPC_IP;
export const vsubs: Resource<VpcSubnet> = VPC_SUBNET;

/** Two cores: four network interfaces of ten addresses, so that pods can have 3 × 9. */
const TYPE = "SA2.MEDIUM4";

const LEASE_MS = 20_000;
/** So much of true time at least, however fast the clock: a machine that is busy may keep a leader from renewing its lease for a second or two. */
const TRUE_LEASE_MS = 5_000;

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * A clock whose pauses pass so many times as fast: ten seconds between two readings become one and a quarter. Its dates are true.
 */
export function fastClock(factor: number): WaitingClock {
  return {
    now: systemWaitingClock.now,
    monotonic: () => systemWaitingClock.monotonic() * factor,
    sleep: (ms, signal) => systemWaitingClock.sleep(ms / factor, signal),
  };
}

/** Waits until `read` answers something other than undefined or false. */
export async function until<T>(
  what: string,
  read: () => Promise<T | undefined | false>,
  deadlineMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await Bun.sleep(50);
  }
}

/** Looks for as long whether something stays as it is. */
export async function throughout(ms: number, what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    if (!(await holds())) throw new Error(`not all the time: ${what}`);
    await Bun.sleep(100);
  }
}

export interface NodeWish {
  /** 1 or 2, the zones of the simulated world. */
  zone?: 1 | 2;
  instanceType?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** Of a NodeENIConfig that is there before the Node. */
  necAnnotations?: Record<string, string>;
  maxPods?: number;
  allocatable?: Record<string, string>;
  taints?: { key: string; value?: string; effect: "NoSchedule" }[];
}

export interface PoolOptions {
  /** Subnets beside those of the simulated world. */
  subnets?: SimConfig["subnets"];
  latencyMs?: number;
  /** How many times as fast as true time pauses pass for ipamd. */
  factor?: number;
}

interface PoolParts {
  apiServer: ApiServer;
  kube: KubeClient;
  sim: RunningSim;
  machines: { count: number };
  credential: TencentCredential;
  clock: WaitingClock;
  factor: number;
  stopSim: () => Promise<void>;
}

/** A cluster without kubelets, its cloud, and one ipamd at a time. */
export class Pool {
  readonly apiServer: ApiServer;
  readonly sim: RunningSim;
  readonly control: ControlClient;
  readonly kube: KubeClient;
  /** What ipamd signs with. */
  credential: TencentCredential;
  readonly clock: WaitingClock;
  /** How many times as fast as true time it goes. */
  readonly factor: number;
  /** Of all clusters in this cloud. */
  readonly machines: { count: number };
  readonly #stopSim: () => Promise<void>;
  #ipamd: Ipamd | undefined;
  #failure = "";
  #serial = 0;
  readonly #agents = new Set<HandAgent>();

  constructor(parts: PoolParts) {
    this.apiServer = parts.apiServer;
    this.sim = parts.sim;
    this.control = new ControlClient(parts.sim.controlUrl);
    this.kube = parts.kube;
    this.credential = parts.credential;
    this.clock = parts.clock;
    this.factor = parts.factor;
    this.machines = parts.machines;
    this.#stopSim = parts.stopSim;
  }

  /** The cloud as ipamd reaches it. */
  connectCloud(): TencentVpc {
    return new TencentVpc({
      region: "ap-sim",
      credential: async () => this.credential,
      protocol: "http",
      domain: new URL(this.sim.apiUrl).host,
      timeoutMs: 5000,
    });
  }

  async connect() {
    return createTransport(await openServerAccess({ kubeconfig: this.apiServer.kubeconfig }));
  }

  /** Starts an ipamd beside what runs. */
  async startAnother(
    overrides: Partial<IpamdSettings> = {},
    world: { wrap?: (cloud: CloudVpc) => CloudVpc; clock?: WaitingClock } = {},
  ): Promise<Ipamd> {
    const { wrap = (cloud) => cloud, clock = this.clock } = world;
    return startIpamd(
      {
        transport: await this.connect(),
        cloud: wrap(this.connectCloud()),
        clock,
        random: Math.random,
        logger: quiet,
        // Of clusters in one cloud no two may be equal.
        nonce: () => Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex"),
        stopwatch: () => performance.now(),
        credentialFingerprint: async () => JSON.stringify(this.credential),
      },
      {
        clusterId: "cluster-a",
        vpcId: "vpc-sim00001",
        subnetIds: ["subnet-pods0001", "subnet-pods0002"],
        warm: { min: 3, max: 3 },
        quickRelease: true,
        nodeTaint: true,
        nodeCondition: true,
        nodeGoneGraceMs: 1000,
        agentAnswerMs: 1000,
        namespace: "kube-system",
        identity: this.unique("test-"),
        cloudTimeoutMs: 5000,
        leaseDurationMs: Math.max(LEASE_MS, TRUE_LEASE_MS * this.factor),
        ...overrides,
      },
    );
  }

  /** Ends the ipamd that runs, if one does, and starts the next. */
  async restart(...how: Parameters<Pool["startAnother"]>): Promise<Ipamd> {
    await this.stopIpamd();
    this.#ipamd = await this.startAnother(...how);
    this.#ipamd.failed.catch((error) => {
      this.#failure = ` (ipamd has failed: ${error.message})`;
    });
    return this.#ipamd;
  }

  async stopIpamd(): Promise<void> {
    await this.#ipamd?.stop();
    this.#ipamd = undefined;
    this.#failure = "";
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents) await agent.stop();
    await this.stopIpamd();
    await this.#stopSim();
    await this.apiServer.stop();
  }

  unique(prefix: string): string {
    return `${prefix}${process.pid}x${++this.#serial}`;
  }

  /** Starts a machine and registers its Node. */
  async addNode(name: string, wish: NodeWish = {}): Promise<{ instanceId: string }> {
    const instanceId = await this.addMachine(name, wish);
    await this.registerNode(name, instanceId, wish);
    return { instanceId };
  }

  async addMachine(name: string, { zone = 1, instanceType = TYPE }: NodeWish = {}): Promise<string> {
    const serial = ++this.machines.count;
    const instanceId = `ins-${serial.toString(16).padStart(8, "0")}`;
    await this.control.addInstance({
      instanceId,
      name,
      instanceType,
      zone: `ap-sim-${zone}`,
      subnetId: `subnet-node000${zone}`,
      privateIp: `10.0.${zone}.${serial + 10}`,
      netns: "/run/netns/none",
      device: "eth0",
    });
    return instanceId;
  }

  async registerNode(name: string, instanceId: string, wish: NodeWish = {}): Promise<void> {
    if (wish.necAnnotations !== undefined) {
      await this.kube.create(necs, { metadata: { name, annotations: wish.necAnnotations }, spec: {} });
    }
    await this.kube.create(nodes, {
      metadata: {
        name,
        ...(wish.labels && { labels: wish.labels }),
        ...(wish.annotations && { annotations: wish.annotations }),
      },
      spec: {
        providerID: `qcloud:///800001/${instanceId}`,
      },
    });
    // The API server taints a new Node as not ready, and no controller is here to take that off.
    await this.kube.mergePatch(nodes, name, { patch: { spec: { taints: wish.taints ?? [] } } });
    const capacity = { pods: String(wish.maxPods ?? 110), cpu: "2", memory: "4Gi" };
    await this.kube.mergePatch(nodes, name, {
      subresource: "status",
      patch: { status: { capacity, allocatable: wish.allocatable ?? capacity } },
    });
  }

  /** Makes pods that are bound to a node, as no scheduler of ours does. */
  async addPods(
    node: string,
    count: number,
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<string[]> {
    const names: string[] = [];
    for (let i = 0; i < count; i++) {
      const name = this.unique(`${node}-pod-`);
      names.push(name);
      await this.kube.create(pods, {
        metadata: { name, namespace: "default", annotations },
        spec: { nodeName: node, containers: [{ name: "c", image: "none" }] },
      });
    }
    return names;
  }

  async deletePods(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.kube.delete(pods, name, { namespace: "default", gracePeriodSeconds: 0 });
    }
  }

  async annotateNode(name: string, annotations: Record<string, string | null>): Promise<void> {
    await this.kube.mergePatch(nodes, name, { patch: { metadata: { annotations } } });
  }

  async annotateConfig(name: string, annotations: Record<string, string | null>): Promise<void> {
    await this.kube.mergePatch(necs, name, { patch: { metadata: { annotations } } });
  }

  /** Writes the ConfigMap `tke-eni-ipamd`. */
  async configure(data: Record<string, string>): Promise<void> {
    const metadata = { name: "tke-eni-ipamd", namespace: "kube-system" };
    const options = { namespace: "kube-system" };
    const known = await this.kube.find(configMaps, metadata.name, options);
    if (known === undefined) await this.kube.create(configMaps, { metadata, data });
    else await this.kube.mergePatch(configMaps, metadata.name, { ...options, patch: { data } });
  }

  async addressesOf(node: string): Promise<readonly VpcIP[]> {
    return (await this.kube.list(vips, { fieldSelector: `spec.node=${node}` })).items;
  }

  async enisOf(node: string): Promise<readonly VpcENI[]> {
    return (await this.kube.list(venis, { fieldSelector: `spec.node=${node}` })).items;
  }

  /** The cloud's ENIs that are no machine's primary one. */
  async cloudEnis(): Promise<StateAnswer["enis"]> {
    return (await this.control.readState()).enis.filter((eni) => !eni.primary);
  }

  async cloudEnisOf(instanceId: string): Promise<StateAnswer["enis"]> {
    return (await this.cloudEnis()).filter((eni) => eni.instanceId === instanceId);
  }

  async cloudEni(eniId: string): Promise<StateAnswer["enis"][number] | undefined> {
    return (await this.cloudEnis()).find((eni) => eni.eniId === eniId);
  }

  /** Waits until a node has that many addresses, each assigned in the cloud and with its object. */
  async untilAddresses(node: string, count: number, deadlineMs?: number): Promise<readonly VpcIP[]> {
    return until(
      `${count} addresses of ${node}`,
      async () => {
        const list = await this.addressesOf(node);
        return list.length === count && list.every((vip) => vip.status?.cloud?.state === "Assigned") && list;
      },
      deadlineMs,
    ).catch((error) => {
      throw new Error(`${error.message}${this.#failure}`);
    });
  }

  async readyOf(node: string) {
    return (await this.kube.find(necs, node))?.status?.conditions?.find(({ type }) => type === "Ready");
  }

  /**
   * Waits for the reason of a node's condition `Ready`.
   *
   * @param says what its message is to contain: pods come one by one, and a number in it counts on
   */
  async untilReason(node: string, reason: string, says = "") {
    let last: unknown;
    return until(`reason ${reason} of ${node}`, async () => {
      const condition = await this.readyOf(node);
      last = condition;
      return condition?.reason === reason && condition.message.includes(says) && condition;
    }).catch((error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(last)}${this.#failure}`);
    });
  }

  async eventsOf(name: string, reason: string): Promise<readonly KubeEvent[]> {
    const about = `involvedObject.name=${name},reason=${reason}`;
    return (await this.kube.list(events, { fieldSelector: about })).items;
  }

  /** Waits for an Event about an object. */
  async untilEvent(name: string, reason: string): Promise<KubeEvent> {
    return until(`the Event ${reason} of ${name}`, async () => (await this.eventsOf(name, reason))[0]);
  }

  /** How often an action was called, and got in. */
  async callsOf(action: string): Promise<number> {
    return (await this.control.readCalls())[action]?.calls ?? 0;
  }

  async sayUse(address: string, use: NonNullable<NonNullable<VpcIP["status"]>["use"]>): Promise<void> {
    await this.kube.applyStatus(
      vips,
      { metadata: { name: address }, status: { use } },
      { fieldManager: AGENT_MANAGER },
    );
  }

  async sayEniUse(eniId: string, use: NonNullable<NonNullable<VpcENI["status"]>["use"]>): Promise<void> {
    await this.kube.applyStatus(
      venis,
      { metadata: { name: eniId }, status: { use } },
      { fieldManager: AGENT_MANAGER },
    );
  }

  /** An agent for a node, which answers until it is stopped. */
  agentOf(node: string): HandAgent {
    const agent = new HandAgent(this, node);
    this.#agents.add(agent);
    return agent;
  }

  /** Deletes a Node and waits until nothing of it is left. */
  async removeNode(name: string): Promise<void> {
    await this.kube.delete(nodes, name);
    await until(`the end of ${name}`, async () => (await this.kube.find(necs, name)) === undefined, 30_000);
  }
}

/**
 * What an agent says, without a node behind it: which addresses pods hold, and the answers to reclaim tokens. A promise is kept: what
 * was answered Reclaimable is not said to be free again.
 */
export class HandAgent {
  /** Addresses that pods hold. */
  readonly held = new Set<string>();
  /** Of these, pods by name; the others' is of no account. */
  readonly #pods = new Map<string, string>();
  /** While true it says nothing. */
  silent = false;
  readonly #pool: Pool;
  readonly #node: string;
  readonly #promised = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(pool: Pool, node: string) {
    this.#pool = pool;
    this.#node = node;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** @param pod `namespace/name` */
  hold(address: string, pod: string): void {
    this.held.add(address);
    this.#pods.set(address, pod);
  }

  letGo(address: string): void {
    this.held.delete(address);
    this.#pods.delete(address);
  }

  /** Waits until it has said of every address of its node what it is. */
  async hasSpoken(): Promise<void> {
    await until(`the word of the agent of ${this.#node}`, async () =>
      (await this.#pool.addressesOf(this.#node)).every(({ status }) => status?.use !== undefined),
    );
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        if (!this.silent) await this.#speak();
      } catch {
        // An object that has just gone, or an API server that is on its way: it speaks again.
      }
      await systemWaitingClock.sleep(100, signal);
    }
  }

  async #speak(): Promise<void> {
    for (const vip of await this.#pool.addressesOf(this.#node)) {
      if (this.silent) return;
      const use = this.#useOf(vip);
      const before = vip.status?.use;
      if (before?.state === use.state && before.token === use.token) continue;
      await this.#pool.sayUse(vip.metadata.name, { ...use, since: new Date().toISOString() });
    }
    for (const veni of await this.#pool.enisOf(this.#node)) {
      if (this.silent) return;
      const token = veni.spec.reclaim?.token;
      const isHeld = (await this.#pool.addressesOf(this.#node)).some(
        (vip) => vip.spec.eniID === veni.metadata.name && this.held.has(vip.metadata.name),
      );
      const waits = isHeld && veni.spec.reclaim?.mode === "when-free";
      const state = token === undefined || waits ? "Ready" : isHeld ? "Refused" : "Reclaimable";
      const use = { state, ...(state !== "Ready" && token !== undefined && { token }) } as const;
      const before = veni.status?.use;
      if (before?.state === use.state && before.token === use.token) continue;
      await this.#pool.sayEniUse(veni.metadata.name, { ...use, since: new Date().toISOString() });
    }
  }

  #useOf({ metadata, spec }: VpcIP) {
    const { name, uid = "" } = metadata;
    const token = spec.reclaim?.token;
    if (this.held.has(name)) {
      const pod = this.#pods.get(name) ?? "default/holder";
      return token !== undefined && spec.reclaim?.mode === "now"
        ? ({ state: "Refused", token, pod } as const)
        : ({ state: "InUse", pod } as const);
    }
    if (token !== undefined) {
      this.#promised.add(uid);
      return { state: "Reclaimable", token } as const;
    }
    return this.#promised.has(uid) ? ({ state: "Reclaimable" } as const) : ({ state: "Free" } as const);
  }
}

/** Starts a cluster and its cloud; no ipamd yet. */
export async function startPool({
  subnets = [],
  latencyMs = 100,
  factor = 8,
}: PoolOptions = {}): Promise<Pool> {
  const { outside: _, ...world } = simulatedWorld();
  const listen = { hostname: "127.0.0.1", port: 0 };
  const sim = await runSim(
    {
      ...world,
      subnets: [...world.subnets, ...subnets],
      fabric: false,
      latency: { default: latencyMs, actions: {} },
      api: { listen },
      control: { listen },
    },
    quiet,
  );
  const [credential] = world.credentials;
  if (credential === undefined) throw new Error("the simulated world has no credential");
  const { secretId, secretKey } = credential;
  return new Pool({
    ...(await startCluster()),
    sim,
    machines: { count: 0 },
    credential: { secretId, secretKey },
    clock: fastClock(factor),
    factor,
    stopSim: () => sim.stop(),
  });
}

/** Starts another cluster in the cloud of a pool. */
export async function joinPool({ sim, machines, credential, clock, factor }: Pool): Promise<Pool> {
  return new Pool({
    ...(await startCluster()),
    sim,
    machines,
    credential,
    clock,
    factor,
    stopSim: async () => {},
  });
}

async function startCluster(): Promise<{ apiServer: ApiServer; kube: KubeClient }> {
  const apiServer = await startApiServer();
  const kube = createKubeClient(
    createTransport(await openServerAccess({ kubeconfig: apiServer.kubeconfig })),
  );
  await until("the namespace kube-system", () => kube.find(namespaces, "kube-system"));
  await apiServer.kubectl(["create", "serviceaccount", "default", "--namespace=default"]);
  return { apiServer, kube };
}

/** A subnet for pods beside those of the simulated world. */
export function podSubnet(subnetId: string, cidr: string, zone: 1 | 2 = 1): SimConfig["subnets"][number] {
  return { subnetId, vpcId: "vpc-sim00001", name: subnetId, zone: `ap-sim-${zone}`, cidr };
}

/** The condition of that type, of whatever has conditions. */
export function conditionOf<C extends { type: string }>(
  object: { status?: { conditions?: readonly C[] | undefined } | undefined } | undefined,
  type: string,
): C | undefined {
  return object?.status?.conditions?.find((condition) => condition.type === type);
}
