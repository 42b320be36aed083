// The CNI plugins beside stock ptp with host-local, in the same run: on real namespaces, answered by the real agent.
import { join } from "node:path";
import { binary } from "../../tools/build/binary.ts";
import { benchPackages, installDebianPackages, neededPackages } from "../../tools/build/debian-packages.ts";
import { consoleProgress } from "../../tools/build/progress.ts";
import { Dice } from "../simulation/dice.ts";
import type { BenchWorld, Measured } from "./bench.ts";
import { BenchCluster } from "./bench-cluster.ts";
import { BenchNode } from "./bench-node.ts";
import type { CniPlugin, CniPod } from "./cni-plugin.ts";
import type { Figure } from "./figure.ts";
import { benchFullNode } from "./full-node.ts";
import { makePods } from "./pod-namespaces.ts";
import { rotated } from "./rotated.ts";
import { formatRatio, median, pairedRatio } from "./statistics.ts";
import { stockPtp } from "./stock-ptp.ts";
import { vethsGone } from "./veths-gone.ts";
import { VpcRouter } from "./vpc-router.ts";

/** Rounds, each a pair for every row. */
const ROUNDS = 24;
/** Pods of a round. */
const PODS = 30;
/** Of the node. More than two rounds' pods, since an address rests after its pod. */
const ADDRESSES = 116;
/** Within which the link of a deleted pod must be gone. */
const GONE_WITHIN_MS = 1_000;

const ROWS = {
  "ADD, one at a time, p50": { goal: 0.95 },
  "30 ADDs at once, wall": { goal: 0.85 },
  "DEL, one at a time, p50": { goal: 0.28 },
  "30 DELs at once, wall": { goal: 0.7 },
} as const;

type RowName = keyof typeof ROWS;

/** A plugin, and the namespaces of its own pods. */
interface Contender {
  readonly plugin: CniPlugin;
  readonly pods: readonly CniPod[];
  readonly times: Readonly<Record<RowName, number[]>>;
  /** Until nothing goes on behind the back of the pods that were made or deleted. */
  settle(): Promise<void>;
  /** Until the links of deleted pods are gone, ms. */
  linksGone(): Promise<number>;
}

export async function benchCni({ say, signal }: BenchWorld): Promise<Measured> {
  await installDebianPackages(consoleProgress, { ...neededPackages, ...benchPackages });
  await using started = new AsyncDisposableStack();
  const cluster = await BenchCluster.start("tkbc", say);
  started.defer(() => cluster.stop());
  const vpc = new VpcRouter(cluster.namespaces);
  const node = await BenchNode.start(cluster, { number: 1, addresses: ADDRESSES, vpc });
  started.defer(() => node.stop());

  const ours = contender(cluster, node.plugin(), { host: node.namespace.path, settle: () => node.quiet() });
  await binary("host-local");
  const stock: Contender[] = [];
  for (const [name, folder] of [
    ["ptp 1.9.1", join(await binary("ptp"), "..")],
    ["ptp 1.1.1", "/usr/lib/cni"],
  ] as const) {
    const host = cluster.namespaces.make(`host-${stock.length}`);
    const plugin = stockPtp({
      name,
      folder,
      node: host.path,
      state: join(cluster.folder, `ipam-${stock.length}`),
    });
    stock.push(contender(cluster, plugin, { host: host.path, settle: async () => {} }));
  }
  const all = [ours, ...stock];
  started.defer(() => {
    for (const { plugin } of all) plugin.close();
  });

  cluster.standBack();
  const gone: number[] = [];
  // The first round warms caches up, and is not counted.
  for (let round = 0; round <= ROUNDS; round++) {
    say(round === 0 ? "a round to warm up …" : `round ${round} of ${ROUNDS} …`);
    for (const { plugin, pods, times, settle, linksGone } of rotated(all, round)) {
      signal.throwIfAborted();
      times["ADD, one at a time, p50"].push(median(await plugin.each("ADD", pods)));
      await settle();
      times["DEL, one at a time, p50"].push(median(await plugin.each("DEL", pods)));
      gone.push(await linksGone());
      await settle();
      times["30 ADDs at once, wall"].push(await plugin.atOnce("ADD", pods));
      await settle();
      times["30 DELs at once, wall"].push(await plugin.atOnce("DEL", pods));
      gone.push(await linksGone());
      await settle();
    }
    if (round === 0)
      for (const { times } of all) for (const values of Object.values(times)) values.length = 0;
  }
  const figures: Figure[] = [];
  const random = new Dice(1).next;
  for (const [row, { goal }] of Object.entries(ROWS) as [RowName, { goal: number }][]) {
    for (const { plugin, times } of all) {
      say(
        `${row}: ${plugin.name}: ${median(times[row]).toFixed(2)} ms; ${times[row].map((ms) => ms.toFixed(2)).join(" ")}`,
      );
    }
    const ratios = stock.map(({ plugin, times }) => ({
      name: plugin.name,
      ...pairedRatio(ours.times[row], times[row], random),
    }));
    for (const ratio of ratios) say(`${row}: ${formatRatio(ratio)} of ${ratio.name}, ${ratio.pairs} pairs`);
    const against = ratios.reduce((hardest, ratio) => (ratio.ratio > hardest.ratio ? ratio : hardest));
    figures.push(
      { name: `${row} / ${against.name}`, value: against.ratio, unit: "", goal: { op: "<=", value: goal } },
      ...all.map(
        ({ plugin, times }): Figure => ({
          name: `${row}: ${plugin.name}`,
          value: median(times[row]),
          unit: "ms",
        }),
      ),
    );
  }
  figures.push({
    name: "link of a deleted pod gone after, worst of all",
    value: Math.max(...gone),
    unit: "ms",
    goal: { op: "<=", value: GONE_WITHIN_MS },
  });
  const full = await benchFullNode(cluster, { vpc, say, signal });
  const raw = { ...Object.fromEntries(all.map(({ plugin, times }) => [plugin.name, times])), ...full.raw };
  return { figures: [...figures, ...full.figures], raw };
}

function contender(
  cluster: BenchCluster,
  plugin: CniPlugin,
  { host, settle }: { host: string; settle: () => Promise<void> },
): Contender {
  const place = plugin.name.replaceAll(/[^a-z0-9]/g, "");
  const pods = makePods(cluster.namespaces, place, PODS);
  const times = Object.fromEntries(Object.keys(ROWS).map((row) => [row, []])) as unknown as Record<
    RowName,
    number[]
  >;
  return { plugin, pods, times, settle, linksGone: () => vethsGone(host, (link) => /^eth\d+$/.test(link)) };
}
