import type { Cluster } from "./cluster.ts";
import { ECHO_PORT } from "./echo-server.ts";
import type { PodWithAddress } from "./pods-with-address.ts";

/** Seconds that one probe may take. */
const PROBE_S = 3;
/** Pods that probe at the same time. */
const AT_ONCE = 4;

/** What a pod was asked to reach. */
export interface Target {
  /** Column of the matrix. */
  name: string;
  probe:
    | {
        kind: "echo";
        address: string;
        port: number /** Who must answer; absent where any pod may. */;
        server?: string;
      }
    | { kind: "ping"; address: string };
  /** Whether the server must see the pod's own address, or may see that of a proxy. */
  seesPod: boolean;
}

export interface Result {
  pod: PodWithAddress;
  target: Target;
  /** Undefined when it was reached as it should be; else what went wrong. */
  fault: string | undefined;
}

/** Everything that a pod must reach: every pod, its own node, a host outside the VPC, a Service. */
export function targetsOf(
  pod: PodWithAddress,
  others: { pods: readonly PodWithAddress[]; outside: string; service: string },
): Target[] {
  return [
    ...others.pods.map((other) => ({
      name: other.name,
      probe: { kind: "echo" as const, address: other.address, port: ECHO_PORT, server: other.name },
      seesPod: true,
    })),
    { name: "node", probe: { kind: "ping", address: pod.nodeAddress }, seesPod: false },
    {
      name: "outside",
      probe: { kind: "echo", address: others.outside, port: ECHO_PORT, server: "outside" },
      seesPod: true,
    },
    { name: "Service", probe: { kind: "echo", address: others.service, port: 80 }, seesPod: false },
  ];
}

/** Lets every pod try every target, and checks who answered and which source address it saw. */
export async function tryAll(
  cluster: Cluster,
  pods: readonly PodWithAddress[],
  others: { outside: string; service: string },
): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = [...pods];
  async function work(): Promise<void> {
    for (let pod = waiting.shift(); pod !== undefined; pod = waiting.shift()) {
      results.push(...(await tryFrom(cluster, pod, targetsOf(pod, { pods, ...others }))));
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

async function tryFrom(cluster: Cluster, pod: PodWithAddress, targets: readonly Target[]): Promise<Result[]> {
  const script = targets.map(({ probe }) =>
    probe.kind === "ping"
      ? `ping -c 1 -W ${PROBE_S} ${probe.address} >/dev/null 2>&1 && echo answered || echo silent`
      : `timeout ${PROBE_S} wget -q -O - http://${probe.address}:${probe.port}/cgi-bin/who 2>/dev/null || echo silent`,
  );
  const output = await cluster.kubectl(["exec", pod.name, "--", "/bin/sh", "-c", script.join("\n")]);
  const lines = output.trimEnd().split("\n");
  return targets.map((target, i) => ({ pod, target, fault: faultOf(pod, target, lines[i] ?? "") }));
}

function faultOf(pod: PodWithAddress, target: Target, line: string): string | undefined {
  const { probe } = target;
  if (line === "silent" || line === "") return `${probe.address} did not answer`;
  if (probe.kind === "ping") return undefined;
  const [server = "", seen = ""] = line.split(" ");
  if (probe.server !== undefined && server !== probe.server)
    return `${probe.address} is ${server}, not ${probe.server}`;
  if (target.seesPod && seen !== pod.address) return `${probe.address} saw ${seen}, not ${pod.address}`;
  return undefined;
}
