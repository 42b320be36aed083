import type { WaitingClock } from "../../time/waiting-clock.ts";
import { CloudError } from "../cloud-error.ts";
import { Admission, type Grant } from "./admission.ts";
import { Alarm } from "./alarm.ts";
import { type CallCounts, CallMeter } from "./call-meter.ts";
import { type CloudHealth, diagnose } from "./health.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import type { Permit } from "./permit.ts";
import { CLOUD_ACTIONS, type CloudAction, PRODUCT_RATE, RATES } from "./rates.ts";
import { ReadQueue } from "./read-queue.ts";
import { type Urgency, type Wish, WishBook, type WishKey } from "./wish-book.ts";

/** The ways to make an ENI, the cheaper one first. */
const CREATIONS: readonly CloudAction[] = ["CreateAndAttachNetworkInterface", "CreateNetworkInterface"];

/** How long a permit waits for the node that it was granted to. */
const RESERVATION_MS = 2000;

export interface CallBudgetParts {
  clock: WaitingClock;
  /** A number in [0, 1), as `Math.random` gives it. */
  random: () => number;
  logger: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export interface CallBudgetSettings {
  /** Calls a second to each product; `PRODUCT_RATE` if left out. */
  productRate?: number;
}

/** What became of an action's calls since the start, and how many nodes wish for one now. */
export interface ActionMetrics extends CallCounts {
  waiting: number;
}

/** Leave to make an ENI, and in which way. */
export interface CreationPermit {
  how: "create-and-attach" | "create";
  permit: Permit;
}

interface Reservation {
  readonly node: string;
  readonly key: WishKey;
  readonly urgency: Urgency;
  readonly grant: Grant;
  readonly until: number;
}

/**
 * One budget for all calls to the cloud of one region.
 *
 * Calls that change something are not queued: a plan that has waited ten seconds for its token would be carried out stale. A node
 * that gets no permit leaves a *wish*. When its turn has come a permit is reserved for it and it is told; it is planned anew, and
 * claims the permit if it still wants it. What it does not come for goes to the next. Whose turn it is: the more urgent wish
 * first, then the node served longest ago (`WishBook`).
 *
 * Reads are few, unblock everything and cannot get stale: they wait in order, and before all wishes.
 *
 * Single-threaded: `claim`, `settle` and the listeners all run to their end in one turn of the event loop.
 */
export class CallBudget {
  readonly #clock: WaitingClock;
  readonly #logger: CallBudgetParts["logger"];
  readonly #admission: Admission;
  readonly #wishes = new WishBook();
  readonly #reads = new ReadQueue();
  readonly #meter = new CallMeter();
  readonly #denied = new Map<CloudAction, CloudError>();
  readonly #alarm: Alarm;
  /** In the order in which they expire. */
  readonly #reservations = new Set<Reservation>();
  readonly #grantListeners = new Set<(node: string) => void>();
  readonly #healthListeners = new Set<(health: CloudHealth) => void>();
  #health: CloudHealth;
  #stopped = false;

  constructor({ clock, random, logger }: CallBudgetParts, settings: CallBudgetSettings = {}) {
    this.#clock = clock;
    this.#logger = logger;
    this.#admission = new Admission({ productRate: settings.productRate ?? PRODUCT_RATE, random });
    this.#alarm = new Alarm(clock, () => this.#work());
    this.#health = {
      ...diagnose(this.#admission, { denied: this.#denied, now: clock.monotonic() }),
      since: clock.now(),
    };
  }

  /**
   * Leave for a node to make one call now, or undefined: then its wish waits, and `onGranted` tells when to ask again.
   * Whoever gets a permit has to use it or to release it.
   */
  claim(node: string, action: CloudAction, urgency: Urgency): Permit | undefined {
    const grant = this.#claim(node, action, urgency);
    return grant && this.#permit(grant);
  }

  /**
   * Leave for a node to make an ENI in the way for which there is room. CreateAndAttach costs one call and allows 20 a second;
   * when these are used up, or the cloud throttles that call, the ENI can be made alone, to be attached by a call of its own that the next plan asks for. That
   * costs two of the product's calls, so it comes second, and only while no ENI as urgent waits to be attached: they would pile up.
   */
  claimCreation(node: string, urgency: Urgency): CreationPermit | undefined {
    const grant = this.#claim(node, "creation", urgency);
    return (
      grant && {
        how: grant.action === "CreateNetworkInterface" ? "create" : "create-and-attach",
        permit: this.#permit(grant),
      }
    );
  }

  /**
   * The run of a node is over, and these are the wishes that it still has: its other wishes are dropped, and what was reserved
   * for them goes to the next. A node that is gone keeps nothing.
   */
  settle(node: string, kept: ReadonlySet<WishKey>): void {
    for (const key of this.#wishes.keys()) {
      if (!kept.has(key)) this.#wishes.drop(node, key);
    }
    for (const reservation of this.#reservations) {
      if (reservation.node === node && !kept.has(reservation.key)) this.#giveUp(reservation);
    }
    this.#work();
  }

