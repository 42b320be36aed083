import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pool } from "../../src/agent/pool/pool.ts";
import type { AgentMemory, AgentStore } from "../../src/agent/store/agent-store.ts";
import { announcedSlots } from "../../src/agent/store/announced-slots.ts";
import { type OpenedMemory, openStore } from "../../src/agent/store/open-store.ts";
import { CLUSTER_CONFIGURATION } from "../../src/api/cluster-configuration.ts";
import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import type { ClaimOptions } from "../../src/ipamd/claims/claim-world.ts";
import { type Ipamd, type IpamdSettings, startIpamd } from "../../src/ipamd/ipamd.ts";
import type { KubeTransport } from "../../src/kube/transport.ts";
import { type SimConfig, simulatedWorld } from "../../src/sim/config.ts";
import { ModelApiServer } from "../../src/sim/kube/model-api-server.ts";
import { createModelTransport } from "../../src/sim/kube/model-transport.ts";
import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import { createSimulatedCloud, type SimulatedCloud } from "../../src/sim/tencent/simulated-cloud.ts";
import { formatIpv4, parseIpv4 } from "../../src/sim/vpc/ipv4.ts";
import { createVirtualClock, type VirtualClock } from "../../src/time/testing/virtual-clock.ts";
import { AgentProcess } from "./agent-process.ts";
import { CloudRoad, type SentCall } from "./cloud-road.ts";
import { Dice } from "./dice.ts";
import { ExtenderProcess } from "./extender-process.ts";
import { CALM, FaultyKubeNetwork, type KubeWeather } from "./faulty-kube-network.ts";
import { Invariants } from "./invariants.ts";
import { Kubelet } from "./kubelet.ts";
import { Machine } from "./machine.ts";
import { NodeController } from "./node-controller.ts";
import { Scheduler } from "./scheduler.ts";
import { SimFabric } from "./sim-fabric.ts";
import { SimProcess } from "./sim-process.ts";
import { type Passage, simulatedCloudVpc } from "./simulated-cloud-vpc.ts";
import { Trace } from "./trace.ts";

export interface WorldSettings {
  readonly seed: number;
  readonly instanceType: string;
  readonly warm: { readonly min: number; readonly max: number };
  readonly quickRelease: boolean;
  /** Prefix length of each subnet for pods. */
  readonly podsPrefix: number;
  /** A second subnet for pods in each zone. */
  readonly moreSubnets?: boolean | undefined;
  readonly ipamds: number;
  /** Pods have addresses of their own; undefined: nodes keep a pool of them alone. */
  readonly claims?: Omit<ClaimOptions, "poolSize"> | undefined;
  /** Another cloud than the small one. */
  readonly config?: SimConfig | undefined;
  /** Milliseconds of the real machine, where its work is to be measured; no run depends on them. */
  readonly stopwatch?: (() => number) | undefined;
  readonly print?: ((line: string) => void) | undefined;
}

const CLUSTER = "cluster-sim";
/** How names of pods begin that are nobody's in particular. */
export const REPLICA = "pod-";
/** Key of the lease of ipamd's leader. */
const IPAMD_LEASE = "kube-system/tke-eni-ipamd";
/** How long a lease of ipamd's lasts, and how long it waits for an answer of the cloud. */
export const LEASE_MS = 20_000;
export const CLOUD_TIMEOUT_MS = 5_000;
export const NODE_GONE_GRACE_MS = 120_000;
export const AGENT_ANSWER_MS = 30_000;
/** The kubelet kills what has not ended by then. */
const TERMINATION_GRACE_MS = 30_000;
/** An agent that waits for the store looks so often whether it is free. */
const LOCK_SEEN_MS = 25;
const ZONES = ["ap-sim-1", "ap-sim-2"] as const;

/** One life of a node's agent. */
export interface AgentLife {
  readonly process: SimProcess;
  readonly agent: AgentProcess;
  /** Lets it have the store. */
  readonly takeOver: () => void;
  /** Closes the store, after the end of the process. */
  readonly close: () => void;
}

/** A node: its machine, its kubelet, and its agent, one life of it after the other. */
export interface Host {
  readonly machine: Machine;
  readonly kubelet: Kubelet;
  agent: AgentLife | undefined;
  /** Started beside the agent while it still serves, as in an update, to go on when that has gone. */
  successor: AgentLife | undefined;
  /** Raised with each life of the agent. */
  lives: number;
  /** Whether the way to the API server is cut. */
  cutOff: boolean;
  /** Whether the whole machine is cut off from the API server, its kubelet too. */
  isolated: boolean;
  /** Terminated: it does not come back. */
  gone: boolean;
}

