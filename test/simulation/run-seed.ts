import { calm, strikeOnce } from "./chaos.ts";
import { capacityOf, unrest } from "./convergence.ts";
import { Dice } from "./dice.ts";
import { Workload } from "./workload.ts";
import { World } from "./world.ts";

export interface SeedOptions {
  readonly seed: number;
  /** Virtual minutes in which things go wrong; what the seed says if left out. */
  readonly minutes?: number | undefined;
  /** Nothing goes wrong. */
  readonly calm?: boolean | undefined;
  readonly print?: ((line: string) => void) | undefined;
}

export interface SeedResult {
  readonly seed: number;
  /** Why the run failed; undefined when all held. */
  readonly failure: string | undefined;
  /** Equal for equal runs. */
  readonly hash: string;
  readonly events: number;
  readonly virtualMinutes: number;
  /** The last events, of a run that failed. */
  readonly trace: readonly string[];
}

/** Everything is settled so long after the last trouble, or never. */
const SETTLE_MS = 15 * 60_000;
/** Nothing may be written for so long once it is. */
const QUIET_MS = 4 * 60_000;
const SHOWN = 120;

/** Runs the world of a seed from nothing through its troubles to rest. */
export function runSeed({ seed, minutes, calm: isCalm = false, print }: SeedOptions): SeedResult {
  const dice = new Dice(seed);
  const nodes = dice.whole(1, 6);
  const troubledMinutes = minutes ?? Math.round(dice.between(4, 16) / Math.sqrt(nodes));
  const min = dice.pick([0, 1, 3, 5]);
  const world = new World({
    seed,
    instanceType: dice.pick(["SA2.MEDIUM4", "S5.SMALL1", "SA2.MEDIUM4"]),
    warm: { min, max: min + dice.pick([0, 0, 2, 10]) },
    quickRelease: dice.chance(0.8),
    podsPrefix: dice.pick([24, 24, 25]),
    ipamds: 2,
    print,
  });
  try {
    world.start();
    for (let i = 1; i <= nodes; i++) {
      world.clock.after(
        dice.between(0, 30_000),
        () => void world.addNode(`node-${i}`, { providerId: dice.chance(0.8) }),
      );
    }
    world.run(45_000);
    const workload = new Workload(world, dice.fork("workload"));
    const troubles = dice.fork("troubles");
    const end = world.clock.monotonic() + troubledMinutes * 60_000;
    planWorkload(world, { workload, dice: dice.fork("plan"), end });
    if (!isCalm) planTroubles(world, { dice: troubles, end, pauseMs: dice.pick([5_000, 15_000, 40_000]) });
    world.run(end - world.clock.monotonic());
    workload.churn = 0;
    workload.wanted = Math.min(workload.wanted, comfortable(world));
    void calm(world);
    comeToRest(world);
    return {
      seed,
      failure: world.failure,
      hash: world.trace.hash,
      events: world.trace.events,
      virtualMinutes: world.clock.monotonic() / 60_000,
      trace: world.failure === undefined ? [] : world.trace.last(SHOWN),
    };
  } finally {
    world.close();
  }
}

function planWorkload(
  world: World,
  { workload, dice, end }: { workload: Workload; dice: Dice; end: number },
): void {
  const change = () => {
    if (world.clock.monotonic() >= end) return;
    workload.wanted = dice.whole(0, Math.max(1, comfortable(world)));
    workload.churn = dice.pick([0, 0.01, 0.05, 0.2]);
    world.trace.note("workload", `wants ${workload.wanted} pods, churn ${workload.churn}`);
    world.clock.after(dice.between(20_000, 150_000), change);
  };
  change();
}

function planTroubles(
  world: World,
  { dice, end, pauseMs }: { dice: Dice; end: number; pauseMs: number },
): void {
  const next = () => {
    if (world.clock.monotonic() >= end) return;
    strikeOnce(world, dice);
    world.clock.after(dice.between(0, 2 * pauseMs), next);
  };
  world.clock.after(dice.between(0, pauseMs), next);
}

/** How many pods the nodes have room for, with some to spare. */
function comfortable(world: World): number {
  let room = 0;
  for (const host of world.hosts.values()) room += Math.max(0, capacityOf(world, host) - 2);
  return Math.floor(room * 0.7);
}

/** After the last trouble everything settles, and then nothing is done any more. */
function comeToRest(world: World): void {
  const deadline = world.clock.monotonic() + SETTLE_MS;
  let why: string | undefined = "it has just become calm";
  while (why !== undefined && world.failure === undefined) {
    if (world.clock.monotonic() > deadline) {
      world.fail(`not settled ${SETTLE_MS / 60_000} minutes after the last trouble: ${why}`);
      return;
    }
    world.run(5_000);
    why = unrest(world);
  }
  world.trace.note("world", "has come to rest");
  // What was begun before is done.
  world.run(30_000);
  world.invariants.mutations = [];
  world.invariants.writes = [];
  world.run(QUIET_MS);
  if (world.failure !== undefined) return;
  const { mutations, writes } = world.invariants;
  if (mutations.length > 0) world.fail(`not quiet: ${mutations.length} calls, such as ${mutations[0]}`);
  else if (writes.length > 0) world.fail(`not quiet: ${writes.length} writes, such as ${writes[0]}`);
  const still = unrest(world);
  if (still !== undefined) world.fail(`did not stay settled: ${still}`);
}
