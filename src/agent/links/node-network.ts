import { ENI_TABLE_BASE, MAX_ENI_NUMBER, PODS_TABLE, TRASH_GROUP } from "../../api/data-path.ts";
import { deleteLinkGroup } from "../../netlink/link.ts";
import { type NetlinkMessage, tolerating } from "../../netlink/message.ts";
import { NetlinkMonitor, type Notification } from "../../netlink/monitor.ts";
import { TABLE_MAIN } from "../../netlink/route.ts";
import { NetlinkSocket } from "../../netlink/socket.ts";
import type { Clock } from "../../time/clock.ts";
import type { Drift } from "../drift/drift.ts";
import { type FoundDrift, StandingDrift } from "../drift/standing-drift.ts";
import type { Logger } from "../logger.ts";
import { NftKeeper } from "../nft/nft-keeper.ts";
import type { PrimaryEgress } from "../nft/primary-egress.ts";
import { nameProblem } from "../nft/ruleset.ts";
import { awaitsVeths } from "../pool/cool-down.ts";
import { foreignAddresses, hasOwnLink } from "../pool/foreign-addresses.ts";
import type { Pool } from "../pool/pool.ts";
import type { Rush } from "../rush.ts";
import type { AgentStore, StoredEni } from "../store/agent-store.ts";
import { keepSysctls, type Sysctl, wantedSysctls } from "../sysctl/keep-sysctls.ts";
import { deadEnis, mendedByActs, renamedEnis } from "./eni-drift.ts";
import { type EniSpec, unsoundness } from "./eni-spec.ts";
import { numberEnis } from "./number-enis.ts";
import { type ObservedNetwork, observeNetwork } from "./observed-network.ts";
import { type ForeignNeeds, type PlannedAct, planNetwork } from "./plan-network.ts";
import { PodKeeper } from "./pod-keeper.ts";
import { findEniLink, findPrimary, type Primary } from "./primary-link.ts";

/** An ENI as this node has it. */
export interface EniOnNode {
  eniId: string;
  mac: string;
  state: "Ready" | "NoLink" | "LinkDown";
  /** Of the link, where there is one. */
  ifName?: string | undefined;
  mtu?: number | undefined;
  /** Undefined before the link was ever here. */
  table?: number | undefined;
  /** Why it cannot be set up although its link is there. */
  problem?: string | undefined;
}

/** What the network of the node is like after a pass. */
export interface NetworkView {
  primary: Primary | undefined;
  enis: readonly EniOnNode[];
  /** Rules, routes, ruleset and sysctls are in place; else what is wrong. */
  problem: string | undefined;
}

export interface NodeNetworkWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pool: Pool;
  readonly store: Pick<AgentStore, "enis" | "saveEni" | "forgetEni">;
  /** Told of what somebody else has changed, all of one look at once. */
  readonly drifted: (found: readonly Drift[]) => void;
  readonly rush: Pick<Rush, "restMs">;
  /** Told how long each whole look at the kernel took, repairs included, in milliseconds. */
  readonly looked: (ms: number) => void;
}

/** How often the kernel's notifications are taken up. */
const DRAIN_MS = 50;
/** So long they are left where they are while pods come and go. */
const PUT_OFF_MS = 400;
/** How often sysctls and the nftables generation are looked at, which nobody tells about. */
const PERIOD_MS = 500;
/** How often everything is read although nothing was told: a notification could have been lost on our side. */
const FULL_PERIOD_MS = 10_000;
/** Links and routes of pods are looked at so long after the first word of a change: a plugin at work changes several. */
const PODS_MS = 100;
/** Retired links are deleted together, since each deletion waits for the kernel and this many share one wait. */
const TRASH_DELAY_MS = 200;
/** Rounds of read and repair in one pass: the second sees what the first one's acts led to. */
const ROUNDS = 3;
const NO_NUMBER = `the node has ${MAX_ENI_NUMBER} ENIs already, which is all that marks have room for`;
const STATE_PROBLEMS = {
  Ready: undefined,
  NoLink: "its link is not on this node",
  LinkDown: "its link is down",
} as const;
const RESTLESS = "somebody changes it as fast as it is set up: see who else manages routes and rules here";

