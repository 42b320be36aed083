// From pod to pod: our data path beside plain routed veths, in the same run, on the same machine, through the same router.
import { openSync } from "node:fs";
import { join } from "node:path";
import { NetworkNamespace } from "../../src/netlink/namespace.ts";
import { benchPackages, installDebianPackages, neededPackages } from "../../tools/build/debian-packages.ts";
import { consoleProgress } from "../../tools/build/progress.ts";
import { Dice } from "../simulation/dice.ts";
import type { BenchWorld, Measured } from "./bench.ts";
import { BenchCluster } from "./bench-cluster.ts";
import { BenchNode } from "./bench-node.ts";
import type { Figure } from "./figure.ts";
import { parseThroughput } from "./iperf.ts";
import { makePlainNode, type ReachablePod } from "./plain-node.ts";
import { parsePingPong } from "./sockperf.ts";
import { spawnCompanionIn, spawnIn } from "./spawn-in.ts";
import { formatRatio, median, pairedRatio } from "./statistics.ts";
import { VpcRouter } from "./vpc-router.ts";

/** Rounds, each a pair for every row. */
const ROUNDS = 24;
const MANY = 250;
/** The two that talk: a node with one pod has nobody on it to talk to. */
const FEW = 2;
const PING_PONG_SECONDS = 1;
const THROUGHPUT_SECONDS = 1;
const SOCKPERF_PORT = 11111;

/** From one pod to another. */
interface Way {
  readonly name: string;
  readonly from: ReachablePod;
  readonly to: ReachablePod;
}

export async function benchDatapath({ say, signal }: BenchWorld): Promise<Measured> {
  await installDebianPackages(consoleProgress, { ...neededPackages, ...benchPackages });
  await using started = new AsyncDisposableStack();
  const cluster = await BenchCluster.start("tkbd", say);
  started.defer(() => cluster.stop());
  const { namespaces } = cluster;
  const vpc = new VpcRouter(namespaces);
  say(`making two nodes with an agent and three without, of ${MANY} and ${FEW} pods …`);
  const [full, other] = [
    await ourPods(cluster, started, { number: 1, pods: MANY, vpc }),
    await ourPods(cluster, started, { number: 2, pods: FEW, vpc }),
  ];
  const plainFull = makePlainNode(namespaces, { number: 1, pods: MANY, vpc });
  const plainOther = makePlainNode(namespaces, { number: 2, pods: FEW, vpc });
  const tracking = makePlainNode(namespaces, { number: 3, pods: MANY, vpc, tracks: true });
  signal.throwIfAborted();

  // Two pods that came at different times: their links and routes are not neighbours in the kernel's tables.
  const within = (name: string, pods: readonly ReachablePod[]): Way => ({
    name,
    from: at(pods, 0),
    to: at(pods, -1),
  });
  const between = (name: string, near: readonly ReachablePod[], far: readonly ReachablePod[]): Way => ({
    name,
    from: at(near, 0),
    to: at(far, -1),
  });
  const oneNode = within(`one node, ${MANY} pods`, full);
  const fewPods = within(`one node, ${FEW} pods`, other);
  const plainOneNode = within(`plain, one node, ${MANY} pods`, plainFull);
  const trackingOneNode = within(`plain with connection tracking, one node, ${MANY} pods`, tracking);
  const twoNodes = between("two nodes", full, other);
  const plainTwoNodes = between("plain, two nodes", plainFull, plainOther);

  const log = openSync(join(cluster.folder, "servers.log"), "a");
  for (const { to } of new Set([oneNode, fewPods, plainOneNode, trackingOneNode, plainTwoNodes])) {
    using namespace = NetworkNamespace.open(to.netns);
    for (const argv of [
      ["taskset", "-c", "1", "sockperf", "server", "--tcp", "-i", to.address, "-p", String(SOCKPERF_PORT)],
      ["taskset", "-c", "1", "iperf3", "--server", "--bind", to.address],
    ]) {
      const server = spawnCompanionIn(namespace, argv, { log });
      started.defer(async () => {
        server.kill("SIGKILL");
        await server.exited;
      });
    }
  }

  const onOne = [oneNode, plainOneNode, trackingOneNode];
  const onTwo = [twoNodes, plainTwoNodes];
  const latency = await rounds([...onOne, fewPods, ...onTwo], signal, pingPong);
  const throughput = await rounds([...onOne, ...onTwo], signal, sendAsMuch);

  const figures: Figure[] = [];
  const random = new Dice(1).next;
  const compare = (
    title: string,
    values: ReadonlyMap<Way, number[]>,
    { ours, theirs, goal }: { ours: Way; theirs: Way; goal?: NonNullable<Figure["goal"]> },
  ) => {
    const ratio = pairedRatio(values.get(ours) ?? [], values.get(theirs) ?? [], random);
    say(`${title}: ${formatRatio(ratio)}, ${ratio.pairs} pairs`);
    figures.push({ name: title, value: ratio.ratio, unit: "", ...(goal && { goal }) });
  };
  for (const [way, values] of latency) tell(say, `TCP ping-pong, ${way.name}`, { values, unit: "µs" });
  for (const [way, values] of throughput) tell(say, `throughput, ${way.name}`, { values, unit: "Gbit/s" });
  compare(`TCP ping-pong, one node, ${MANY} pods / plain`, latency, {
    ours: oneNode,
    theirs: plainOneNode,
    goal: { op: "<=", value: 1.12 },
  });
  compare(`TCP ping-pong, one node, ${MANY} pods / ${FEW} pods`, latency, {
    ours: oneNode,
    theirs: fewPods,
    goal: { op: "<=", value: 1.06 },
  });
  compare(`TCP ping-pong, one node, ${MANY} pods / plain with connection tracking`, latency, {
    ours: oneNode,
    theirs: trackingOneNode,
  });
  compare("TCP ping-pong, two nodes / plain", latency, { ours: twoNodes, theirs: plainTwoNodes });
  for (const [title, ours, theirs] of [
    ["throughput, one node / plain", oneNode, plainOneNode],
    ["throughput, two nodes / plain", twoNodes, plainTwoNodes],
  ] as const) {
    compare(title, throughput, { ours, theirs, goal: { op: ">=", value: 0.97 } });
  }
  compare("throughput, one node / plain with connection tracking", throughput, {
    ours: oneNode,
    theirs: trackingOneNode,
  });
  const byName = (values: ReadonlyMap<Way, number[]>) =>
    Object.fromEntries([...values].map(([{ name }, each]) => [name, each]));
  return { figures, raw: { "ping-pong µs": byName(latency), "throughput Gbit/s": byName(throughput) } };
}