interface Leader {
  readonly process: SimProcess;
  readonly identity: string;
  /** The warm target among its flags. */
  readonly warm: WorldSettings["warm"];
  /** Once it has started. */
  readonly ipamd?: Ipamd;
}

/**
 * The whole world of a run: a cloud, an API server, nodes with their agents, two ipamd and a scheduler, under one clock and one
 * seed. What goes wrong in it is done by others, through its methods.
 */
export class World {
  readonly settings: WorldSettings;
  readonly clock: VirtualClock = createVirtualClock();
  readonly dice: Dice;
  readonly trace: Trace;
  readonly server: ModelApiServer;
  readonly cloud: SimulatedCloud;
  readonly fabric: SimFabric;
  readonly invariants: Invariants;
  readonly hosts = new Map<string, Host>();
  readonly ipamds: (Leader | undefined)[] = [];
  readonly config: SimConfig;
  weather: KubeWeather = CALM;
  readonly road: CloudRoad;
  cloudDelayMs: readonly [number, number] = [5, 40];
  /** Since when nothing goes wrong any more; undefined while it does. */
  calmSince: number | undefined;
  /** Told of each object that is written, until it says that it has seen what it waits for. */
  onceWritten: ((object: JsonObject) => boolean) | undefined;
  /** The warm target that an ipamd has among its flags when it starts now. */
  warm: WorldSettings["warm"];
  /** Lets there be as many pods as nodes can take. */
  wantMore: () => void = () => {};
  /** Machines, Nodes and addresses that are to come back by themselves. */
  awaited = 0;
  /** What a run comes to grief by. */
  failure: string | undefined;
  readonly #folder: string;
  /** Stores whose process has ended without closing them: their files are left as a killed process leaves them. */
  readonly #abandoned = new Set<AgentStore>();
  #extender: ExtenderProcess | undefined;
  #extenderProcess: SimProcess | undefined;
  #machines = 0;
  #pods = 0;

  constructor(settings: WorldSettings) {
    this.settings = settings;
    this.warm = settings.warm;
    this.dice = new Dice(settings.seed);
    this.road = new CloudRoad({ dice: this.dice.fork("road"), now: this.clock.monotonic });
    this.trace = new Trace(() => this.clock.monotonic(), { print: settings.print });
    this.server = new ModelApiServer(this.clock);
    this.invariants = new Invariants(this);
    this.fabric = new SimFabric((event) => this.invariants.fabricEvent(event));
    this.config = settings.config ?? configOf(settings);
    let requests = 0;
    this.cloud = createSimulatedCloud(this.config, {
      clock: {
        now: () => this.clock.now(),
        wakeAt: (time, callback) => this.clock.after(time - this.clock.now(), callback),
      },
      fabric: this.fabric,
      log: {
        debug() {},
        info() {},
        warn: (fields, message) => this.fail(`cloud: ${message} ${JSON.stringify(fields)}`),
      },
      newRequestId: () => `req-${++requests}`,
    });
    // In memory where that is to be had: a store writes through to its disk at each step.
    const folder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    this.#folder = mkdtempSync(join(folder, "tke-eni-sim-"));
    this.server.onChange(({ kind, key, before, after, version }) => {
      if (kind.plural === "leases" && key === IPAMD_LEASE) this.invariants.leaseChanged(before, after);
      if (kind.plural === "leases" || kind.plural === "events") return;
      const what = after === undefined ? "deleted" : before === undefined ? "created" : "changed";
      this.trace.note("api", `${what} ${kind.plural} ${key} ${version}${after ? ` ${digest(after)}` : ""}`);
      this.invariants.objectChanged({ plural: kind.plural, before, after });
      if (after !== undefined && kind.schema !== undefined && this.onceWritten?.(after))
        this.onceWritten = undefined;
      if (kind.plural === "pods") this.#tellKubelet(key, before, after);
    });
  }

  /** Starts everything but nodes and pods. */
  start(): void {
    for (let i = 0; i < this.settings.ipamds; i++) this.startIpamd(i);
    this.#startScheduler();
    this.#collectPods();
    if (this.settings.claims === undefined) return;
    this.#startExtender();
    new NodeController(this);
  }

