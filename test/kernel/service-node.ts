import { mkdirSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import type { EniSpec } from "../../src/agent/links/eni-spec.ts";
import type { NetworkView } from "../../src/agent/links/node-network.ts";
import type { PrimaryEgress } from "../../src/agent/nft/primary-egress.ts";
import { binary } from "../../tools/build/binary.ts";
import { carry } from "../apiserver/loopback-bridge.ts";
import type { ApiServer } from "../apiserver/start-api-server.ts";
import { type Daemon, stopDaemon } from "../cluster/daemon.ts";
import { echoScript } from "../cluster/echo-server.ts";
import { type KubeProxyMode, kubeProxyConfiguration } from "../cluster/kube-proxy.ts";
import { startCompanion } from "../cluster/start-companion.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import type { ToNodeNetwork } from "./node-network-process.ts";
import type { Machine, SimulatedVpc } from "./simulated-vpc.ts";
import type { ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

/** A network interface of a node, as the cloud made it. */
export interface Eni {
  readonly spec: EniSpec;
  /** What pods may have. */
  readonly secondaries: readonly string[];
}

export interface EchoPod {
  readonly name: string;
  readonly namespace: ThrowAwayNamespace;
  readonly address: string;
}

const SUBNET = "subnet-pods0001";
/** Starting a process of Bun with all that it imports, on a machine that does other things as well. */
const START_MS = 60_000;
/** kube-proxy lists everything and writes its rules: seconds, or many where other things run as well. */
const PROXY_MS = 180_000;

/** A node of a test's VPC without a kubelet: the agent's part that keeps its links, pods with echo servers, the real kube-proxy. */
export class ServiceNode {
  readonly #vpc: SimulatedVpc;
  readonly #namespaces: ThrowAwayNamespaces;
  readonly #folder: string;
  readonly machine: Machine;
  readonly name: string;
  readonly enis: readonly Eni[];
  readonly #children: Bun.Subprocess[] = [];
  #agent: Bun.Subprocess<"pipe", "pipe", "inherit"> | undefined;
  #view: NetworkView | undefined;
  #heard = 0;
  #ready: readonly string[] = [];
  #bridge: Server | undefined;
  #proxy: Daemon | undefined;
  #proxyConfiguration = "";

  private constructor(
    world: { vpc: SimulatedVpc; namespaces: ThrowAwayNamespaces; folder: string },
    node: { machine: Machine; name: string; enis: readonly Eni[] },
  ) {
    this.#vpc = world.vpc;
    this.#namespaces = world.namespaces;
    this.#folder = join(world.folder, node.name);
    mkdirSync(this.#folder);
    this.machine = node.machine;
    this.name = node.name;
    this.enis = node.enis;
  }

  /** Starts a machine with two network interfaces of three secondary addresses, and the agent on it. */
  static async start(
    world: { vpc: SimulatedVpc; namespaces: ThrowAwayNamespaces; folder: string },
    { name, ...at }: { name: string; instanceId: string; address: string },
  ): Promise<ServiceNode> {
    const machine = await world.vpc.addMachine(name, at);
    const enis = [];
    for (let made = 0; made < 2; made++) enis.push(await attachEni(world.vpc, machine));
    const node = new ServiceNode(world, { machine, name, enis });
    await node.#startAgent();
    return node;
  }

  get namespace(): ThrowAwayNamespace {
    return this.machine.namespace;
  }

  get address(): string {
    return this.machine.address;
  }

  /** Every address that is the node's and no pod's. */
  get addresses(): string[] {
    return [this.address, ...this.enis.map(({ spec }) => spec.primaryIp)];
  }

  /** Socket of the agent's address API. */
  get socket(): string {
    return join(this.#folder, "cni.sock");
  }

  /** Lets the agent give all secondary addresses to pods. */
  async giveAddresses(): Promise<void> {
    const addresses = this.enis.flatMap(({ spec: { eniId, subnetId }, secondaries }) =>
      secondaries.map((address) => ({ address, eniId, subnetId })),
    );
    await this.#tell({ addresses });
  }

  /** Ends the agent, and starts it anew with what it remembers. */
  async restartAgent(): Promise<void> {
    this.#send("stop");
    await this.#agent?.exited;
    this.#ready = [];
    await this.#startAgent();
  }

  /** What pods send by the primary interface from now on. */
  async setEgress(egress: PrimaryEgress): Promise<void> {
    await this.#tell({ egress });
  }

  /** A pod of an ENI, as the plugin makes it, with an echo server. */
  async addPod(name: string, { eni, address }: { eni: number; address: number }): Promise<EchoPod> {
    const { spec, secondaries } = this.enis[eni] ?? fail(`${this.name} has no ENI ${eni}`);
    const own = secondaries[address] ?? fail(`${spec.eniId} has no address ${address}`);
    const table = this.#view?.enis.find(({ eniId }) => eniId === spec.eniId)?.table;
    const node = this.namespace;
    const pod = this.#namespaces.make(name);
    const link = `eni${name}`;
    pod.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", link, "netns", node.name);
    node.run("ip", "link", "set", link, "group", String(table), "alias", `container-${name}`, "up");
    node.run("sysctl", "-qw", `net.ipv4.conf.${link}.rp_filter=1`);
    const route = ["scope", "link", "table", "512", "src", this.address];
    node.run("ip", "route", "replace", `${own}/32`, "dev", link, ...route);
    const [host] = node.ip("link", "show", link);
    pod.run("ip", "address", "add", `${own}/32`, "dev", "eth0");
    pod.run("ip", "link", "set", "eth0", "up");
    pod.run(..."ip route add 169.254.1.1/32 dev eth0 scope link".split(" "));
    pod.run(..."ip route add default via 169.254.1.1 dev eth0 onlink".split(" "));
    const neighbour = ["169.254.1.1", "lladdr", host.address, "dev", "eth0", "nud", "permanent"];
    pod.run("ip", "neighbour", "replace", ...neighbour);
    this.#children.push(serveEcho(pod, { name, folder: join(this.#folder, name) }));
    return { name, namespace: pod, address: own };
  }

  /** Maps a port of the node to a pod's echo server with the stock plugin, as a runtime does after our own. */
  async mapHostPort(pod: EchoPod, hostPort: number, containerPort: number): Promise<void> {
    const configuration = {
      cniVersion: "1.0.0",
      name: "tke-route-eni",
      type: "portmap",
      capabilities: { portMappings: true },
      runtimeConfig: { portMappings: [{ hostPort, containerPort, protocol: "tcp" }] },
      prevResult: { cniVersion: "1.0.0", ips: [{ address: `${pod.address}/32` }] },
    };
    const portmap = Bun.spawn(["ip", "netns", "exec", this.namespace.name, await binary("portmap")], {
      stdin: new TextEncoder().encode(JSON.stringify(configuration)),
      stdout: "pipe",
      stderr: "inherit",
      env: {
        ...process.env,
        CNI_COMMAND: "ADD",
        CNI_CONTAINERID: `container-${pod.name}`,
        CNI_NETNS: pod.namespace.path,
        CNI_IFNAME: "eth0",
        CNI_PATH: "/opt/cni/bin",
      },
    });
    const output = await portmap.stdout.text();
    if ((await portmap.exited) !== 0) fail(`portmap refused: ${output}`);
  }

  /** Starts the real kube-proxy; resolves when it has written its rules for `port`. */
  async startKubeProxy(
    mode: KubeProxyMode,
    { api, written, local }: { api: ApiServer; written: string; local?: object },
  ): Promise<void> {
    await this.#reach(api);
    this.#proxyConfiguration = join(this.#folder, "kube-proxy.yaml");
    writeFileSync(
      this.#proxyConfiguration,
      kubeProxyConfiguration({
        kubeconfig: api.kubeconfig,
        nodeName: this.name,
        mode,
        ...(local && { local }),
      }),
    );
    const enter = ["ip", "netns", "exec", this.namespace.name];
    const command = [...enter, await binary("kube-proxy"), `--config=${this.#proxyConfiguration}`];
    const log = join(this.#folder, "kube-proxy.log");
    const proxy = await startCompanion(`${this.name}-kube-proxy`, command, { log });
    this.#proxy = proxy;
    const list =
      mode === "nftables" ? ["nft", "list", "table", "ip", "kube-proxy"] : ["iptables-save", "-t", "nat"];
    await waitUntil("kube-proxy's rules", () => this.namespace.run(...list).includes(written), {
      deadlineMs: PROXY_MS,
      daemons: [proxy],
    });
  }

  /** Ends kube-proxy and takes away what it wrote, and every connection. */
  async stopKubeProxy(): Promise<void> {
    if (this.#proxy === undefined) return;
    await stopDaemon(this.#proxy);
    this.#proxy = undefined;
    this.namespace.run(await binary("kube-proxy"), `--config=${this.#proxyConfiguration}`, "--cleanup");
    this.namespace.run("conntrack", "-F");
  }

  async stop(): Promise<void> {
    if (this.#proxy !== undefined) await stopDaemon(this.#proxy);
    for (const child of this.#children) child.kill("SIGKILL");
    this.#bridge?.close();
    this.#send("stop");
    await this.#agent?.exited;
  }

  /** The API server listens on the loopback of this process's namespace: lets it be reached by the node's own. */
  async #reach(api: ApiServer): Promise<void> {
    if (this.#bridge !== undefined) return;
    const port = Number(new URL(api.url).port);
    const path = join(this.#folder, "api.sock");
    this.#bridge = await carry({ path }, { port });
    const program = join(import.meta.dir, "../apiserver/loopback-bridge.ts");
    const enter = ["ip", "netns", "exec", this.namespace.name];
    const inside = Bun.spawn([...enter, process.execPath, program, String(port), path], {
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#children.push(inside);
    await inside.stdout.getReader().read();
  }

  async #startAgent(): Promise<void> {
    const program = [process.execPath, join(import.meta.dir, "node-network-process.ts"), this.#folder];
    const agent = Bun.spawn(["ip", "netns", "exec", this.namespace.name, ...program], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#agent = agent;
    void this.#listen(agent.stdout);
    await this.#tell({ wanted: this.enis.map(({ spec }) => spec) });
    await waitUntil("the ENIs are ready", () => this.#ready.length === this.enis.length, {
      deadlineMs: START_MS,
    });
  }

  async #listen(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const chunk of stdout.pipeThrough(new TextDecoderStream())) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const told: { heard?: true; view?: NetworkView; ready?: readonly string[] } = JSON.parse(line);
        if (told.heard) this.#heard++;
        this.#view = told.view ?? this.#view;
        this.#ready = told.ready ?? this.#ready;
      }
    }
  }

  async #tell(command: ToNodeNetwork): Promise<void> {
    const before = this.#heard;
    this.#send(command);
    await waitUntil("the agent has heard", () => this.#heard > before, { deadlineMs: START_MS });
  }

  #send(command: ToNodeNetwork): void {
    this.#agent?.stdin.write(`${JSON.stringify(command)}\n`);
    this.#agent?.stdin.flush();
  }
}

async function attachEni(vpc: SimulatedVpc, { instanceId }: Machine): Promise<Eni> {
  const made = await vpc.control.createEni({ subnetId: SUBNET, instanceId, secondaryCount: 3 });
  await waitUntil(
    `${made.eniId} is attached`,
    async () => (await vpc.control.readTasks()).every(({ eniId }) => eniId !== made.eniId),
    { deadlineMs: 10_000 },
  );
  const [primaryIp = "", ...secondaries] = made.addresses;
  const gateway = "10.0.16.1";
  return { spec: { eniId: made.eniId, mac: made.mac, primaryIp, gateway, subnetId: SUBNET }, secondaries };
}

/** Starts an echo server in a namespace: it answers `NAME CLIENT_ADDRESS`. */
export function serveEcho(
  namespace: ThrowAwayNamespace,
  { name, folder }: { name: string; folder: string },
): Bun.Subprocess {
  const script = echoScript(folder, name);
  return Bun.spawn(["ip", "netns", "exec", namespace.name, "/bin/busybox", "sh", "-c", script], {
    stdout: "ignore",
    stderr: "inherit",
  });
}

/** Asks an echo server. @returns who answered and whom it saw; undefined when nobody did within two seconds */
export async function ask(
  from: ThrowAwayNamespace,
  address: string,
  port: number,
): Promise<{ server: string; saw: string } | undefined> {
  const busybox = "/bin/busybox";
  const wget = [busybox, "wget", "-q", "-O", "-", `http://${address}:${port}/cgi-bin/who`];
  const child = Bun.spawn(["ip", "netns", "exec", from.name, busybox, "timeout", "2", ...wget], {
    stdout: "pipe",
    stderr: "ignore",
  });
  const text = await child.stdout.text();
  await child.exited;
  const [server, saw] = text.trim().split(" ");
  return server !== undefined && saw !== undefined ? { server, saw } : undefined;
}

function fail(message: string): never {
  throw new Error(message);
}
