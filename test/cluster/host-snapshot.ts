import { existsSync, readdirSync, readFileSync } from "node:fs";
import { runCommand } from "../../tools/build/run-command.ts";
import { readHostSysctls } from "./host-sysctls.ts";

/** What of this machine a cluster must leave as it was. */
export interface HostSnapshot {
  readonly namespaces: string;
  readonly links: readonly string[];
  readonly routes: string;
  readonly mounts: readonly string[];
  readonly ruleset: string;
  readonly controlGroups: readonly string[];
  /** Command lines of the cluster's processes. */
  readonly processes: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** Which of the cluster's paths exist. */
  readonly paths: readonly string[];
}

const PATHS = [
  "/etc/cni",
  "/opt/cni",
  "/run/tke-eni-cluster",
  "/var/lib/cni",
  "/var/lib/kubelet",
  "/var/lib/tke-eni-cluster",
];

/** Looks at this machine's root namespaces. */
export async function takeHostSnapshot(): Promise<HostSnapshot> {
  const links = await runCommand(["ip", "-oneline", "link", "show"]);
  return {
    namespaces: await runCommand(["ip", "netns", "list"]),
    links: links.split("\n").map((line) => line.split(": ")[1] ?? ""),
    routes: await runCommand(["ip", "route", "show", "table", "all"]),
    // Without the mounts' numbers, which the kernel gives anew.
    mounts: readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ").slice(3).join(" ")),
    ruleset: await runCommand(["nft", "list", "ruleset"]),
    controlGroups: (await runCommand(["find", "/sys/fs/cgroup", "-maxdepth", "2", "-name", "*tke*"])).split(
      "\n",
    ),
    processes: clusterProcesses(),
    sysctls: readHostSysctls(),
    paths: PATHS.filter((path) => existsSync(path)),
  };
}

/** The processes that are in the cluster's control groups, or see its folders mounted as containers and nodes do. */
function clusterProcesses(): string[] {
  const mentions = (path: string) => readIfThere(path).includes("tke-eni-cluster");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => mentions(`/proc/${pid}/cgroup`) || mentions(`/proc/${pid}/mountinfo`))
    .map((pid) => readIfThere(`/proc/${pid}/cmdline`).replaceAll("\0", " "))
    .filter((commandLine) => commandLine !== ""); // Dead, and not yet fetched by its parent.
}

/** A process may end between two looks. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
