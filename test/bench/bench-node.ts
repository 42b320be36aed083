import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CONFLIST_FILE } from "../../src/api/agent-paths.ts";
import { IPAMD_MANAGER } from "../../src/api/field-managers.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../../src/api/node-eni-config.ts";
import { VPC_ENI, type VpcENI } from "../../src/api/vpc-eni.ts";
import { VPC_IP, type VpcIP } from "../../src/api/vpc-ip.ts";
import { nodes } from "../../src/kube/core-resources.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { NetworkNamespace } from "../../src/netlink/namespace.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import type { ThrowAwayNamespace } from "../kernel/throw-away-namespaces.ts";
import { openRoad } from "./api-road.ts";
import type { BenchCluster } from "./bench-cluster.ts";
import { CniPlugin } from "./cni-plugin.ts";
import type { ReachablePod } from "./plain-node.ts";
import { makePods } from "./pod-namespaces.ts";
import { spawnCompanionIn } from "./spawn-in.ts";
import type { VpcRouter } from "./vpc-router.ts";

const vips: Resource<VpcIP> = VPC_IP;
const venis: Resource<VpcENI> = VPC_ENI;
const necs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;

/** Addresses of one ENI beside its own: what an instance of twelve cores has. */
const ADDRESSES_PER_ENI = 29;
const WRITERS = 8;
/** As many as keep the processors busy. */
const AT_ONCE = 10;

export interface BenchNodeOptions {
  /** 1, 2, …: tells nodes of one VPC apart, in names and addresses. */
  readonly number: number;
  /** Addresses for pods, on as many ENIs as they need. */
  readonly addresses: number;
  /** The VPC's router, to which all links of the node lead. */
  readonly vpc: VpcRouter;
}

/** A network interface of the node, plugged into the VPC. */
export interface PluggedEni {
  readonly eniId: string;
  readonly device: string;
  readonly mac: string;
  readonly gateway: string;
  readonly primaryIp: string;
  /** For pods. */
  readonly addresses: readonly string[];
  /** Name of the VPC's end. */
  readonly far: string;
}

/** A node of a benchmark: a namespace with plugged ENIs, and in it the real, compiled agent. */
export class BenchNode {
  readonly name: string;
  readonly namespace: ThrowAwayNamespace;
  readonly primaryIp: string;
  readonly enis: readonly PluggedEni[];
  readonly #cluster: BenchCluster;
  readonly #number: number;
  readonly #handle: NetworkNamespace;
  readonly #folder: string;
  readonly #started = new AsyncDisposableStack();
  #agent: Bun.Subprocess | undefined;
  /** Holds the mount namespace that the agent runs in. */
  #pod: Bun.Subprocess | undefined;

