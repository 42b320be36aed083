import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { simulatedWorld } from "../../src/sim/config.ts";
import { ControlClient } from "../../src/sim/control/client.ts";
import type { InstanceAnswer } from "../../src/sim/control/messages.ts";
import { runCommand } from "../../tools/build/run-command.ts";
import type { Daemon } from "./daemon.ts";
import { configurationFolder } from "./folders.ts";
import { startDaemon } from "./start-daemon.ts";
import { waitUntil } from "./wait-until.ts";
import { controlApi, type Machine, smallSubnet, spareSubnet, vpcNamespace } from "./world.ts";

/** How vpc-sim is started from the sources; a compiled one is one path. */
export const vpcSimFromSource: readonly string[] = [
  process.execPath,
  join(import.meta.dir, "..", "..", "src", "sim", "main.ts"),
];

/** Starts vpc-sim in the VPC's router and waits until its control API answers. */
export async function startVpcSim(command: readonly string[]): Promise<Daemon> {
  const configuration = join(configurationFolder, "vpc-sim.yaml");
  const world = simulatedWorld();
  await writeFile(
    configuration,
    stringify({ ...world, subnets: [...world.subnets, spareSubnet, smallSubnet] }),
  );
  const daemon = await startDaemon("vpc-sim", [
    "ip",
    "netns",
    "exec",
    vpcNamespace,
    ...command,
    "--config",
    configuration,
  ]);
  await waitUntil("vpc-sim's control API", () => new ControlClient(controlApi).isHealthy(), {
    deadlineMs: 20_000,
    daemons: [daemon],
  });
  return daemon;
}

/** Has vpc-sim run a machine: its primary network interface is plugged as eth0, and configured as the machine's boot would. */
export async function bootMachine(machine: Machine): Promise<void> {
  const lease = await new ControlClient(controlApi).addInstance({
    instanceId: machine.instanceId,
    name: machine.name,
    instanceType: machine.instanceType,
    zone: machine.zone,
    subnetId: machine.subnetId,
    privateIp: machine.address,
    netns: `/run/netns/${machine.namespace}`,
    device: "eth0",
  });
  await configurePrimary(machine, lease);
}

/** Gives a machine its power back that vpc-sim was told to stop. All that ran on it runs on: it was as if unplugged from everything. */
export async function repowerMachine(machine: Machine): Promise<void> {
  await new ControlClient(controlApi).startInstance(machine.instanceId);
  const cidr = simulatedWorld().subnets.find((it) => it.subnetId === machine.subnetId)?.cidr ?? "";
  const [network = "", prefixLength] = cidr.split("/");
  await configurePrimary(machine, {
    gateway: network.replace(/0$/, "1"),
    prefixLength: Number(prefixLength),
  });
}

async function configurePrimary(
  machine: Machine,
  { gateway, prefixLength }: Pick<InstanceAnswer, "gateway" | "prefixLength">,
): Promise<void> {
  const ip = ["ip", "-n", machine.namespace];
  await runCommand([...ip, "address", "add", `${machine.address}/${prefixLength}`, "dev", "eth0"]);
  await runCommand([...ip, "link", "set", "eth0", "up"]);
  await runCommand([...ip, "route", "add", "default", "via", gateway]);
}
