import { expect, test } from "bun:test";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { quietLogger } from "../testing/quiet-logger.ts";
import { RatedServer } from "../testing/rated-server.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { CallBudget } from "./call-budget.ts";
import { PRODUCT_RATE, RATES } from "./rates.ts";
import type { WishKey } from "./wish-book.ts";

/** Nodes that want ENIs, planned anew whenever something has come of a call or a permit waits for them. */
class Fleet {
  readonly #budget: CallBudget;
  readonly #server: RatedServer;
  readonly #wanted: Map<string, number>;
  readonly #unattached = new Map<string, number>();
  attached = 0;

  constructor(parts: { budget: CallBudget; server: RatedServer; nodes: number; enisEach: number }) {
    this.#budget = parts.budget;
    this.#server = parts.server;
    this.#wanted = new Map(Array.from({ length: parts.nodes }, (_, i) => [`node-${i}`, parts.enisEach]));
    this.#budget.onGranted((node) => queueMicrotask(() => this.#plan(node)));
  }

  start(): void {
    for (const node of this.#wanted.keys()) this.#plan(node);
  }

  #plan(node: string): void {
    const kept = new Set<WishKey>();
    while (this.#take(this.#unattached, node)) {
      const permit = this.#budget.claim(node, "AttachNetworkInterface", "waiting-pod");
      if (permit === undefined) {
        this.#add(this.#unattached, node);
        kept.add("AttachNetworkInterface");
        break;
      }
      void permit.use(() => this.#server.call(permit.action, () => this.attached++));
    }
    while (this.#take(this.#wanted, node)) {
      const creation = this.#budget.claimCreation(node, "waiting-pod");
      if (creation === undefined) {
        this.#add(this.#wanted, node);
        kept.add("creation");
        break;
      }
      const { how, permit } = creation;
      void permit
        .use(() =>
          this.#server.call(permit.action, () => {
            if (how === "create-and-attach") this.attached++;
            else this.#add(this.#unattached, node);
          }),
        )
        .then(() => this.#plan(node));
    }
    this.#budget.settle(node, kept);
  }

  #take(counts: Map<string, number>, node: string): boolean {
    const count = counts.get(node) ?? 0;
    if (count > 0) counts.set(node, count - 1);
    return count > 0;
  }

  #add(counts: Map<string, number>, node: string): void {
    counts.set(node, (counts.get(node) ?? 0) + 1);
  }
}

/** Reads at an even pace for as long as `isOver` is false. */
async function readOn(
  parts: { clock: ManualClock; budget: CallBudget; server: RatedServer },
  options: { perSecond: number; isOver: () => boolean },
): Promise<void> {
  const { clock, budget, server } = parts;
  while (!options.isOver()) {
    void budget.read("DescribeNetworkInterfaces", () => server.call("DescribeNetworkInterfaces", () => 0));
    await clock.sleep(1000 / options.perSecond);
  }
}

test.each([
  [2000, 1],
  [500, 4],
  [250, 8],
])("%i nodes get %i ENIs each at nine tenths of what the limits allow", async (nodes, enisEach) => {
  const random = seededRandom(nodes);
  const clock = createManualClock();
  const budget = new CallBudget({ clock, random, logger: quietLogger });
  const server = new RatedServer(clock, () => random() * 80);
  const fleet = new Fleet({ budget, server, nodes, enisEach });
  const reads = 4;
  const together = RATES.CreateAndAttachNetworkInterface.perSecond;
  const perSecond = together + (PRODUCT_RATE - together - reads) / 2;

  fleet.start();
  const isOver = () => fleet.attached === nodes * enisEach;
  void readOn({ clock, budget, server }, { perSecond: reads, isOver });
  await clock.until(isOver, 120_000);
  expect(fleet.attached / (clock.monotonic() / 1000)).toBeGreaterThan(0.9 * perSecond);
  expect(server.excesses()).toEqual([]);
  budget.stop();
});
