import { runCommand, tryCommand } from "../../tools/build/run-command.ts";
import {
  controlPlane,
  managementLink,
  nodeNamespacePrefix,
  outsideNamespace,
  vpcNamespace,
} from "./world.ts";

/** Makes the network namespaces of the machines, with their loopback up. */
export async function createNetworkNamespaces(names: readonly string[]): Promise<void> {
  for (const name of names) {
    await runCommand(["ip", "netns", "add", name]);
    await runCommand(["ip", "-n", name, "link", "set", "lo", "up"]);
  }
}

/** The names of the namespaces of the simulated world that exist. */
export async function listNetworkNamespaces(): Promise<string[]> {
  const listed = await runCommand(["ip", "netns", "list"]);
  const names = listed.split("\n").map((line) => line.split(" ")[0] ?? "");
  return names.filter(
    (name) =>
      [vpcNamespace, outsideNamespace, controlPlane.namespace].includes(name) ||
      name.startsWith(nodeNamespacePrefix),
  );
}

/** The pids of the processes that live in a namespace, whoever started them. */
export async function processesIn(namespace: string): Promise<number[]> {
  const listed = await runCommand(["ip", "netns", "pids", namespace]);
  return listed.split("\n").filter(Boolean).map(Number);
}

/** Removes a namespace; links in it go with it. */
export async function deleteNetworkNamespace(name: string): Promise<void> {
  await runCommand(["ip", "netns", "delete", name]);
}

/** Makes the link by which the root namespace reaches the control plane and vpc-sim's control API. */
export async function createManagementLink(): Promise<void> {
  const { name, routerName, address, routerAddress, prefixLength } = managementLink;
  await runCommand([
    "ip",
    "link",
    "add",
    name,
    "type",
    "veth",
    "peer",
    "name",
    routerName,
    "netns",
    vpcNamespace,
  ]);
  await runCommand(["ip", "address", "add", `${address}/${prefixLength}`, "dev", name]);
  await runCommand(["ip", "link", "set", name, "up"]);
  const inRouter = ["ip", "-n", vpcNamespace];
  await runCommand([...inRouter, "address", "add", `${routerAddress}/${prefixLength}`, "dev", routerName]);
  await runCommand([...inRouter, "link", "set", routerName, "up"]);
  await runCommand([
    "ip",
    "route",
    "replace",
    `${controlPlane.address}/32`,
    "via",
    routerAddress,
    "dev",
    name,
  ]);
}

/**
 * Removes the root namespace's link into the VPC, and its route, if it is there. It goes by itself soon after the router's
 * namespace has: the kernel takes what was in a namespace away on its own time, so it may be gone at any moment.
 */
export async function deleteManagementLink(): Promise<void> {
  const argv = ["ip", "link", "delete", managementLink.name];
  const deleted = await tryCommand(argv);
  if (deleted.exitCode === 0) return;
  const shown = await tryCommand(["ip", "link", "show", "dev", managementLink.name]);
  if (shown.exitCode !== 0) return;
  throw new Error(
    `\`${argv.join(" ")}\` failed with exit code ${deleted.exitCode}: ${deleted.stderr.trim()}`,
  );
}