/** Keeps links, routes, rules, nftables and sysctls of the node as its ENIs need them. */
export class NodeNetwork {
  readonly #world: NodeNetworkWorld;
  readonly #socket = NetlinkSocket.open();
  readonly #monitor = NetlinkMonitor.open({
    groups: ["link", "ipv4-address", "ipv4-route", "ipv4-rule", "ipv4-settings"],
  });
  readonly #nft: NftKeeper;
  readonly #pods: PodKeeper;
  readonly #standing = new StandingDrift();
  /** ENIs that were once in place. */
  readonly #known = new Set<string>();
  /** Settings that were once as they should be. */
  #settings: ReadonlySet<string> = new Set();
  /** When they and the notifications were read last, on the monotonic clock. */
  #settingsRead = Number.NEGATIVE_INFINITY;
  #drainedAt = Number.NEGATIVE_INFINITY;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #listeners = new Set<(view: NetworkView) => void>();
  #enis: StoredEni[];
  #wanted: readonly EniSpec[] | undefined;
  #internalIp: string | undefined;
  #egress: PrimaryEgress = { linkLocal: "primary", masquerade: undefined };
  #view: NetworkView = { primary: undefined, enis: [], problem: "the network was not read yet" };
  #passing: Promise<void> | undefined;
  #again = false;
  #lastFull = Number.NEGATIVE_INFINITY;
  #sweep: ReturnType<typeof setTimeout> | undefined;
  /** The look that is to come, and when (monotonic). */
  #read: { timer: ReturnType<typeof setTimeout>; at: number } | undefined;
  #stopped = false;
  /** Why single ENIs cannot be set up. */
  #problems: ReadonlyMap<string, string> = new Map();
  /** ENIs for which there is no number. */
  #refused: readonly string[] = [];
  #lastActs = "";

  constructor(world: NodeNetworkWorld) {
    this.#world = world;
    this.#nft = new NftKeeper(world.logger);
    this.#pods = new PodKeeper(world);
    this.#enis = world.store.enis();
  }

  get view(): NetworkView {
    return this.#view;
  }

  /** Tells `listener` whenever the view has changed. @returns a function that ends it */
  subscribe(listener: (view: NetworkView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What a pod's plugin has to know of the ENI; undefined while its link or the node's address is missing. */
  factsOf(eniId: string): { nodeAddress: string; table: number; mac: string; mtu: number } | undefined {
    const { primary, enis } = this.#view;
    const eni = enis.find((e) => e.eniId === eniId);
    if (primary === undefined || eni?.table === undefined || eni.mtu === undefined) return undefined;
    return { nodeAddress: primary.address, table: eni.table, mac: eni.mac, mtu: eni.mtu };
  }

  /** What is wrong for all ENIs, or for this one. */
  problemsOf(eniId: string): string[] {
    const { problem, enis } = this.#view;
    const eni = enis.find((e) => e.eniId === eniId);
    const own = eni?.problem ?? (eni === undefined ? undefined : STATE_PROBLEMS[eni.state]);
    return [
      ...(problem === undefined ? [] : [`the node's network cannot be set up: ${problem}`]),
      ...(eni === undefined ? [`${eniId} is no ENI of this node`] : []),
      ...(own === undefined ? [] : [`${eniId} is not ready: ${own}`]),
    ];
  }

  /** Looks at everything now and repairs it. @returns what is still wrong for all ENIs, or for this one */
  async settle(eniId: string): Promise<string[]> {
    this.#lastFull = Number.NEGATIVE_INFINITY;
    await this.pass();
    return this.problemsOf(eniId);
  }

  /** Begins; the first pass has been made when this resolves. */
  async start(): Promise<void> {
    this.#timers.push(
      setInterval(() => this.#drain(), DRAIN_MS),
      setInterval(() => this.request(), PERIOD_MS),
    );
    await this.pass();
  }

  /** The node's ENIs as the API server says, all of them. */
  setWanted(wanted: readonly EniSpec[]): void {
    this.#wanted = wanted;
    this.#lastFull = Number.NEGATIVE_INFINITY;
    this.request();
  }

  /** The node's InternalIP. */
  setInternalIp(address: string | undefined): void {
    if (address === this.#internalIp) return;
    this.#internalIp = address;
    this.#lastFull = Number.NEGATIVE_INFINITY;
    this.request();
  }

  /** What pods send by the primary interface. Connections that are there go on as they began. */
  setEgress(egress: PrimaryEgress): void {
    this.#egress = egress;
    this.request();
  }

  /** What is quarantined now or could not be put right, by kind. */
  standingDrift(): Map<Drift["kind"], number> {
    return new Map([...this.#standing.counts(), ...this.#pods.standing()]);
  }

  /** A pod gave an address back: whether its veth is gone has to be read. Bursts are read once. */
  readSoon(): void {
    this.#readIn(this.#world.pool.state.waiters.length > 0 ? 0 : DRAIN_MS);
  }

  #readIn(delayMs: number): void {
    const at = this.#world.clock.monotonic() + delayMs;
    if (this.#read !== undefined && this.#read.at <= at) return;
    clearTimeout(this.#read?.timer);
    const timer = setTimeout(() => {
      this.#read = undefined;
      this.#lastFull = Number.NEGATIVE_INFINITY;
      this.request();
    }, delayMs);
    this.#read = { timer, at };
  }

  /** Asks for a pass soon. */
  request(): void {
    void this.pass();
  }

  /** Looks after everything that is due once, or joins the pass that will. */
  pass(): Promise<void> {
    this.#again = true;
    this.#passing ??= this.#passes().finally(() => {
      this.#passing = undefined;
    });
    return this.#passing;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#sweep);
    clearTimeout(this.#read?.timer);
    await this.#passing;
    this.#nft.close();
    this.#monitor.close();
    this.#socket.close();
  }

  async #passes(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#passOnce();
        this.#setProblem(undefined);
      } catch (error) {
        this.#setProblem(error instanceof Error ? error.message : String(error));
      }
    }
  }

  async #passOnce(): Promise<void> {
    const { clock } = this.#world;
    // Carrier may come back up to a second before the kernel tells of it.
    const isWaiting = this.#view.enis.some(({ state }) => state !== "Ready");
    if (isWaiting || this.#hasEnded() || clock.monotonic() - this.#lastFull >= FULL_PERIOD_MS) {
      const began = clock.monotonic();
      this.#repairKernel();
      this.#lastFull = clock.monotonic();
      this.#world.looked(this.#lastFull - began);
    }
    const { primary, enis } = this.#view;
    const names = enis.flatMap(({ ifName }) => (ifName === undefined ? [] : [ifName]));
    this.#keepSysctls(wantedSysctls(primary?.link.name, names));
    if (primary === undefined) {
      throw new Error(
        "the node has no default route in table main and no link with its InternalIP: which link is the primary one cannot be told",
      );
    }
    const marked = this.#enis.map(({ eniId, number, table, primaryIp }) => ({
      number,
      address: primaryIp,
      group: table,
      ifName: ifWritable(enis.find((e) => e.eniId === eniId)?.ifName),
    }));
    const wanted = { primary: ifWritable(primary.link.name), enis: marked, egress: this.#egress };
    if (await this.#nft.keep(wanted)) {
      this.#tellMended("ruleset", "the nftables table inet tke_eni was flushed or changed");
    }
    const problem = nameProblem(primary.link.name);
    if (problem !== undefined) throw new Error(problem);
    this.#tellReady();
  }

  /** Twice a second, and where a link is new: each is a file, and a pass follows on each pod. */
  #keepSysctls(wanted: readonly Sysctl[]): void {
    const now = this.#world.clock.monotonic();
    const isNew = wanted.some(({ key }) => !this.#settings.has(key));
    if (!isNew && now - this.#settingsRead < PERIOD_MS / 2) return;
    this.#settingsRead = now;
    for (const { key, value, was } of keepSysctls(wanted)) {
      this.#world.logger.info({ key, value, was }, "set a sysctl");
      if (this.#settings.has(key)) this.#tellMended("sysctl", `${key} was ${was} instead of ${value}`);
    }
    this.#settings = new Set(wanted.map(({ key }) => key));
  }

  /** Reads the kernel, and repairs it until nothing is left to repair. */
  #repairKernel(): void {
    const settled = new Set(this.#world.pool.state.readyEnis);
    const before = this.#view.enis;
    const mended = new Map<string, FoundDrift>();
    let failure: unknown;
    for (let round = 1; ; round++) {
      const readAt = this.#world.clock.monotonic();
      const observed = this.#observe(readAt);
      this.#number(observed);
      const acts = planNetwork(observed, this.#enis, this.#foreign(observed));
      const isLast = round === ROUNDS || acts.length === 0;
      if (isLast) this.#problems = this.#problemsIn(observed, { acts, failure });
      this.#setView({ ...this.#see(observed), problem: this.#view.problem });
      const found = mendedByActs(acts, { enis: this.#enis, settled });
      if (!isLast) for (const [key, drift] of found) mended.set(key, drift);
      if (isLast) {
        this.#tellDrift({ before, mended, left: found, failure });
        this.#lookAtPods(observed, readAt);
        // What is left to do for no ENI in particular is everybody's problem.
        if (acts.some(({ eniId }) => eniId === undefined)) throw failure ?? new Error(RESTLESS);
        return;
      }
      failure = this.#do(acts.map(({ message }) => message));
    }
  }

  #foreign(observed: ObservedNetwork): ForeignNeeds {
    const { state } = this.#world.pool;
    return {
      addresses: foreignAddresses(state),
      isHeld: (address) => state.addresses.get(address)?.holding.kind === "in-use",
      hasOwnLink: (address) => hasOwnLink(state, address),
      nodeAddress: findPrimary(observed, this.#internalIp)?.address,
    };
  }

  /** The differences of one look: what was mended, and what stands. */
  #tellDrift({
    before,
    mended,
    left,
    failure,
  }: {
    before: readonly EniOnNode[];
    mended: ReadonlyMap<string, FoundDrift>;
    left: ReadonlyMap<string, FoundDrift>;
    failure: unknown;
  }): void {
    const { pool, drifted } = this.#world;
    const { enis } = this.#view;
    const renamed = renamedEnis(before, enis);
    const why = failure instanceof Error ? failure.message : RESTLESS;
    const failed = [...left.values()].map(
      (drift): FoundDrift => ({
        ...drift,
        outcome: "failed",
        message: `${drift.message}, and that could not be mended: ${why}`,
      }),
    );
    const dead = deadEnis(enis, {
      known: this.#known.intersection(new Set(this.#wanted?.map(({ eniId }) => eniId))),
      isPromised: (eniId) => pool.state.claims.get(eniId)?.promise !== undefined,
    });
    const told = [
      ...renamed,
      // Its rule that names the link is another with the link's name.
      ...[...mended.values()].filter(
        ({ key }) => !left.has(key) && !renamed.some((r) => key === r.key.replace("renamed", "rule")),
      ),
      ...this.#standing.take([...failed, ...dead]),
    ];
    if (told.length > 0) drifted(told);
  }

  #tellMended(kind: Drift["kind"], message: string): void {
    this.#world.drifted([{ kind, outcome: "repaired", message }]);
  }

  #lookAtPods(observed: ObservedNetwork, readAt: number): void {
    const again = this.#pods.look(observed, {
      socket: this.#socket,
      enis: this.#enis,
      nodeAddress: this.#view.primary?.address,
      readAt,
    });
    if (again !== undefined) this.#readIn(again);
  }

  /** Does all that can be done; returns why something could not. */
  #do(messages: readonly NetlinkMessage[]): unknown {
    const acts = messages.map(({ act }) => act);
    const { logger } = this.#world;
    // What fails is tried again twice a second, and said once.
    if (acts.join() !== this.#lastActs) logger.info({ acts }, "setting up the node's network");
    this.#lastActs = acts.join();
    try {
      this.#socket.batch(messages);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #problemsIn(
    observed: ObservedNetwork,
    { acts, failure }: { acts: readonly PlannedAct[]; failure: unknown },
  ): Map<string, string> {
    const problems = new Map<string, string>();
    for (const eni of this.#wanted ?? []) {
      const link = findEniLink(observed, eni.mac);
      const problem = unsoundness(eni) ?? (link && nameProblem(link.name));
      if (problem !== undefined) problems.set(eni.eniId, problem);
    }
    for (const eniId of this.#refused) problems.set(eniId, NO_NUMBER);
    const text = failure instanceof Error ? failure.message : RESTLESS;
    for (const { eniId } of acts) if (eniId !== undefined) problems.set(eniId, text);
    for (const [eniId, problem] of problems) {
      if (this.#problems.get(eniId) !== problem) {
        this.#world.logger.error({ eni: eniId, problem }, "an ENI cannot be set up");
      }
    }
    return problems;
  }

  #observe(readAt: number): ObservedNetwork {
    const { pool } = this.#world;
    const observed = observeNetwork(this.#socket);
    if (awaitsVeths(pool.state)) {
      const aliases = observed.links.flatMap(({ alias }) => (alias === undefined ? [] : [alias]));
      pool.take({ type: "veths-read", containerIds: new Set(aliases), readAt });
    }
    if (observed.links.some(({ group }) => group === TRASH_GROUP)) this.deleteSoon();
    return observed;
  }

  #number(observed: ObservedNetwork): void {
    const { store, logger } = this.#world;
    const groups = new Set(observed.links.map(({ group }) => group));
    const { enis, saved, forgotten, refused } = numberEnis(this.#enis, {
      wanted: this.#wanted,
      indexOf: (mac) => findEniLink(observed, mac)?.index,
      isHeld: (eni) => groups.has(eni.table) || this.#isHeldByPod(eni),
    });
    // Stored first: what is in the kernel must have the same numbers after a restart.
    for (const eniId of forgotten) store.forgetEni(eniId);
    for (const eni of saved) store.saveEni(eni);
    for (const eniId of forgotten)
      logger.info({ eni: eniId }, "the ENI has gone, its numbers are free again");
    this.#enis = enis;
    this.#refused = refused;
  }

  #isHeldByPod({ eniId }: StoredEni): boolean {
    return [...this.#world.pool.state.addresses.values()].some(
      (r) => r.eniId === eniId && (r.holding.kind === "in-use" || r.holding.kind === "cooling-down"),
    );
  }

  /** Whether an ENI that is wanted no more may have lost its last pod. */
  #hasEnded(): boolean {
    const wanted = this.#wanted;
    return (
      wanted !== undefined &&
      this.#enis.some((eni) => !wanted.some(({ eniId }) => eniId === eni.eniId) && !this.#isHeldByPod(eni))
    );
  }

  #see(observed: ObservedNetwork): Omit<NetworkView, "problem"> {
    const numbered = new Map(this.#enis.map((eni) => [eni.eniId, eni]));
    const all = new Map([...(this.#wanted ?? []), ...this.#enis].map((eni) => [eni.eniId, eni]));
    const enis = [...all.values()].map(({ eniId, mac }): EniOnNode => {
      const link = findEniLink(observed, mac);
      const table = numbered.get(eniId)?.table;
      if (link === undefined) return { eniId, mac, state: "NoLink", table };
      const isUp = link.up && link.lowerUp;
      const problem = this.#problems.get(eniId);
      return {
        eniId,
        mac,
        state: !isUp ? "LinkDown" : table === undefined || problem !== undefined ? "NoLink" : "Ready",
        ifName: link.name,
        mtu: link.mtu,
        table,
        problem,
      };
    });
    return { primary: findPrimary(observed, this.#internalIp), enis };
  }

  /** An ENI serves when all of its parts are in place, so not before the whole pass has succeeded. */
  #tellReady(): void {
    const { pool } = this.#world;
    const ready = new Set(this.#view.enis.filter((e) => e.state === "Ready").map((e) => e.eniId));
    for (const eniId of ready) this.#known.add(eniId);
    if (ready.symmetricDifference(pool.state.readyEnis).size > 0) {
      pool.take({ type: "enis-ready", eniIds: ready });
    }
  }

  /** Takes out of the pool at once what has lost its link, whatever else may fail in this pass. */
  #setView(view: NetworkView): void {
    const before = this.#view;
    this.#view = view;
    const { pool, logger } = this.#world;
    const ready = new Set(view.enis.filter((e) => e.state === "Ready").map((e) => e.eniId));
    const lost = [...pool.state.readyEnis].filter((eniId) => !ready.has(eniId));
    if (lost.length > 0) {
      logger.warn({ enis: lost }, "the link is gone or down: its addresses leave the pool");
      pool.take({ type: "enis-ready", eniIds: pool.state.readyEnis.intersection(ready) });
    }
    if (!Bun.deepEquals(before, view)) for (const listener of this.#listeners) listener(view);
  }

  #setProblem(problem: string | undefined): void {
    if (problem === this.#view.problem) return;
    if (problem === undefined) this.#world.logger.info({}, "the node's network is in place");
    else this.#world.logger.error({ problem }, "the node's network cannot be set up");
    // The next pass begins with a whole look at the kernel.
    if (problem !== undefined) this.#lastFull = Number.NEGATIVE_INFINITY;
    this.#setView({ ...this.#view, problem });
  }

  #drain(): void {
    const { clock, rush } = this.#world;
    // Most of what the kernel tells of then is what plugins do.
    if (rush.restMs() > 0 && clock.monotonic() - this.#drainedAt < PUT_OFF_MS) return;
    this.#drainedAt = clock.monotonic();
    const { notifications, resync } = this.#monitor.drain();
    if (resync || notifications.some(matters)) {
      this.#lastFull = Number.NEGATIVE_INFINITY;
      this.request();
    } else if (notifications.some(mayBeOfPod)) this.#readIn(PODS_MS);
  }

  /** There are links of pods to delete. What is in the trash when the agent ends, the next one finds there. */
  deleteSoon(): void {
    if (this.#stopped) return;
    // Somebody waits for an address, and one may come free with the veth that is to go.
    if (this.#world.pool.state.waiters.length > 0) this.#deleteAtOnce();
    const latest = this.#world.clock.monotonic() + TRASH_DELAY_MS + PUT_OFF_MS;
    this.#sweep ??= setTimeout(() => this.#sweepTrash(latest), TRASH_DELAY_MS);
  }

  /** A caller waits for an address: what is to be deleted is, since one may come free with it. */
  hurry(): void {
    if (this.#sweep !== undefined) this.#deleteAtOnce();
  }

  #deleteAtOnce(): void {
    clearTimeout(this.#sweep);
    this.#sweep = setTimeout(() => this.#sweepTrash(Number.NEGATIVE_INFINITY), 0);
  }

  /** The kernel lets nobody else change links meanwhile: while pods come and go it is put off, but not beyond that time. */
  #sweepTrash(latest: number): void {
    const { clock, logger, rush } = this.#world;
    const rest = Math.min(rush.restMs(), latest - clock.monotonic());
    if (rest > 0) {
      this.#sweep = setTimeout(() => this.#sweepTrash(latest), rest);
      return;
    }
    this.#sweep = undefined;
    try {
      this.#socket.batch([tolerating(deleteLinkGroup(TRASH_GROUP), "ENODEV")]);
    } catch (error) {
      logger.error({ err: error }, "links of pods that have gone could not be deleted");
    }
    this.#lastFull = Number.NEGATIVE_INFINITY;
    this.request();
  }
}

function ifWritable(name: string | undefined): string | undefined {
  return name !== undefined && nameProblem(name) === undefined ? name : undefined;
}

/** Whether a notification can be about a pod's veth or route, which its plugin may just be making. */
function mayBeOfPod(notification: Notification): boolean {
  switch (notification.kind) {
    case "link":
      return notification.link.kind === "veth";
    case "route":
      return notification.route.table === PODS_TABLE;
    case "settings":
      return true;
    default:
      return false;
  }
}

/** Whether a notification can be about something that is ours, the pods' veths and routes apart. */
function matters(notification: Notification): boolean {
  switch (notification.kind) {
    case "link":
      return (
        notification.change === "deleted" ||
        notification.link.group === 0 ||
        notification.link.group === TRASH_GROUP
      );
    case "route":
      return (
        notification.route.table > ENI_TABLE_BASE ||
        // A pod's own route goes with its link, of which nobody is told; what is told is a route that somebody deleted.
        (notification.route.table === PODS_TABLE && notification.change === "deleted") ||
        (notification.route.table === TABLE_MAIN && notification.route.destination.length === 0)
      );
    case "address":
    case "rule":
      return true;
    // Of `all` and `default`.
    case "settings":
      return notification.settings.index < 0;
  }
}
