import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { type SimConfig, simulatedWorld } from "../../src/sim/config.ts";
import { ControlClient } from "../../src/sim/control/client.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import type { ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

/** A machine of a test's VPC, with its primary link configured as its boot would. */
export interface Machine {
  readonly namespace: ThrowAwayNamespace;
  readonly instanceId: string;
  readonly address: string;
  readonly primaryEniId: string;
}

/** Where a test's VPC has its host outside. */
export const OUTSIDE_ADDRESS = "198.51.100.10";

// Two runs at a time may not share a management network.
const block = process.pid % 64;
const management = {
  link: `tkf-${process.pid}`,
  own: `169.254.242.${4 * block + 1}`,
  far: `169.254.242.${4 * block + 2}`,
};

/** A VPC of a test's own, apart from the simulated world of the cluster: vpc-sim in a namespace, and a host outside. */
export class SimulatedVpc {
  readonly #namespaces: ThrowAwayNamespaces;
  readonly #folder = mkdtempSync(join(tmpdir(), "tke-eni-vpc-"));
  readonly router: ThrowAwayNamespace;
  readonly outside: ThrowAwayNamespace;
  readonly world: SimConfig;
  readonly control = new ControlClient(`http://${management.far}:9440`);
  /** Address of the cloud's API, on the VPC's router. */
  readonly apiAddress = `169.254.243.${block + 1}`;
  /** The address by which this process talks to the VPC, and the next hop to it. */
  readonly management = { own: management.own, nextHop: management.far };
  #sim: Bun.Subprocess | undefined;

  constructor(namespaces: ThrowAwayNamespaces) {
    this.#namespaces = namespaces;
    this.router = namespaces.make("vpc");
    this.outside = namespaces.make("out");
    this.world = {
      ...simulatedWorld(),
      latency: { default: 50, actions: {} },
      outside: { netns: this.outside.path, address: OUTSIDE_ADDRESS, gateway: "198.51.100.1" },
      api: { listen: { hostname: this.apiAddress, port: 80 } },
      control: { listen: { hostname: management.far, port: 9440 } },
    };
    const { link, own, far } = management;
    // That of a VPC before this one goes with its namespace, which takes the kernel a moment.
    Bun.spawnSync(["ip", "link", "delete", link]);
    host(..."ip link add".split(" "), link, ..."type veth peer name mgmt netns".split(" "), this.router.name);
    host("ip", "address", "add", `${own}/30`, "dev", link);
    host("ip", "link", "set", link, "up");
    host("ip", "route", "add", `${this.apiAddress}/32`, "via", far);
    this.router.run("ip", "address", "add", `${far}/30`, "dev", "mgmt");
    this.router.run("ip", "link", "set", "mgmt", "up");
  }

  /** Path of a configuration file for this VPC. */
  get configuration(): string {
    const path = join(this.#folder, "vpc-sim.yaml");
    writeFileSync(path, stringify(this.world));
    return path;
  }

  async start(): Promise<void> {
    const program = [process.execPath, join(import.meta.dir, "../../src/sim/main.ts")];
    this.#sim = Bun.spawn(
      ["ip", "netns", "exec", this.router.name, ...program, "--config", this.configuration],
      { stdout: "inherit", stderr: "inherit" },
    );
    await waitUntil("vpc-sim", () => this.control.isHealthy(), { deadlineMs: 20_000 });
  }

  /** @returns vpc-sim's exit code */
  async stop(): Promise<number> {
    this.#sim?.kill("SIGTERM");
    return (await this.#sim?.exited) ?? 0;
  }

  /** Takes all of it away but the namespaces, which are the caller's. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true });
  }

  async addMachine(name: string, at: { instanceId: string; address: string }): Promise<Machine> {
    const namespace = this.#namespaces.make(name);
    const answer = await this.control.addInstance({
      instanceId: at.instanceId,
      name,
      instanceType: "S5.MEDIUM4",
      zone: "ap-sim-1",
      subnetId: "subnet-node0001",
      privateIp: at.address,
      netns: namespace.path,
      device: "eth0",
    });
    const machine = { namespace, ...at, primaryEniId: answer.primaryEniId };
    configurePrimary(machine, answer.gateway);
    return machine;
  }
}

/** Gives a machine's primary link its address and its routes. */
export function configurePrimary({ namespace, address }: Machine, gateway = "10.0.1.1"): void {
  namespace.run("ip", "address", "add", `${address}/24`, "dev", "eth0");
  namespace.run("ip", "link", "set", "eth0", "up");
  namespace.run("ip", "route", "add", "default", "via", gateway);
}

/** Runs a program in this process's own namespace. @throws Error with what it said when it failed */
export function host(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
}
