import { dirname } from "node:path";
import { ControlClient } from "../../src/sim/control/client.ts";
import { binaries, binary } from "../../tools/build/binary.ts";
import { installDebianPackages } from "../../tools/build/debian-packages.ts";
import type { Progress } from "../../tools/build/progress.ts";
import { compileExecutables } from "../../tools/executables/compile.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { deploy } from "../cluster/deploy.ts";
import { down } from "../cluster/down.ts";
import { echoDeployment } from "../cluster/echo-server.ts";
import { startOutsideHost } from "../cluster/outside-host.ts";
import { type PodWithAddress, podsWithAddress } from "../cluster/pods-with-address.ts";
import { type Result, tryAll } from "../cluster/reachability.ts";
import { up } from "../cluster/up.ts";
import { controlApi } from "../cluster/world.ts";
import { formatTable } from "./table.ts";

export interface DemoOptions {
  nodes: number;
  pods: number;
  /** Leave the cluster running. */
  keep: boolean;
  /** Aborted when the demo is to end early; what it has started is taken away, `keep` or not. */
  signal: AbortSignal;
}

const NAME = "echo";
const READY_S = 120;

/**
 * The whole thing from nothing: programs and images, a cluster in a simulated VPC, the components, pods on addresses of the VPC
 * that all reach each other; then it shows what there is, and takes it away again.
 *
 * @returns whether every pod reached everything, and the VPC dropped no packet as spoofed
 * @throws the signal's reason once it is aborted and nothing of the demo is left; a cluster of somebody else's stays as it is
 */
export async function demo(options: DemoOptions, progress: Progress): Promise<boolean> {
  const phases: [string, number][] = [];
  async function phase<T>(name: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    console.log(`\n━━ ${name}`);
    const result = await work();
    phases.push([name, performance.now() - began]);
    return result;
  }

  const { signal } = options;
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  interrupted.catch(() => {});

  const building = phase("Building programs and images", async () => {
    await installDebianPackages(progress);
    await binaries(undefined, progress);
    const compiled = await compileExecutables(progress);
    return { images: await buildOurImages(progress), vpcSim: [compiled["vpc-sim"]] };
  });
  const { images, vpcSim } = await Promise.race([building, interrupted]);
  // Takes seconds now that everything is built; what is half up could not be taken away by anybody who does not hold its lock.
  const cluster = await phase(`Starting a VPC and Kubernetes, nodes: ${options.nodes}`, () =>
    up({ nodes: options.nodes, vpcSim, temporary: !options.keep }, progress),
  );
  try {
    signal.throwIfAborted();
    const good = await Promise.race([show(cluster, { ...options, images, progress, phase }), interrupted]);
    console.log("\nTime of each phase");
    console.log(
      formatTable(
        ["PHASE", "SECONDS"],
        phases.map(([name, ms]) => [name, (ms / 1000).toFixed(1)]),
      ),
    );
    return good;
  } finally {
    if (options.keep && !signal.aborted) await sayHowToLookAround(cluster);
    else await down(progress);
  }
}

interface Showing extends DemoOptions {
  images: Awaited<ReturnType<typeof buildOurImages>>;
  progress: Progress;
  phase: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}

async function show(cluster: Cluster, { images, progress, phase, pods: count }: Showing): Promise<boolean> {
  const control = new ControlClient(controlApi);
  await phase("Deploying ipamd and the agents", () => deploy(cluster, images, { progress }));
  const pods = await phase(`Running a Deployment of ${count} pods`, async () => {
    await cluster.kubectl(["apply", "-f", "-"], {
      input: echoDeployment(NAME, count).map(asJson).join("\n---\n"),
    });
    await progress.step(`waiting for ${count} ready pods`, async () => {
      try {
        await cluster.kubectl(["rollout", "status", `deployment/${NAME}`, `--timeout=${READY_S}s`]);
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : error}\n${await whyPodsWait(cluster)}`);
      }
    });
    return podsWithAddress(cluster, `app=${NAME}`);
  });
  const results = await phase("Trying who reaches whom", async () => {
    const outside = await startOutsideHost();
    const service = await cluster.kubectl(["get", "service", NAME, "-o", "jsonpath={.spec.clusterIP}"]);
    return progress.step("each pod to every pod, its node, outside, a Service", () =>
      tryAll(cluster, pods, { outside, service }),
    );
  });
  const [calls, drops] = await Promise.all([control.readCalls(), control.readDrops()]);

  console.log("\nPods, and where their addresses come from");
  console.log(
    formatTable(
      ["POD", "NODE", "ENI", "SUBNET", "ADDRESS"],
      pods.map((p) => [p.name, p.node, p.eni, p.subnet, p.address]),
    ),
  );
  console.log(
    "\nReachability: ✓ answered, by the right one, who saw the pod's own address (rows: from; columns: to)",
  );
  console.log(matrix(pods, results));
  for (const { pod, target, fault } of results) {
    if (fault !== undefined) console.log(`✗ ${pod.name} (${pod.address}) → ${target.name}: ${fault}`);
  }
  console.log(await cluster.kubectl(["get", "nec,veni,vsub"]));
  console.log("Calls that the cloud saw");
  console.log(formatTable(["ACTION", "CALLS", "REFUSED"], callRows(calls)));
  console.log(
    `\nPackets that the VPC dropped because their source was not assigned to the ENI: ${drops.total}`,
  );
  return results.every((result) => result.fault === undefined) && drops.total === 0;
}

/** What the scheduler and the nodes say of pods that do not run. */
async function whyPodsWait(cluster: Cluster): Promise<string> {
  const events = [
    "get",
    "events",
    "--field-selector=type=Warning",
    "-o",
    "custom-columns=:.reason,:.message",
  ];
  const said = (await cluster.kubectl([...events, "--no-headers"])).split("\n").map((line) => line.trim());
  const nodes = await cluster.kubectl(["get", "nec"]);
  return `${[...new Set(said)].slice(0, 5).join("\n")}\n${nodes}`;
}

function asJson(object: object): string {
  return JSON.stringify(object);
}

function callRows(calls: Awaited<ReturnType<ControlClient["readCalls"]>>): string[][] {
  return Object.entries(calls).map(([action, { calls: count, errors }]) => [
    action,
    String(count),
    String(Object.values(errors).reduce((sum, n) => sum + n, 0)),
  ]);
}

/** Pods by number on both sides, since their names are long. */
function matrix(pods: readonly PodWithAddress[], results: readonly Result[]): string {
  const others = ["node", "outside", "Service"];
  const columns = [...pods.map((pod) => pod.name), ...others];
  const rows = pods.map((pod, i) => {
    const cells = columns.map((column) => {
      const result = results.find((it) => it.pod === pod && it.target.name === column);
      return result === undefined ? "?" : result.fault === undefined ? "✓" : "✗";
    });
    return [String(i + 1), `${pod.name} on ${pod.node}`, ...cells];
  });
  return formatTable(["#", "FROM", ...pods.map((_, i) => String(i + 1)), ...others], rows);
}

async function sayHowToLookAround(cluster: Cluster): Promise<void> {
  const kubectl =
    Bun.which("kubectl") === null ? `export PATH=$PATH:${dirname(await binary("kubectl"))}\n` : "";
  console.log(`
The cluster is left running. To look around:
${kubectl}export KUBECONFIG=${cluster.kubeconfig}
kubectl get nec,veni,vip,vsub
kubectl get pods -o wide
curl ${controlApi}/v1/state     # the cloud's own view
To stop it:
npm run cluster -- down`);
}