  /**
   * Calls `listener` with each node that a permit was reserved for, which is kept for two seconds. The node has to be planned
   * again even if it is being planned just now: its wish is granted, and gone.
   *
   * @returns a function that ends this
   */
  onGranted(listener: (node: string) => void): () => void {
    this.#grantListeners.add(listener);
    return () => this.#grantListeners.delete(listener);
  }

  /**
   * Makes a call that only reads, when it is its turn.
   *
   * @throws CloudError what `call` rejects with; where the cloud is known not to take calls, at once: `credential` or `clock-skew`
   *   as it was rejected last, `retry-later` when its product is down
   */
  async read<T>(action: CloudAction, call: () => Promise<T>): Promise<T> {
    const grant = await new Promise<Grant>((begin, refuse) => {
      this.#reads.push({ action, begin, refuse });
      this.#work();
    });
    return this.#permit(grant).use(call);
  }

  /** The credential has been replaced: if it was rejected, the next call tries the new one. */
  credentialsChanged(): void {
    this.#admission.credential.changed(this.#clock.monotonic());
    this.#work();
  }

  /** Whether calls wait for tokens: then every call that is not needed costs somebody else's. */
  isPressed(): boolean {
    return this.#wishes.keys().length > 0;
  }

  health(): CloudHealth {
    this.#observeHealth();
    return this.#health;
  }

  /**
   * Calls `listener` whenever the health has changed.
   *
   * @returns a function that ends this
   */
  onHealth(listener: (health: CloudHealth) => void): () => void {
    this.#healthListeners.add(listener);
    return () => this.#healthListeners.delete(listener);
  }

  /** By action; wishes for an ENI in any way are counted with CreateAndAttachNetworkInterface. */
  metrics(): Record<CloudAction, ActionMetrics> {
    const entries = CLOUD_ACTIONS.map((action): [CloudAction, ActionMetrics] => {
      const creations = action === "CreateAndAttachNetworkInterface" ? this.#wishes.waiting("creation") : 0;
      const waiting = this.#wishes.waiting(action) + this.#reads.waiting(action) + creations;
      return [action, { ...this.#meter.of(action), waiting }];
    });
    return Object.fromEntries(entries) as Record<CloudAction, ActionMetrics>;
  }

  /** Grants nothing any more and refuses the reads that wait; calls that were begun go on. */
  stop(): void {
    this.#stopped = true;
    this.#alarm.cancel();
    this.#work();
  }

  #claim(node: string, key: WishKey, urgency: Urgency): Grant | undefined {
    const reserved = this.#takeReservation(node, key);
    if (reserved !== undefined) return reserved;
    this.#wishes.put(node, key, urgency);
    this.#work({ node, key });
    return this.#takeReservation(node, key);
  }

  #takeReservation(node: string, key: WishKey): Grant | undefined {
    const now = this.#clock.monotonic();
    for (const reservation of this.#reservations) {
      if (reservation.node !== node || reservation.key !== key) continue;
      if (now >= reservation.until || this.#admission.isOverruled(reservation.grant)) {
        this.#giveUp(reservation);
        return undefined;
      }
      this.#reservations.delete(reservation);
      return reservation.grant;
    }
    return undefined;
  }

  #giveUp(reservation: Reservation): void {
    this.#reservations.delete(reservation);
    this.#admission.putBack(reservation.grant);
  }