  private constructor(cluster: BenchCluster, { number, addresses, vpc }: BenchNodeOptions) {
    this.#cluster = cluster;
    this.#number = number;
    this.name = `node-${number}`;
    this.primaryIp = `10.0.1.${10 + number}`;
    this.#folder = join(cluster.folder, this.name);
    for (const name of ["cni.d", "bin", "run"]) mkdirSync(join(this.#folder, name), { recursive: true });
    this.namespace = cluster.namespaces.make(this.name);
    this.#handle = NetworkNamespace.open(this.namespace.path);
    vpc.plug(this.namespace, {
      device: "eth0",
      mac: `20:90:6f:00:${hex(number)}:00`,
      far: `n${number}-eth0`,
    });
    this.namespace.run("ip", "address", "add", `${this.primaryIp}/24`, "dev", "eth0");
    this.namespace.run("ip", "link", "set", "eth0", "up");
    this.namespace.run("ip", "route", "add", "default", "via", "10.0.1.1");
    this.enis = this.#plugEnis(vpc, addresses);
  }

  /** A node whose agent serves all its addresses. */
  static async start(cluster: BenchCluster, options: BenchNodeOptions): Promise<BenchNode> {
    const node = new BenchNode(cluster, options);
    try {
      await node.#begin();
      return node;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  /** The plugin as the agent's own CNI configuration has the runtime call it. */
  plugin(): CniPlugin {
    const list = JSON.parse(readFileSync(this.#conflist, "utf8"));
    return new CniPlugin({
      name: "tke-route-eni",
      executable: this.#cluster.plugins.path("tke-route-eni"),
      path: this.#cluster.plugins.folder,
      node: this.namespace.path,
      configuration: { cniVersion: list.cniVersion, name: list.name, ...list.plugins[0] },
    });
  }

  get #conflist(): string {
    return join(this.#folder, "cni.d", CONFLIST_FILE);
  }

  /** Process id of the agent. */
  get agentPid(): number {
    if (this.#agent === undefined) throw new Error(`${this.name} has no agent`);
    return this.#agent.pid;
  }

  /** Starts the agent's process and no more. It dies with this process, however this one ends. */
  launchAgent(): void {
    const { agent, pluginsSource, port } = this.#cluster;
    const folder = (name: string) => join(this.#folder, name);
    const log = openSync(folder("agent.log"), "a");
    this.#agent = spawnCompanionIn(
      this.#handle,
      [
        ...["nsenter", "--mount", "--target", String(this.#pod?.pid), agent],
        ...["--node-name", this.name, "--cool-down", "1s", "--plugins-source", pluginsSource],
        ...["--cni-bin", folder("bin"), "--cni-conf", folder("cni.d")],
        ...["--run-folder", folder("run"), "--state-folder", folder("state")],
        ...["--kubelet-folder", "", "--cri-socket", ""],
      ],
      {
        log,
        env: {
          PATH: process.env["PATH"] ?? "",
          KUBERNETES_SERVICE_HOST: "127.0.0.1",
          KUBERNETES_SERVICE_PORT: String(port),
        },
      },
    );
    closeSync(log);
  }

  /**
   * Makes the agent's pod as far as it counts: a mount namespace in which its service account is where the kubelet puts it, and pods'
   * namespaces appear as they are made. With a kubeconfig the agent would load what no agent of a cluster does.
   */
  async #makePod(): Promise<void> {
    const script = `set -e
      mkdir "$3" && mount --rbind /run/netns "$3"
      mount -t tmpfs tmpfs /run && mkdir /run/netns && mount --move "$3" /run/netns
      mkdir -p "$0" && cp "$1"/* "$0" && touch "$2" && exec sleep infinity`;
    const ready = join(this.#folder, "pod-is-ready");
    const log = openSync(join(this.#folder, "agent.log"), "a");
    this.#pod = spawnCompanionIn(
      this.#handle,
      [
        ...["unshare", "--mount", "--propagation", "slave", "sh", "-c", script],
        ...["/run/secrets/kubernetes.io/serviceaccount", this.#cluster.serviceAccount, ready],
        join(this.#folder, "netns"),
      ],
      { log },
    );
    closeSync(log);
    const pod = this.#pod;
    this.#started.defer(async () => {
      pod.kill("SIGKILL");
      await pod.exited;
    });
    await waitUntil("the mount namespace of the agent", () => existsSync(ready), { deadlineMs: 10_000 });
  }

  /** Kills the agent as a crash would, and waits until it is gone. */
  async killAgent(): Promise<void> {
    const ending = this.#agent;
    this.#agent = undefined;
    ending?.kill("SIGKILL");
    await ending?.exited;
  }

  /** Attaches so many new pods, a few at a time. */
  async fill(count: number): Promise<{ plugin: CniPlugin; pods: ReachablePod[] }> {
    const plugin = this.plugin();
    const pods = makePods(this.#cluster.namespaces, `${this.name}-pod`, count);
    for (let at = 0; at < count; at += AT_ONCE) await plugin.atOnce("ADD", pods.slice(at, at + AT_ONCE));
    return { plugin, pods: pods.map((pod) => ({ ...pod, address: plugin.addressOf(pod) })) };
  }

  /** Addresses of pods by the state that the agent says they are in: `FREE`, `IN_USE`, `COOLING_DOWN`. */
  async counts(): Promise<ReadonlyMap<string, number>> {
    const response = await fetch("http://localhost/tke.eni.agent.v1.AddressService/ListAddresses", {
      method: "POST",
      headers: { "content-type": "application/json", "connect-protocol-version": "1" },
      body: "{}",
      unix: join(this.#folder, "run", "cni.sock"),
    });
    const { addresses = [] } = (await response.json()) as { addresses?: { state: string }[] };
    const counts = new Map<string, number>();
    for (const { state } of addresses) counts.set(state, (counts.get(state) ?? 0) + 1);
    return counts;
  }

  /** Until the agent's process has done nothing for a while: what it does behind a pod's back is over then. */
  async quiet(): Promise<void> {
    const deadline = performance.now() + 30_000;
    let before = cpuTicks(this.agentPid);
    let since = performance.now();
    while (performance.now() - since < 150) {
      await Bun.sleep(25);
      const now = cpuTicks(this.agentPid);
      if (now > before) since = performance.now();
      before = now;
      if (performance.now() > deadline) throw new Error("the agent does not come to rest within 30 s");
    }
  }

  /** Until `done` says so of the agent's addresses. */
  async until(
    what: string,
    done: (counts: ReadonlyMap<string, number>) => boolean,
    withinMs = 30_000,
  ): Promise<void> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const counts = await this.counts().catch(() => new Map<string, number>());
      if (done(counts)) return;
      if (performance.now() > deadline) {
        const shown = JSON.stringify(Object.fromEntries(counts));
        throw new Error(`${what}: not within ${withinMs / 1000} s, the agent has ${shown}; ${this.log()}`);
      }
      await Bun.sleep(20);
    }
  }

  /** The end of the agent's log. */
  log(): string {
    return readFileSync(join(this.#folder, "agent.log"), "utf8").trim().split("\n").slice(-10).join("\n");
  }

  async stop(): Promise<void> {
    await this.killAgent();
    await this.#started.disposeAsync();
    this.#handle.close();
  }

  async #begin(): Promise<void> {
    const road = openRoad(this.#handle, this.#cluster.port);
    this.#started.defer(() => road.stop(true));
    await this.#writeObjects();
    await this.#makePod();
    this.launchAgent();
    const all = this.enis.reduce((sum, { addresses }) => sum + addresses.length, 0);
    // The agent offers the node to the runtime by this file.
    const isOffered = () => existsSync(this.#conflist);
    await this.until(
      `${all} free addresses on ${this.name}`,
      (counts) => counts.get("ADDRESS_STATE_FREE") === all && isOffered(),
    );
    await this.quiet();
  }

  async #writeObjects(): Promise<void> {
    const { kube } = this.#cluster;
    const { name: node } = this;
    const instanceID = `ins-bench${this.#number}`;
    await kube.create(nodes, {
      metadata: { name: node },
      spec: { providerID: `qcloud:///200001/${instanceID}` },
    });
    await kube.mergePatch(nodes, node, {
      subresource: "status",
      patch: { status: { addresses: [{ type: "InternalIP", address: this.primaryIp }] } },
    });
    await kube.create(necs, { metadata: { name: node }, spec: {} });
    const todo: (() => Promise<unknown>)[] = [];
    for (const { eniId, mac, gateway, primaryIp, addresses } of this.enis) {
      const subnetID = `subnet-${eniId}`;
      const subnetCIDR = `${gateway.slice(0, gateway.lastIndexOf("."))}.0/24`;
      const spec = {
        type: "Shared" as const,
        node,
        instanceID,
        mac,
        subnetID,
        subnetCIDR,
        gateway,
        primaryIP: primaryIp,
      };
      todo.push(() =>
        kube.apply(
          venis,
          { metadata: { name: eniId }, spec: { ...spec, intent: "Attached" } },
          { fieldManager: IPAMD_MANAGER },
        ),
      );
      for (const address of addresses) {
        todo.push(() =>
          kube.apply(
            vips,
            { metadata: { name: address }, spec: { type: "Pod", subnetID, eniID: eniId, node, instanceID } },
            { fieldManager: IPAMD_MANAGER },
          ),
        );
      }
    }
    const writer = async () => {
      for (let next = todo.shift(); next !== undefined; next = todo.shift()) await next();
    };
    await Promise.all(Array.from({ length: WRITERS }, writer));
  }

  #plugEnis(vpc: VpcRouter, addresses: number): PluggedEni[] {
    const enis: PluggedEni[] = [];
    for (let left = addresses, place = 1; left > 0; left -= ADDRESSES_PER_ENI, place++) {
      const subnet = `10.${16 + this.#number}.${place}`;
      const eni: PluggedEni = {
        eniId: `eni-${this.#number}${String(place).padStart(2, "0")}`,
        device: `eth${place}`,
        mac: `20:90:6f:01:${hex(this.#number)}:${hex(place)}`,
        gateway: `${subnet}.1`,
        primaryIp: `${subnet}.2`,
        addresses: Array.from({ length: Math.min(left, ADDRESSES_PER_ENI) }, (_, i) => `${subnet}.${3 + i}`),
        far: `n${this.#number}-eth${place}`,
      };
      vpc.plug(this.namespace, eni);
      enis.push(eni);
    }
    return enis;
  }
}

function hex(number: number): string {
  return number.toString(16).padStart(2, "0");
}

/** Time that a process has had of the processors, in clock ticks of 10 ms. */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[14 - 3]) + Number(fields[15 - 3]);
}
