import { expect, test } from "bun:test";
import fc from "fast-check";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { throttled } from "../testing/cloud-errors.ts";
import { quietLogger } from "../testing/quiet-logger.ts";
import { RatedServer } from "../testing/rated-server.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { CallBudget } from "./call-budget.ts";
import type { CloudAction } from "./rates.ts";
import { URGENCIES, type Urgency } from "./wish-book.ts";

/** Of one product, so that its rate is what binds them. */
const ACTIONS = ["AssignPrivateIpAddresses", "UnassignPrivateIpAddresses", "DetachNetworkInterface"] as const;

interface Want {
  node: number;
  action: CloudAction;
  urgency: Urgency;
  /** When it is wanted, ms. */
  from: number;
  /** What becomes of the first permit for it: it is used, or given back; the cloud may throttle it. */
  fate: "use" | "release" | "throttle";
}

const wants = fc.array(
  fc.record<Want>({
    node: fc.nat(6),
    action: fc.constantFrom(...ACTIONS),
    urgency: fc.constantFrom(...URGENCIES),
    from: fc.nat(2000),
    fate: fc.oneof(
      { weight: 6, arbitrary: fc.constant("use" as const) },
      { weight: 1, arbitrary: fc.constantFrom("release" as const, "throttle" as const) },
    ),
  }),
  { minLength: 20, maxLength: 100 },
);

const settings = fc.record({ productRate: fc.integer({ min: 1, max: 8 }), seed: fc.integer() });

/** Nodes that are planned when something is wanted, when a call has ended and when they are told that it is their turn. */
class World {
  readonly clock: ManualClock = createManualClock();
  readonly budget: CallBudget;
  readonly server: RatedServer;
  readonly productRate: number;
  readonly faults: string[] = [];
  readonly #random: () => number;
  #open: Want[] = [];
  /** Permits that are neither given back nor answered. */
  #permits = 0;

  constructor({ productRate, seed }: { productRate: number; seed: number }) {
    this.#random = seededRandom(seed);
    this.productRate = productRate;
    this.budget = new CallBudget(
      { clock: this.clock, random: this.#random, logger: quietLogger },
      { productRate },
    );
    this.server = new RatedServer(this.clock, () => this.#random() * 300);
    // A node is at times late, and at times does not come at all.
    this.budget.onGranted((node) => {
      const late = this.#random();
      void this.clock.sleep(late < 0.1 ? 2500 : late * 100).then(() => this.plan(Number(node)));
    });
  }

  async run(all: readonly Want[]): Promise<void> {
    for (const want of all) {
      void this.clock.sleep(want.from).then(() => {
        this.#open.push(want);
        this.plan(want.node);
      });
    }
    await this.clock.advance(2000);
    await this.clock.until(() => this.#open.length === 0 && this.#permits === 0, 1_000_000);
  }

  plan(node: number): void {
    const kept = new Set<CloudAction>();
    for (const want of this.#open.filter((it) => it.node === node)) {
      const permit = this.budget.claim(String(node), want.action, want.urgency);
      if (permit === undefined) {
        kept.add(want.action);
        continue;
      }
      this.#permits++;
      if (this.#permits > this.productRate) this.faults.push(`${this.#permits} permits are out`);
      if (want.fate === "release") {
        want.fate = "use";
        this.#permits--;
        permit.release();
        void this.clock.sleep(100).then(() => this.plan(node));
        continue;
      }
      this.#open = this.#open.filter((it) => it !== want);
      void permit
        .use(() =>
          this.server.call(want.action, () => {
            if (want.fate === "throttle") throw throttled;
          }),
        )
        .catch(() => {})
        .finally(() => {
          this.#permits--;
          this.plan(node);
        });
    }
    this.budget.settle(String(node), kept);
  }
}

test("CallBudget exceeds no limit at the server, serves every wish, and has all its tokens back", async () => {
  await fc.assert(
    fc.asyncProperty(settings, wants, async ({ productRate, seed }, all) => {
      const world = new World({ productRate, seed });
      await world.run(all.map((want) => ({ ...want })));
      expect(world.faults).toEqual([]);
      expect(world.server.excesses(productRate)).toEqual([]);
      await world.clock.advance(60_000);
      const permits = Array.from({ length: productRate + 1 }, (_, i) =>
        world.budget.claim(`last-${i}`, "DeleteNetworkInterface", "release"),
      );
      expect(permits.filter((permit) => permit !== undefined).length).toBe(productRate);
      world.budget.stop();
    }),
    { numRuns: 150 },
  );
});

test("CallBudget serves no wish while a more urgent one waits for the same tokens, and each node in its turn", async () => {
  const wish = fc.record({ node: fc.nat(20), urgency: fc.constantFrom(...URGENCIES) });
  await fc.assert(
    fc.asyncProperty(fc.array(wish, { minLength: 1, maxLength: 40 }), async (wishes) => {
      const clock = createManualClock();
      const budget = new CallBudget({ clock, random: () => 1, logger: quietLogger }, { productRate: 1 });
      const first = budget.claim("first", "DeleteNetworkInterface", "release");
      const urgencyOf = new Map<string, Urgency>();
      for (const { node, urgency } of wishes) {
        budget.claim(`node-${node}`, "DeleteNetworkInterface", urgency);
        urgencyOf.set(`node-${node}`, urgency);
      }
      const told: string[] = [];
      budget.onGranted((node) => {
        told.push(node);
        void budget.claim(node, "DeleteNetworkInterface", "release")?.use(async () => {});
      });
      first?.release();
      await clock.advance(60_000);
      const ranks = told.map((node) => URGENCIES.indexOf(urgencyOf.get(node) ?? "release"));
      expect(ranks).toEqual(ranks.toSorted());
      expect(told.toSorted()).toEqual([...urgencyOf.keys()].toSorted());
      budget.stop();
    }),
  );
});
