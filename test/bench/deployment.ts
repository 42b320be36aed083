// A Deployment of 60 pods on one real kubelet and containerd, from its creation until all are Ready: with our network and with stock ptp.
import { NEC_ANNOTATIONS } from "../../src/api/annotations.ts";
import { binary } from "../../tools/build/binary.ts";
import { benchPackages, installDebianPackages } from "../../tools/build/debian-packages.ts";
import { consoleProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { deploy } from "../cluster/deploy.ts";
import { down } from "../cluster/down.ts";
import { createManyPods, deleteManyPods, manyRun } from "../cluster/many-pods.ts";
import { configOf, observeNode } from "../cluster/observe.ts";
import { up } from "../cluster/up.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import { Dice } from "../simulation/dice.ts";
import type { BenchWorld, Measured } from "./bench.ts";
import { formatRatio, median, pairedRatio } from "./statistics.ts";
import { PTP_PREFIX, ptpConfiguration } from "./stock-ptp.ts";

const NODE = "node-1";
/** Each a Deployment with our network, and one with ptp. */
const ROUNDS = 20;
const PODS = 60;
/** Kept free on the node, so that it is not the cloud that is measured: twice, for those that still rest from the round before. */
const WARM = 2 * PODS;
const PATIENCE = { deadlineMs: 300_000, intervalMs: 50 };
/** containerd takes the configuration whose name comes first. */
const PTP_FILE = "/etc/cni/net.d/05-ptp.conflist";

export async function benchDeployment({ say, signal }: BenchWorld): Promise<Measured> {
  await installDebianPackages(consoleProgress, benchPackages);
  const images = await buildOurImages(consoleProgress);
  const vpcSim = [await compileExecutable("vpc-sim", consoleProgress)];
  await using started = new AsyncDisposableStack();
  started.defer(async () => void (await down(consoleProgress)));
  const options = { nodes: 1, instanceType: "S5.4XLARGE32", temporary: true, vpcSim };
  const cluster = await up(options, consoleProgress);
  await deploy(cluster, images, { progress: consoleProgress });
  await keepWarm(cluster);
  await bringPtp(cluster);

  const times = { ours: [] as number[], ptp: [] as number[] };
  // The first round warms caches up, and is not counted.
  for (let round = 0; round <= ROUNDS; round++) {
    say(round === 0 ? "a round to warm up …" : `round ${round} of ${ROUNDS} …`);
    const turns = [
      ["ours", () => takePtpAway(cluster)],
      ["ptp", () => choosePtp(cluster)],
    ] as const;
    for (const [whose, choose] of round % 2 === 0 ? turns : turns.toReversed()) {
      signal.throwIfAborted();
      await choose();
      await waitUntil("enough free addresses", () => hasFree(cluster, PODS), PATIENCE);
      const ms = await untilAllReady(cluster, whose);
      if (round > 0) times[whose].push(ms);
      await deleteManyPods(cluster);
    }
  }
  for (const [whose, values] of Object.entries(times)) {
    say(`${PODS} pods until all Ready, ${whose}, s: ${values.map((ms) => (ms / 1000).toFixed(2)).join(" ")}`);
  }
  const ratio = pairedRatio(times.ours, times.ptp, new Dice(1).next);
  say(`${PODS} pods until all Ready: ${formatRatio(ratio)} of ptp, ${ratio.pairs} pairs`);
  return {
    figures: [
      {
        name: `Deployment of ${PODS} pods, create to all Ready / ptp`,
        value: ratio.ratio,
        unit: "",
        goal: { op: "<=", value: 1.05 },
      },
      { name: "with our network", value: median(times.ours) / 1000, unit: "s" },
      { name: "with ptp", value: median(times.ptp) / 1000, unit: "s" },
    ],
    raw: { "ms until all Ready": times },
  };
}

/**
 * @returns how long it took from the Deployment's creation until all its pods were seen Ready, ms
 * @throws Error when a pod has an address of the other network: containerd had not taken up its configuration yet
 */
async function untilAllReady(cluster: Cluster, whose: "ours" | "ptp"): Promise<number> {
  const began = performance.now();
  await createManyPods(cluster, PODS);
  const pods = await waitUntil("all pods to be Ready", () => manyRun(cluster, PODS, 0), PATIENCE);
  const took = performance.now() - began;
  const astray = pods.filter(({ status }) => status?.podIP?.startsWith(PTP_PREFIX) !== (whose === "ptp"));
  if (astray.length > 0) throw new Error(`${astray.length} pods are in the other network`);
  return took;
}

async function keepWarm(cluster: Cluster): Promise<void> {
  const targets = [NEC_ANNOTATIONS.minWarm, NEC_ANNOTATIONS.maxWarm].map((key) => `${key}=${WARM}`);
  await cluster.kubectl(["annotate", "--overwrite", "nec", NODE, ...targets]);
}

async function hasFree(cluster: Cluster, count: number): Promise<boolean> {
  const { use } = (await configOf(cluster, NODE)).status ?? {};
  return (use?.free ?? 0) >= count && (await observeNode(cluster, NODE)).allocatable >= count;
}

/** Debian's, which is the faster one. */
async function bringPtp(cluster: Cluster): Promise<void> {
  for (const name of ["ptp", "host-local"]) {
    await cluster.nodeExec(NODE, ["install", "--mode=0755", `/usr/lib/cni/${name}`, "/opt/cni/bin/"]);
  }
  await cluster.nodeExec(NODE, ["install", "--mode=0755", await binary("loopback"), "/opt/cni/bin/"]);
}

async function choosePtp(cluster: Cluster): Promise<void> {
  const { cniVersion, name, ...plugin } = ptpConfiguration("/run/cni-ipam-state");
  const list = JSON.stringify({ cniVersion, name, plugins: [plugin] });
  await cluster.nodeExec(NODE, ["tee", PTP_FILE], { input: list });
}

async function takePtpAway(cluster: Cluster): Promise<void> {
  await cluster.nodeExec(NODE, ["rm", "-f", PTP_FILE]);
}