  /** Takes away what the run has left on disk. */
  close(): void {
    for (const host of this.hosts.values()) this.#endAgents(host);
    for (const ipamd of this.ipamds) ipamd?.process.end();
    this.#extenderProcess?.end();
    for (const store of this.#abandoned) store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Subnets that pods get addresses from. */
  get podSubnets(): string[] {
    return this.config.subnets.map(({ subnetId }) => subnetId).filter((id) => id.startsWith("subnet-pods"));
  }

  /** People set annotations of an object that has no namespace; `null` takes one away. */
  annotate(path: string, annotations: Readonly<Record<string, string | null>>): void {
    this.trace.note("user", `annotates ${path} ${JSON.stringify(annotations)}`);
    this.request("PATCH", path, { metadata: { annotations } });
  }

  /** The ConfigMap names these subnets from now on. */
  configureSubnets(subnetIds: readonly string[]): void {
    const { namespace, name, keys } = CLUSTER_CONFIGURATION;
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const data = { [keys.subnetIds]: subnetIds.join(":") };
    this.trace.note("user", `configures ${data[keys.subnetIds]}`);
    this.request("POST", path, { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });
    this.request("PATCH", `${path}/${name}`, { data });
  }

  fail(why: string): void {
    if (this.failure !== undefined) return;
    this.failure = why;
    this.trace.note("world", `FAILED: ${why}`);
  }

  /** Lets time pass; less where something fails. */
  run(ms: number): void {
    const end = this.clock.monotonic() + ms;
    this.clock.run(end, () => this.failure === undefined);
  }

  // ---- ipamd

  startIpamd(index: number): void {
    const dice = this.dice.fork(`ipamd-${index}-${this.clock.monotonic()}`);
    if (this.ipamds[index] !== undefined) return;
    const name = `ipamd-${index}`;
    const process = new SimProcess(name, this.clock);
    const identity = `${name}-${this.clock.monotonic()}`;
    const born: Leader = { process, identity, warm: this.warm };
    this.ipamds[index] = born;
    const logger = this.trace.logger(name);
    this.trace.note(name, "starts");
    const over = (error: unknown) => {
      if (process.hasEnded) return;
      this.trace.note(name, `ends: ${error instanceof Error ? error.message : error}`);
      this.crashIpamd(index);
    };
    const cloud = simulatedCloudVpc(process, {
      api: this.cloud.api,
      clock: this.clock,
      region: this.config.region,
      credential: this.config.credentials[0] ?? { secretId: "", secretKey: "" },
      timeoutMs: CLOUD_TIMEOUT_MS,
      delayMs: () => dice.between(...this.cloudDelayMs),
      onSend: (action, parameters) => this.#sendToCloud({ identity, action, parameters }),
      onCall: (call) => this.invariants.cloudCall(call),
    });
    const world = {
      transport: this.#transport(process, dice),
      cloud,
      clock: process.clock,
      random: dice.next,
      logger,
      nonce: () => dice.hex(12),
      stopwatch: this.settings.stopwatch ?? (() => 0),
    };
    startIpamd(world, this.#ipamdSettings(identity)).then((ipamd) => {
      this.ipamds[index] = { ...born, ipamd };
      return ipamd.failed.catch(over);
    }, over);
  }

  #sendToCloud(call: SentCall): Passage {
    const sentAt = this.clock.monotonic();
    this.invariants.cloudSend(call);
    return {
      heldUpMs: this.road.take(call),
      onArrival: () => {
        const problem = this.invariants.cloudArrival({ ...call, sentAt });
        return problem === undefined ? undefined : () => this.fail(problem);
      },
    };
  }

  /** Ends it in order, the lease given back; it starts anew after a moment. */
  stopIpamd(index: number): void {
    const running = this.ipamds[index];
    if (running?.ipamd === undefined) return;
    this.trace.note(running.process.name, "is told to stop");
    const end = () => {
      if (this.ipamds[index] === running) this.crashIpamd(index);
    };
    running.ipamd.stop().then(end, end);
  }

  /** Ends it in whatever it does; it starts anew after a moment. */
  crashIpamd(index: number): void {
    this.ipamds[index]?.process.end();
    this.ipamds[index] = undefined;
    this.clock.after(this.dice.between(500, 8_000), () => this.startIpamd(index));
  }