  #permit(grant: Grant): Permit {
    let spent = false;
    const spend = () => {
      if (spent) return false;
      spent = true;
      return true;
    };
    return {
      action: grant.action,
      use: async (call) => {
        if (!spend()) throw new Error(`this permit for ${grant.action} is spent: claim another one`);
        return this.#call(grant, call);
      },
      release: () => {
        if (!spend()) return;
        this.#admission.putBack(grant);
        this.#work();
      },
    };
  }

  async #call<T>(grant: Grant, call: () => Promise<T>): Promise<T> {
    const sentAt = this.#clock.monotonic();
    try {
      const answer = await call();
      this.#settleCall(grant, { kind: "success" }, sentAt);
      return answer;
    } catch (error) {
      this.#settleCall(grant, outcomeOf(error), sentAt);
      throw error;
    }
  }

  #settleCall(grant: Grant, outcome: Outcome, sentAt: number): void {
    const { action } = grant;
    this.#admission.settle(grant, outcome, { sentAt, now: this.#clock.monotonic() });
    this.#meter.count(action, outcome);
    if (outcome.kind === "refused" && outcome.error.class === "not-authorised") {
      this.#denied.set(action, outcome.error);
    } else if (outcome.kind === "success") {
      this.#denied.delete(action);
    }
    this.#work();
  }

  /**
   * Does all that can be done now: reservations that nobody came for end, reads begin, wishes are granted.
   *
   * @param claiming the wish that is being claimed: its node need not be told
   */
  #work(claiming?: { node: string; key: WishKey }): void {
    const now = this.#clock.monotonic();
    for (const reservation of this.#reservations) {
      if (now < reservation.until) break;
      this.#giveUp(reservation);
    }
    this.#serveReads(now);
    const granted = this.#stopped ? [] : this.#serveWishes(now);
    if (!this.#stopped) this.#alarm.set(this.#nextChange(now));
    this.#observeHealth();
    for (const { node, key } of granted) {
      if (node === claiming?.node && key === claiming.key) continue;
      for (const listener of this.#grantListeners) listener(node);
    }
  }

  #serveReads(now: number): void {
    for (const action of this.#reads.actions()) {
      for (;;) {
        const refusal = this.#refusal(action, now);
        if (refusal === undefined && !this.#admission.has(action, now)) break;
        const read = this.#reads.shift(action);
        if (read === undefined) break;
        const grant = refusal === undefined ? this.#admission.take(action, now) : undefined;
        if (refusal !== undefined) read.refuse(refusal);
        else if (grant !== undefined) read.begin(grant);
      }
    }
  }

  #refusal(action: CloudAction, now: number): CloudError | undefined {
    const unsent = (meaning: CloudError["class"], message: string) =>
      new CloudError({ class: meaning, action, code: "", message: `not sent: ${message}`, requestId: "" });
    if (this.#stopped) return unsent("retry-later", "this process is stopping");
    if (this.#admission.shutGate(action, now) === undefined) return undefined;
    const rejection = this.#admission.credential.cause();
    return rejection === undefined
      ? unsent("retry-later", `the cloud's ${RATES[action].product} API does not answer`)
      : unsent(rejection.class, rejection.message);
  }

  #serveWishes(now: number): Reservation[] {
    const granted: Reservation[] = [];
    for (;;) {
      const next = this.#nextWish(now);
      const grant = next && this.#admission.take(next.action, now);
      if (next === undefined || grant === undefined) return granted;
      const { node, key, urgency } = next.wish;
      const reservation = { node, key, urgency, grant, until: now + RESERVATION_MS };
      this.#wishes.serve(next.wish, now);
      this.#reservations.add(reservation);
      granted.push(reservation);
    }
  }

  /** The most deserving wish among those that can be granted, and by which call. */
  #nextWish(now: number): { wish: Wish; action: CloudAction } | undefined {
    const attach = this.#wishes.first("AttachNetworkInterface");
    let next: { wish: Wish; action: CloudAction } | undefined;
    for (const key of this.#wishes.keys()) {
      const action = this.#wayOf(key, now);
      if (action === undefined) continue;
      const mayPileUp = action === "CreateNetworkInterface" && attach !== undefined;
      const wish = this.#wishes.first(key, (it) => !mayPileUp || this.#wishes.isMoreUrgent(it, attach));
      if (wish !== undefined && (next === undefined || this.#wishes.isBefore(wish, next.wish))) {
        next = { wish, action };
      }
    }
    return next;
  }

  #wayOf(key: WishKey, now: number): CloudAction | undefined {
    const ways: readonly CloudAction[] = key === "creation" ? this.#waysToMakeAnEni(now) : [key];
    return ways.find((action) => this.#admission.has(action, now));
  }

  /** One call is cheaper than two; not where others use up its rate. */
  #waysToMakeAnEni(now: number): readonly CloudAction[] {
    const isThrottled = (action: CloudAction) =>
      this.#admission.windows.get(action)?.wholeAt(now) !== undefined;
    return CREATIONS.toSorted((a, b) => Number(isThrottled(a)) - Number(isThrottled(b)));
  }

  #nextChange(now: number): number {
    const waiting = this.#wishes
      .keys()
      .flatMap((key): readonly CloudAction[] => (key === "creation" ? CREATIONS : [key]));
    const [reservation] = this.#reservations;
    const cut = [...this.#admission.windows.values()].map((window) => window.wholeAt(now));
    return Math.min(
      reservation?.until ?? Number.POSITIVE_INFINITY,
      ...[...waiting, ...this.#reads.actions()].map((action) => this.#admission.nextChange(action, now)),
      ...cut.map((at) => at ?? Number.POSITIVE_INFINITY),
    );
  }

  #observeHealth(): void {
    const found = diagnose(this.#admission, { denied: this.#denied, now: this.#clock.monotonic() });
    const before = this.#health;
    if (found.state === before.state && found.message === before.message) return;
    const since = found.state === before.state ? before.since : this.#clock.now();
    this.#health = { ...found, since };
    if (found.state === "well") this.#logger.info({ was: before.state }, found.message);
    else this.#logger.warn({ state: found.state }, found.message);
    for (const listener of this.#healthListeners) listener(this.#health);
  }
}