/** A node with the real agent, all of whose pods are attached by the real plugin. */
async function ourPods(
  cluster: BenchCluster,
  started: AsyncDisposableStack,
  { number, pods, vpc }: { number: number; pods: number; vpc: VpcRouter },
): Promise<ReachablePod[]> {
  const node = await BenchNode.start(cluster, { number, addresses: pods, vpc });
  started.defer(() => node.stop());
  for (const eni of node.enis) vpc.route({ ...eni, addresses: [eni.primaryIp, ...eni.addresses] });
  return (await node.fill(pods)).pods;
}

/** Measures each way in each round, in turns; the first round warms up and is not counted. */
async function rounds(
  ways: readonly Way[],
  signal: AbortSignal,
  measure: (way: Way) => Promise<number>,
): Promise<Map<Way, number[]>> {
  const values = new Map(ways.map((way): [Way, number[]] => [way, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (let turn = 0; turn < ways.length; turn++) {
      signal.throwIfAborted();
      const way = at(ways, (round + turn) % ways.length);
      const value = await measure(way);
      if (round > 0) values.get(way)?.push(value);
    }
  }
  return values;
}

/** Both ends on one processor: else the scheduler's choice decides, which has two outcomes. */
async function pingPong({ from, to }: Way): Promise<number> {
  const argv = ["taskset", "-c", "1", "sockperf", "ping-pong", "--tcp", "-i", to.address];
  return parsePingPong(
    await run(from, [...argv, "-p", String(SOCKPERF_PORT), "-t", String(PING_PONG_SECONDS)]),
  );
}

/** The two ends on a processor each. @returns Gbit/s */
async function sendAsMuch({ from, to }: Way): Promise<number> {
  const argv = ["taskset", "-c", "0", "iperf3", "--client", to.address, "--json"];
  return parseThroughput(await run(from, [...argv, "--time", String(THROUGHPUT_SECONDS)])) / 1e9;
}

async function run(pod: ReachablePod, argv: readonly string[]): Promise<string> {
  using namespace = NetworkNamespace.open(pod.netns);
  const child = spawnIn(namespace, argv);
  const [output] = await Promise.all([child.stdout.text(), child.exited]);
  return output;
}

function tell(
  say: (line: string) => void,
  name: string,
  { values, unit }: { values: readonly number[]; unit: string },
): void {
  say(`${name}: ${median(values).toFixed(2)} ${unit}; ${values.map((value) => value.toFixed(2)).join(" ")}`);
}

function at<T>(values: readonly T[], place: number): T {
  const value = values.at(place);
  if (value === undefined) throw new RangeError(`there is no ${place} among ${values.length}`);
  return value;
}
