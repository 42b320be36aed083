import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import { poolTarget, warmTarget } from "./changed-settings.ts";
import { calm, strikeOnce } from "./chaos.ts";
import { claimedOn, restartStuck } from "./claims-at-rest.ts";
import { unrest } from "./convergence.ts";
import { Dice } from "./dice.ts";
import { limitsOf } from "./node-limits.ts";
import { StatefulWorkload } from "./stateful-workload.ts";
import { Workload } from "./workload.ts";
import { World } from "./world.ts";

export interface SeedOptions {
  readonly seed: number;
  /** Virtual minutes in which things go wrong; what the seed says if left out. */
  readonly minutes?: number | undefined;
  /** Nothing goes wrong. */
  readonly calm?: boolean | undefined;
  /** Whether pods have addresses of their own; what the seed says if left out. */
  readonly fixed?: boolean | undefined;
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

/** Everything is settled so long after the last trouble, or never; where addresses are given back one by one, later. */
const SETTLE_MS = 25 * 60_000;
const SETTLE_SLOWLY_MS = 85 * 60_000;
const LAST_WORD_MS = 3 * 60_000;
/** Nothing may be written for so long once it is. */
const QUIET_MS = 4 * 60_000;
const SHOWN = 120;

/** Runs the world of a seed from nothing through its troubles to rest. */
export function runSeed({ seed, minutes, calm: isCalm = false, fixed, print }: SeedOptions): SeedResult {
  const dice = new Dice(seed);
  const own = dice.fork("fixed addresses");
  const claims = (fixed ?? seed % 3 === 0) ? claimOptions(own) : undefined;
  const nodes = dice.pick([1, 1, 2, 2, 3, 3, 4, 6]);
  const troubledMinutes = minutes ?? Math.round(dice.between(5, 20) / nodes ** 0.7);
  const world = new World({
    seed,
    instanceType: dice.pick(["SA2.MEDIUM4", "S5.SMALL1", "SA2.MEDIUM4"]),
    ...{ warm: claims === undefined ? warmTarget(dice) : poolTarget(own), claims },
    quickRelease: dice.chance(0.8),
    podsPrefix: dice.pick([24, 24, 25]),
    moreSubnets: dice.chance(0.5),
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
    const workloads = [
      new Workload(world, dice.fork("workload")),
      ...(claims === undefined ? [] : [new StatefulWorkload(world, own.fork("workload"))]),
    ];
    const troubles = dice.fork("troubles");
    const end = world.clock.monotonic() + troubledMinutes * 60_000;
    planWorkload(world, { workloads, dice: dice.fork("plan"), end });
    if (!isCalm) planTroubles(world, { dice: troubles, end, pauseMs: dice.pick([5_000, 15_000, 40_000]) });
    world.run(end - world.clock.monotonic());
    for (const workload of workloads) {
      workload.churn = 0;
      // Where an ENI is to go that a user has deleted, the others must do for the pods.
      workload.wanted = Math.min(workload.wanted, Math.floor(comfortable(world) / 2 / workloads.length));
    }
    void calm(world);
    comeToRest(world);
  } catch (error) {
    // What the world itself, or a callback into a process, has thrown.
    world.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    world.close();
  }
  return {
    seed,
    failure: world.failure,
    hash: world.trace.hash,
    events: world.trace.events,
    virtualMinutes: world.clock.monotonic() / 60_000,
    trace: world.failure === undefined ? [] : world.trace.last(SHOWN),
  };
}

/** How fixed addresses are served: graces that are short beside the troubles. */
function claimOptions(dice: Dice): World["settings"]["claims"] {
  return {
    partitionGraceMs: dice.pick([5_000, 20_000, 60_000]),
    expiresAfterMs: dice.pick([undefined, undefined, 300_000]),
    ownerReferences: false,
    onlyNominated: false,
  };
}

type PlannedWorkload = Pick<Workload, "wanted" | "churn">;

function planWorkload(
  world: World,
  { workloads, dice, end }: { workloads: readonly PlannedWorkload[]; dice: Dice; end: number },
): void {
  const most = () => Math.floor(comfortable(world) / workloads.length);
  world.wantMore = () => {
    if (world.clock.monotonic() >= end) return;
    for (const workload of workloads) workload.wanted = most();
    world.trace.note("workload", `wants ${most()} pods`);
  };
  const change = () => {
    if (world.clock.monotonic() >= end) return;
    for (const workload of workloads) {
      workload.wanted = dice.whole(0, Math.max(1, most()));
      workload.churn = dice.pick([0, 0.01, 0.05, 0.1]);
      world.trace.note("workload", `wants ${workload.wanted} pods, churn ${workload.churn}`);
    }
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
  for (const host of world.hosts.values()) room += Math.max(0, limitsOf(world, host).least - 2);
  return Math.floor(room * 0.7);
}

/**
 * What a person does who looks at the cluster: an address or ENI that somebody has deleted goes when its pods have gone, and a pod
 * whose address was taken off in the console has no network (its event says so), and one that was bound to a node before that was
 * allowed fewer gets none there. Such pods are restarted.
 */
function restartPods(world: World): void {
  const wanted = (object: JsonObject) => textAt(object, "metadata.deletionTimestamp") !== "";
  const enis = new Set(
    world.server
      .objects("vpcenis")
      .filter(wanted)
      .map((veni) => textAt(veni, "metadata.name")),
  );
  for (const vip of world.server.objects("vpcips")) {
    const isEniWanted = enis.has(textAt(vip, "spec.eniID"));
    const claim = textAt(vip, "spec.claim");
    if (!isEniWanted && !(wanted(vip) && claim === "")) continue;
    // Pods would come back to the ENI one after the other for as long as they keep their addresses there.
    if (claim !== "") giveUpClaim(world, claim);
    const [, pod] = textAt(vip, "status.use.pod").split("/");
    if (pod !== undefined) world.deletePod(pod);
  }
  for (const { machine } of world.hosts.values()) {
    for (const { address, pod } of machine.veths.values()) {
      if (!machine.isReached(address)) world.deletePod(pod.split("/")[1] ?? "");
    }
  }
  for (const host of world.hosts.values()) {
    const pods = world.podsOf(host.machine.nodeName);
    const taken = Math.max(pods.length, claimedOn(world, host.machine.nodeName));
    if (taken <= limitsOf(world, host).least) continue;
    for (const pod of pods) {
      if (textAt(pod, "status.phase") === "Pending") world.deletePod(textAt(pod, "metadata.name"));
    }
  }
}

function giveUpClaim(world: World, key: string): void {
  const claim = world.server
    .objects("vpcipclaims")
    .find((it) => `${textAt(it, "metadata.namespace")}/${textAt(it, "metadata.name")}` === key);
  if (claim !== undefined && textAt(claim, "metadata.deletionTimestamp") === "") world.deleteClaim(claim);
}

/** After the last trouble everything settles, and then nothing is done any more. */
function comeToRest(world: World): void {
  const settleMs = world.settings.quickRelease ? SETTLE_MS : SETTLE_SLOWLY_MS;
  settle(world, settleMs);
  // Watches that were silent are begun anew, and calls that were lost have timed out.
  world.run(LAST_WORD_MS);
  settle(world, settleMs);
  if (world.failure !== undefined) return;
  world.trace.note("world", "has come to rest");
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

function settle(world: World, withinMs: number): void {
  const deadline = world.clock.monotonic() + withinMs;
  for (let why = unrest(world) ?? ""; why !== "" && world.failure === undefined; why = unrest(world) ?? "") {
    if (world.clock.monotonic() > deadline) {
      world.fail(`not settled ${withinMs / 60_000} minutes after the last trouble: ${why}`);
      return;
    }
    restartPods(world);
    if (world.settings.claims !== undefined) restartStuck(world);
    world.run(5_000);
  }
}