  #ipamdSettings(identity: string): IpamdSettings {
    const { warm, settings } = this;
    const { quickRelease, claims } = settings;
    return {
      ...(claims !== undefined && { claims: { ...claims, poolSize: warm.min } }),
      clusterId: CLUSTER,
      namespace: "kube-system",
      identity,
      cloudTimeoutMs: CLOUD_TIMEOUT_MS,
      leaseDurationMs: LEASE_MS,
      vpcId: this.config.vpcs[0]?.vpcId ?? "",
      subnetIds: this.podSubnets,
      warm,
      quickRelease,
      nodeGoneGraceMs: NODE_GONE_GRACE_MS,
      agentAnswerMs: AGENT_ANSWER_MS,
      nodeTaint: true,
      nodeCondition: true,
    };
  }

  #transport(
    process: SimProcess,
    dice: Dice,
    {
      isCutOff = () => false,
      weather = () => this.weather,
    }: { isCutOff?: () => boolean; weather?: () => KubeWeather } = {},
  ): KubeTransport {
    return createModelTransport({
      server: this.server,
      now: this.clock.monotonic,
      after: this.clock.after,
      deliver: process.deliver,
      network: new FaultyKubeNetwork({ dice: dice.fork("network"), weather, isCutOff }),
    });
  }

  #startScheduler(): void {
    const process = new SimProcess("scheduler", this.clock);
    const dice = this.dice.fork("scheduler");
    const logger = this.trace.logger("scheduler");
    // One that binds twice for a lost answer is no trouble of ours: the kubelet refuses the pod that is too many.
    const transport = this.#transport(process, dice, { weather: () => CALM });
    const extender = this.settings.claims && (() => this.#extender);
    new Scheduler({ process, transport, dice, logger, extender });
  }

  #startExtender(): void {
    const process = new SimProcess("extender", this.clock);
    const dice = this.dice.fork(`extender-${this.clock.monotonic()}`);
    this.trace.note("extender", "starts");
    this.#extenderProcess = process;
    this.#extender = new ExtenderProcess({
      process,
      identity: `extender-${this.clock.monotonic()}`,
      transport: this.#transport(process, dice),
      clock: this.clock,
      dice,
      logger: this.trace.logger("extender"),
    });
  }

  /** Ends it in whatever it does; it starts anew after a moment, and knows nothing of before. */
  crashExtender(): void {
    if (this.#extender === undefined) return;
    this.trace.note("extender", "ends");
    this.#extenderProcess?.end();
    this.#extender = undefined;
    this.clock.after(this.dice.between(500, 8_000), () => this.#startExtender());
  }

  /** The extender stands still for so many milliseconds. */
  freezeExtender(ms: number): void {
    const process = this.#extenderProcess;
    process?.freeze();
    this.clock.after(ms, () => process?.resume());
  }

  // ---- nodes

  /** A machine starts and its kubelet registers a Node. */
  async addNode(name: string, options: { providerId?: boolean } = {}): Promise<Host> {
    const number = ++this.#machines;
    const zone = ZONES[number % 2] ?? ZONES[0];
    const instanceId = `ins-${String(number).padStart(8, "0")}`;
    const subnetId = number % 2 === 0 ? "subnet-node0001" : "subnet-node0002";
    const address = addressIn(this.config, subnetId, 10 + number);
    const machine = new Machine({ instanceId, nodeName: name, zone, address });
    this.fabric.machines.set(instanceId, machine);
    await this.cloud.control.addInstance({
      instanceId,
      name,
      instanceType: this.settings.instanceType,
      zone,
      subnetId,
      privateIp: address,
      netns: `/run/netns/${instanceId}`,
      device: "eth0",
    });
    const host: Host = {
      machine,
      kubelet: this.#kubelet(name, machine),
      agent: undefined,
      successor: undefined,
      lives: 0,
      cutOff: false,
      isolated: false,
      gone: false,
    };
    this.hosts.set(name, host);
    this.registerNode(host, options);
    this.startAgent(host);
    this.#resync(host);
    return host;
  }

  /** The kubelet makes its Node. */
  registerNode({ machine }: Host, { providerId = true }: { providerId?: boolean } = {}): void {
    const spec = providerId ? { providerID: `qcloud:///800001/${machine.instanceId}` } : {};
    this.request("POST", "/api/v1/nodes", {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: machine.nodeName, labels: { zone: machine.zone, host: machine.nodeName } },
      spec,
      status: {
        addresses: [{ type: "InternalIP", address: machine.address }],
        capacity: { pods: "110", cpu: "4", memory: "8Gi" },
        allocatable: { pods: "110", cpu: "4", memory: "8Gi" },
        conditions: [{ type: "Ready", status: "True" }],
      },
    });
  }

  startAgent(host: Host): void {
    if (host.gone || !host.machine.isOn || host.agent !== undefined) return;
    const life = this.#newAgent(host);
    host.agent = life;
    life.takeOver();
  }

  /** Starts an agent beside the one that serves; it goes on when that has ended. */
  startSuccessor(host: Host): void {
    if (host.agent === undefined || host.successor !== undefined) return;
    host.successor = this.#newAgent(host);
  }

  #newAgent(host: Host): AgentLife {
    const { machine } = host;
    const name = `agent-${machine.nodeName}`;
    const dice = this.dice.fork(`${name}-${machine.instanceId}-${++host.lives}`);
    const process = new SimProcess(name, this.clock);
    const folder = join(this.#folder, machine.instanceId);
    this.trace.note(name, host.agent === undefined ? "starts" : "starts beside its predecessor");
    const over = (error: unknown) => {
      if (process.hasEnded) return;
      this.trace.note(name, `ends: ${error instanceof Error ? error.message : error}`);
      process.end();
    };
    const owned = Promise.withResolvers<OpenedMemory>();
    let store: AgentStore | undefined;
    const takeOver = () => {
      const opened = openStore({ folder, bootId: machine.bootId });
      store = opened.store;
      this.#abandoned.add(store);
      this.trace.note(name, `has the store: ${opened.reason.replace(this.#folder, "")}`);
      owned.resolve({ ...opened, store: this.#memory(store, process) });
    };
    const agent = new AgentProcess({
      process,
      machine,
      kubelet: () => host.kubelet,
      transport: this.#transport(process, dice, { isCutOff: () => host.cutOff || host.isolated }),
      clock: this.clock,
      dice,
      logger: this.trace.logger(name),
      announced: () => announcedSlots(folder),
      ownStore: () => owned.promise,
      coolDownMs: 30_000,
      onFatal: over,
    });
    const life: AgentLife = {
      process,
      agent,
      takeOver: () => process.deliver(takeOver),
      close: () => {
        if (store !== undefined && this.#abandoned.delete(store)) store.close();
      },
    };
    process.onEnd(() => this.#agentEnded(host, life));
    agent.start().catch(over);
    return life;
  }

  /** The lock on the store is free: a successor sees that soon, or the agent is started anew after a moment. */
  #agentEnded(host: Host, life: AgentLife): void {
    if (host.successor === life) host.successor = undefined;
    if (host.agent !== life) return;
    const { successor } = host;
    host.agent = successor;
    host.successor = undefined;
    if (successor !== undefined) this.clock.after(this.dice.between(0, LOCK_SEEN_MS), successor.takeOver);
    else this.clock.after(this.dice.between(500, 10_000), () => this.startAgent(host));
  }

  /** Ends it in whatever it does; its successor goes on, or it starts anew after a moment. */
  crashAgent(host: Host): void {
    host.agent?.process.end();
  }

  /** Ends it in order, its store closed, or by force when it takes too long; its successor goes on, or it starts anew after a moment. */
  stopAgent(host: Host): void {
    const running = host.agent;
    if (running === undefined) return;
    this.trace.note(running.process.name, "is told to stop");
    const end = () => {
      if (running.process.hasEnded) return;
      running.process.end();
      running.close();
    };
    running.agent.stop(host.successor?.agent).then(end, end);
    this.clock.after(TERMINATION_GRACE_MS, () => running.process.end());
  }

  /** The files of its store are lost: the next life finds nothing. */
  loseStore(host: Host): void {
    rmSync(join(this.#folder, host.machine.instanceId), { recursive: true, force: true });
    this.crashAgent(host);
  }

  /** What is written is written: nothing comes of a process that has ended. */
  #memory(store: AgentStore, process: SimProcess): AgentMemory {
    const alive = () => {
      if (process.hasEnded) throw new Error("this process has ended");
    };
    return {
      apply: (changes) => {
        alive();
        store.apply(changes);
      },
      addresses: () => store.addresses(),
      enis: () => store.enis(),
      promisedEnis: () => store.promisedEnis(),
      saveEni: (eni) => {
        alive();
        store.saveEni(eni);
      },
      forgetEni: (eniId) => {
        alive();
        store.forgetEni(eniId);
      },
      meta: (key) => store.meta(key),
      setMeta: (key, value) => {
        alive();
        store.setMeta(key, value);
      },
    };
  }

  #kubelet(name: string, machine: Machine): Kubelet {
    const agent = () => this.hosts.get(name)?.agent?.agent;
    return new Kubelet({
      machine,
      server: this.server,
      clock: this.clock,
      dice: this.dice.fork(`kubelet-${machine.instanceId}`),
      agent: {
        add: async (attachment) => agent()?.add(attachment),
        del: async (containerId) => (await agent()?.del(containerId)) ?? false,
        slotAllocated: (slot) => agent()?.slotAllocated(slot),
      },
      isCutOff: () => this.hosts.get(name)?.isolated === true && this.hosts.get(name)?.machine === machine,
      note: (what) => this.trace.note(`kubelet-${name}`, what),
      onVeth: (change, containerId) => this.invariants.vethChanged(machine, { change, containerId }),
      onRefused: (pod) => this.fail(`${pod} was refused for good at ${name}, where no slot was free`),
    });
  }

  /** A machine is cut off from the API server: what runs there goes on. */
  isolate(host: Host): void {
    this.trace.note("world", `cuts ${host.machine.nodeName} off`);
    host.isolated = true;
  }

  heal(host: Host): void {
    if (!host.isolated) return;
    this.trace.note("world", `${host.machine.nodeName} is reached again`);
    host.isolated = false;
    if (!host.machine.isOn) return;
    host.kubelet.resync(new Map(this.podsOf(host.machine.nodeName).map((pod) => [keyOf(pod), pod])));
  }

  #endAgents(host: Host): void {
    host.successor?.process.end();
    host.agent?.process.end();
  }

  /** The node's power goes. */
  async stopMachine(host: Host): Promise<void> {
    this.trace.note("world", `stops ${host.machine.nodeName}`);
    this.#endAgents(host);
    host.kubelet.turnOff();
    this.invariants.machineOff(host.machine);
    host.machine.turnOff();
    await this.cloud.control.stopInstance(host.machine.instanceId);
  }

  async startMachine(host: Host): Promise<void> {
    if (host.gone || host.machine.isOn) return;
    this.trace.note("world", `starts ${host.machine.nodeName}`);
    host.machine.turnOn();
    await this.cloud.control.startInstance(host.machine.instanceId);
    this.startAgent(host);
    this.#resync(host);
  }

  /** The machine is terminated, and so is its Node, whose pods the garbage collector takes away. */
  async terminate(host: Host): Promise<void> {
    const { nodeName, instanceId } = host.machine;
    this.trace.note("world", `terminates ${nodeName} (${instanceId})`);
    host.gone = true;
    this.#endAgents(host);
    host.kubelet.turnOff();
    this.invariants.machineOff(host.machine);
    host.machine.turnOff();
    if (this.hosts.get(nodeName) === host) this.hosts.delete(nodeName);
    await this.cloud.control.removeInstance(instanceId);
    this.deleteNode(nodeName);
    for (const pod of this.podsOf(nodeName)) this.removePod(pod);
  }

  deleteNode(name: string): void {
    this.trace.note("world", `deletes the Node ${name}`);
    this.request("DELETE", `/api/v1/nodes/${name}`);
  }

  /** The pods that are bound to a node are told to its kubelet again, as after a boot. */
  #resync(host: Host): void {
    for (const pod of this.podsOf(host.machine.nodeName)) host.kubelet.podChanged(keyOf(pod), pod);
  }

  #tellKubelet(key: string, before: JsonObject | undefined, after: JsonObject | undefined): void {
    const node = textAt(after ?? before ?? {}, "spec.nodeName");
    if (node !== "") this.hosts.get(node)?.kubelet.podChanged(key, after);
  }

  // ---- pods

  /** As the garbage collector of the controller manager: pods of nodes that do not exist go. */
  #collectPods(): void {
    this.clock.after(20_000, () => {
      this.#collectPods();
      for (const pod of this.pods()) {
        const node = textAt(pod, "spec.nodeName");
        if (node !== "" && !this.hosts.has(node)) this.removePod(pod);
      }
    });
  }

  /**
   * @param options.nodeName makes a pod that is bound from the first moment and asks for no slot
   * @returns its name
   */
  createPod(
    options: {
      name?: string;
      annotations?: Readonly<Record<string, string>>;
      nodeSelector?: Record<string, string>;
      nodeName?: string;
    } = {},
  ): string {
    const name = options.name ?? `${REPLICA}${++this.#pods}`;
    const limits = options.nodeName === undefined ? { [ENI_IP_RESOURCE]: "1" } : {};
    this.request("POST", "/api/v1/namespaces/default/pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, ...(options.annotations && { annotations: options.annotations }) },
      spec: {
        containers: [{ name: "c", image: "none", resources: { limits, requests: limits } }],
        ...(options.nodeSelector && { nodeSelector: options.nodeSelector }),
        ...(options.nodeName && { nodeName: options.nodeName }),
      },
    });
    return name;
  }

  deletePod(name: string): void {
    this.request("DELETE", `/api/v1/namespaces/default/pods/${name}`);
  }

  /** People delete the claim of a name. */
  deleteClaim(claim: JsonObject): void {
    const name = textAt(claim, "metadata.name");
    this.trace.note("user", `deletes claim ${name}`);
    this.invariants.fixed?.deletedByPeople(claim);
    this.request(
      "DELETE",
      `/apis/networking.tke.cloud.tencent.com/v1/namespaces/default/vpcipclaims/${name}`,
    );
  }

  /** A pod's processes end by themselves. */
  finishPod(pod: JsonObject): void {
    this.hosts.get(textAt(pod, "spec.nodeName"))?.kubelet.finish(keyOf(pod));
  }

  /** Its object goes at once, whatever of it still runs. */
  removePod(pod: JsonObject): void {
    this.request("DELETE", `/api/v1/namespaces/default/pods/${textAt(pod, "metadata.name")}`, {
      gracePeriodSeconds: 0,
    });
  }

  pods(): JsonObject[] {
    return this.server.objects("pods");
  }

  podsOf(node: string): JsonObject[] {
    return this.pods().filter((pod) => textAt(pod, "spec.nodeName") === node);
  }

  poolOf(host: Host): Pool | undefined {
    return host.agent?.agent.pool;
  }

  /** A request of somebody in the world, at once. */
  request(method: string, path: string, body?: object): JsonObject {
    const answer = this.server.answer({
      method,
      path,
      query: { fieldManager: "world" },
      headers: { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return JSON.parse(answer.body) as JsonObject;
  }
}

const MORE_SUBNETS = [
  {
    subnetId: "subnet-pods0003",
    vpcId: "vpc-sim00001",
    name: "pods-3",
    zone: ZONES[0],
    cidr: "10.0.18.0/24",
  },
  {
    subnetId: "subnet-pods0004",
    vpcId: "vpc-sim00001",
    name: "pods-4",
    zone: ZONES[1],
    cidr: "10.0.19.0/24",
  },
];

function configOf({ seed, podsPrefix, moreSubnets }: WorldSettings): SimConfig {
  const world = simulatedWorld();
  return {
    ...world,
    seed,
    fabric: false,
    subnets: [...world.subnets, ...(moreSubnets ? MORE_SUBNETS : [])].map((subnet) =>
      subnet.subnetId.startsWith("subnet-pods")
        ? { ...subnet, cidr: subnet.cidr.replace(/\/\d+$/, `/${podsPrefix}`) }
        : subnet,
    ),
    latency: {
      default: 300,
      actions: { CreateAndAttachNetworkInterface: 600, AttachNetworkInterface: 1_500 },
    },
  };
}

function addressIn({ subnets }: SimConfig, subnetId: string, number: number): string {
  const { cidr = "" } = subnets.find((subnet) => subnet.subnetId === subnetId) ?? {};
  return formatIpv4((parseIpv4(cidr.replace(/\/.*$/, "")) ?? 0) + number);
}

function keyOf(pod: JsonObject): string {
  return `${textAt(pod, "metadata.namespace")}/${textAt(pod, "metadata.name")}`;
}

/** What an object says, in a few words. */
function digest(object: JsonObject): string {
  const { metadata: _metadata, apiVersion: _version, kind: _kind, ...rest } = object;
  const text = JSON.stringify(rest);
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
