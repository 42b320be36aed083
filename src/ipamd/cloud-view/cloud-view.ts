import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";

/** Two readings that prove an absence lie at least this far apart (DESIGN: proof that a holder is gone, b). */
export const ABSENCE_INTERVAL_MS = 10_000;

/** As long an Unassign that was sent may still be carried out: a signature's life (DESIGN: fencing of ipamd). */
export const RESERVED_MS = 300_000;

/**
 * A Describe may show for some time what was before a call. What it shows is believed only when it shows the call's effect, or this
 * long after the answer (DESIGN: lost answers).
 */
export const STALE_MS = 30_000;

/** Whether an ENI is as a call of ours leaves it. */
export type Effect = (eni: Eni) => boolean;

/** First and last of the readings that lacked something; the last reading showed it when absent. */
interface Absence {
  first: number;
  last: number;
}

interface Known {
  /** As last seen; undefined while an expected ENI has never been seen. */
  eni: Eni | undefined;
  /** When the reading began that showed it so; undefined: the answer to a Create did. */
  readAt: number | undefined;
  /** Whether an object, or a Create of ours, says that it should be there. */
  expected: boolean;
  /** The cloud has accepted a Delete of ours, and has not shown the ENI at rest since. */
  deleted: boolean;
  /** When something was done to it that no later reading has shown yet. */
  touchedAt: number | undefined;
  /** What that leads to, unless it was refused. */
  effect: Effect | undefined;
  /** What the last operation led to, as a reading has shown; until then another one may still be from before it. */
  shown: { effect: Effect; until: number } | undefined;
  /** The last reading denied it: from before it, or somebody else has undone it. */
  contradicted: boolean;
  /** Instance that it is attached to, or detached from, by that. */
  movedOn: string | undefined;
  absence: Absence | undefined;
  /** Readings that showed it at rest and attached to nothing. */
  detached: Absence | undefined;
  /** Addresses that it should have, and their absence. */
  addresses: Map<string, Absence | undefined>;
  /** Addresses that are not to be used on it, and until when. */
  reserved: Map<string, number>;
  /** Of those, addresses whose Unassign was answered, and nobody else can have sent one. */
  answered: Set<string>;
  /** Addresses that the cloud has said it assigned here, after such an answer. */
  given: Set<string>;
}

function unseen(): Known {
  return {
    eni: undefined,
    readAt: undefined,
    expected: true,
    deleted: false,
    touchedAt: undefined,
    effect: undefined,
    shown: undefined,
    contradicted: false,
    movedOn: undefined,
    absence: undefined,
    detached: undefined,
    addresses: new Map(),
    reserved: new Map(),
    answered: new Set(),
    given: new Set(),
  };
}

/**
 * The ENIs of this cluster as the cloud told them last, and what it has stopped telling.
 *
 * Pure bookkeeping: others read the cloud and put the answers in. An ENI that a reading lacks stays known, busy, until it is
 * forgotten, since a Describe right after a Create may not show it; one that nobody expects is forgotten once it is gone. Times are
 * monotonic milliseconds.
 */
export class CloudView {
  readonly #enis = new Map<string, Known>();
  /** By instance, ids of ENIs that were on their way to or from it, and may have arrived. */
  readonly #moving = new Map<string, Set<string>>();
  /** By the node that it is tagged for, ids of ENIs, of which some may be forgotten or tagged anew. */
  readonly #tagged = new Map<string, Set<string>>();
  /** By secondary address, the ENI that showed it last; none once that has been read without it. */
  readonly #holders = new Map<string, string>();

  /** The ENI as last seen, also if the last reading lacked it. */
  get(eniId: string): Eni | undefined {
    return this.#enis.get(eniId)?.eni;
  }

  /**
   * The ENI that was last seen with the secondary address, in whatever state. While it is moved that is the one it leaves or the one it goes
   * to, as the cloud shows it; where somebody else has it, and where nobody has, none.
   */
  eniWith(address: string): Eni | undefined {
    const id = this.#holders.get(address);
    return id === undefined ? undefined : this.get(id);
  }

  /** ENIs that are tagged for a node. */
  ofNode(node: string): Eni[] {
    const ids = this.#tagged.get(node) ?? new Set();
    const enis: Eni[] = [];
    for (const id of ids) {
      const eni = this.get(id);
      if (eni !== undefined && nodeOf(eni) === node) enis.push(eni);
      else ids.delete(id);
    }
    if (ids.size === 0) this.#tagged.delete(node);
    return enis;
  }

  /** Names of nodes that ENIs are tagged for. */
  taggedNodes(): string[] {
    return [...this.#tagged.keys()].filter((node) => this.ofNode(node).length > 0);
  }

  /** Whether an operation is under way on the ENI, one of ours has not been read back yet, or the last reading lacked it. */
  isBusy(eniId: string): boolean {
    const known = this.#enis.get(eniId);
    return (
      known?.eni === undefined ||
      known.touchedAt !== undefined ||
      known.absence !== undefined ||
      !isSettled(known.eni)
    );
  }

  /** What was done to the ENI that no reading has shown yet. */
  operation(eniId: string): { since: number; moves: boolean } | undefined {
    const known = this.#enis.get(eniId);
    if (known?.touchedAt === undefined) return undefined;
    return { since: known.touchedAt, moves: known.movedOn !== undefined };
  }

  /** Ids that should be read again soon. */
  unsettled(): string[] {
    return [...this.#enis]
      .filter(([id, { contradicted, detached, addresses }]) => {
        return this.isBusy(id) || contradicted || isUnproven(detached) || hasUnproven(addresses);
      })
      .map(([id]) => id);
  }

  /**
   * Says that an operation on the ENI was begun, or was refused: it stays busy until a reading that began later.
   *
   * @param movesOn the instance that it attaches the ENI to, or detaches it from
   */
  touch(eniId: string, now: number, movesOn?: string): void {
    const known = this.#enis.get(eniId);
    if (known !== undefined) Object.assign(known, { touchedAt: now, effect: undefined, movedOn: movesOn });
    this.#noteMove(eniId, movesOn);
  }

  /**
   * Says that an operation on the ENI was accepted, or that its answer was lost: it stays busy until a reading that began later shows
   * the effect, or one shows after a while that there is none.
   */
  acted(
    eniId: string,
    { effect, movesOn }: { effect: Effect; movesOn?: string | undefined },
    now: number,
  ): void {
    const known = this.#enis.get(eniId);
    if (known !== undefined) {
      Object.assign(known, { touchedAt: now, effect, movedOn: movesOn, shown: undefined });
    }
    this.#noteMove(eniId, movesOn);
  }

  /** Whether an ENI is on its way to or from the instance: the cloud does one such thing at a time. */
  isInstanceBusy(instanceId: string): boolean {
    const ids = this.#moving.get(instanceId) ?? new Set();
    for (const id of ids) {
      if (isMoving(this.#enis.get(id), instanceId)) return true;
      ids.delete(id);
    }
    this.#moving.delete(instanceId);
    return false;
  }

  /** Takes that addresses were, or may have been, unassigned: they are reserved on this ENI from now on. */
  unassigned(eniId: string, addresses: Iterable<string>, now: number): void {
    const known = this.#enis.get(eniId);
    if (known === undefined) return;
    for (const [address, until] of known.reserved) {
      if (now < until) continue;
      known.reserved.delete(address);
      known.answered.delete(address);
    }
    for (const address of addresses) {
      known.answered.delete(address);
      known.given.delete(address);
      this.reserve(eniId, address, now + RESERVED_MS);
    }
  }

  /**
   * Takes the answer to an Unassign that nobody else can have sent as well: from now on only a reading from before it could show these
   * addresses on the ENI without their being there.
   */
  answered(eniId: string, addresses: Iterable<string>, now: number): void {
    const known = this.#enis.get(eniId);
    for (const address of addresses) {
      known?.reserved.set(address, now + STALE_MS);
      known?.answered.add(address);
    }
  }

  /** Takes the answer to an Assign, which names these addresses: where their Unassign was answered before, they may be used at once. */
  given(eniId: string, addresses: Iterable<string>): void {
    const known = this.#enis.get(eniId);
    for (const address of addresses) {
      if (!known?.answered.delete(address)) continue;
      known.reserved.delete(address);
      known.given.add(address);
    }
  }

  /** Takes that an address is reserved on this ENI until then at least, as an object has it; not one that was given since. */
  reserve(eniId: string, address: string, until: number): void {
    const known = this.#enis.get(eniId);
    if (known === undefined || known.given.has(address)) return;
    known.reserved.set(address, Math.max(until, known.reserved.get(address) ?? until));
  }

  /**
   * Whether an address that the cloud has handed back to the ENI it was unassigned from must stay unused: the same call, sent
   * by a leader that was paused, could still take it off.
   */
  isReserved(eniId: string, address: string, now: number): boolean {
    return now < (this.#enis.get(eniId)?.reserved.get(address) ?? Number.NEGATIVE_INFINITY);
  }

  /** Whether what is known of the ENI is from after that moment; where it is not, it is read soon. */
  isReadSince(eniId: string, at: number): boolean {
    const known = this.#enis.get(eniId);
    if (known === undefined || (known.readAt ?? Number.NEGATIVE_INFINITY) >= at) return true;
    known.contradicted = true;
    return false;
  }

  /** Takes the answer to a Delete: from now on one later reading without the ENI is enough. */
  deleted(eniId: string, now: number): void {
    const known = this.#enis.get(eniId);
    if (known === undefined) return;
    known.deleted = true;
    this.acted(eniId, { effect: (eni) => eni.state === "deleting" }, now);
  }

  /** Takes the answer to a Create: the ENI is there at once, whatever the next reading shows. */
  created(eni: Eni, now: number): void {
    this.#place(this.get(eni.id), eni);
    this.#enis.set(eni.id, { ...unseen(), eni, touchedAt: now });
    this.#tag(eni);
  }

  /** Says that an ENI with these addresses should be there, as an object has it: readings that lack any count from now on. */
  expect(eniId: string, addresses: Iterable<string>): void {
    const known = this.#enis.get(eniId) ?? unseen();
    known.expected = true;
    this.#enis.set(eniId, known);
    for (const address of addresses) {
      if (known.addresses.has(address)) continue;
      known.addresses.set(address, undefined);
      // An object from a backup may say so of what is long gone, and an agent gives it to a pod: that is read soon.
      known.contradicted ||= known.eni?.addresses.every((it) => it.address !== address) ?? false;
    }
  }

  /**
   * Takes a reading of the ENIs with these ids: those that the answer lacks were not there.
   *
   * @param began when the reading was asked for
   * @returns ids whose ENI changed
   */
  read(ids: Iterable<string>, answer: readonly Eni[], began: number): string[] {
    const found = new Map(answer.map((eni) => [eni.id, eni]));
    const changed: string[] = [];
    for (const id of ids) {
      const eni = found.get(id);
      if (eni === undefined ? this.#lacked(id, began) : this.#saw(eni, began)) changed.push(id);
    }
    return changed;
  }

  /** Takes a reading of all ENIs of this cluster. */
  readAll(answer: readonly Eni[], began: number): string[] {
    return this.read(new Set([...this.#enis.keys(), ...answer.map((eni) => eni.id)]), answer, began);
  }

  /** Whether readings far enough apart lacked the ENI, and none between showed it; one is enough after a Delete of our own. */
  isGone(eniId: string): boolean {
    const known = this.#enis.get(eniId);
    if (known?.absence === undefined) return false;
    return (known.deleted && known.touchedAt === undefined) || lastedLongEnough(known.absence);
  }

  /** Whether readings far enough apart showed the ENI attached to nothing, and none between anything else. */
  isDetached(eniId: string): boolean {
    return lastedLongEnough(this.#enis.get(eniId)?.detached);
  }

  /** Whether the last reading showed the ENI without the address: enough after an Unassign of our own. */
  isAddressAbsent(eniId: string, address: string): boolean {
    const known = this.#enis.get(eniId);
    if (known === undefined || known.touchedAt !== undefined || known.absence !== undefined) return false;
    return known.addresses.get(address) !== undefined;
  }

  /** Whether readings far enough apart lacked the address, or its ENI. */
  isAddressGone(eniId: string, address: string): boolean {
    return this.isGone(eniId) || lastedLongEnough(this.#enis.get(eniId)?.addresses.get(address));
  }

  /** Forgets an address whose object is gone. */
  forgetAddress(eniId: string, address: string): void {
    this.#enis.get(eniId)?.addresses.delete(address);
  }

  /** Forgets everything about an ENI whose objects are gone. */
  forget(eniId: string): void {
    this.#place(this.get(eniId), undefined);
    this.#enis.delete(eniId);
  }

  #saw(eni: Eni, began: number): boolean {
    const before = this.#enis.get(eni.id);
    if (before?.shown !== undefined && began < before.shown.until && !before.shown.effect(eni)) {
      before.contradicted = true;
      return false;
    }
    const isStale =
      before?.touchedAt !== undefined &&
      began < before.touchedAt + STALE_MS &&
      before.effect?.(eni) === false;
    const touchedAt = isStale ? before.touchedAt : laterThan(before?.touchedAt, began);
    const addresses = before?.addresses ?? new Map<string, Absence | undefined>();
    const wasUnproven = hasUnproven(addresses);
    const there = new Set(eni.addresses.map((a) => a.address));
    for (const address of there) addresses.set(address, undefined);
    for (const [address, absence] of addresses) {
      if (!there.has(address) && touchedAt === undefined) addresses.set(address, lengthened(absence, began));
    }
    const alone = eni.state === "available" && eni.instanceId === undefined && touchedAt === undefined;
    const detached = alone ? lengthened(before?.detached, began) : undefined;
    const deleted = (before?.deleted ?? false) && (touchedAt !== undefined || eni.state === "deleting");
    const known = {
      ...(before ?? { ...unseen(), expected: false }),
      eni,
      readAt: began,
      deleted,
      touchedAt,
      effect: touchedAt === undefined ? undefined : before?.effect,
      shown: touchedAt === undefined ? shownBy(before) : before?.shown,
      movedOn: touchedAt === undefined ? undefined : before?.movedOn,
      detached,
      addresses,
    };
    this.#enis.set(eni.id, { ...known, contradicted: false, absence: undefined });
    this.#place(before?.eni, eni);
    this.#tag(eni);
    if (eni.instanceId !== undefined && isUnderWay(eni)) this.#noteMove(eni.id, eni.instanceId);
    return (
      before === undefined ||
      before.touchedAt !== touchedAt ||
      before.absence !== undefined ||
      lastedLongEnough(before.detached) !== lastedLongEnough(detached) ||
      // Whoever waits for the proof that an address is gone has it now.
      (wasUnproven && !hasUnproven(addresses)) ||
      !Bun.deepEquals(before.eni, eni)
    );
  }

  #noteMove(eniId: string, instanceId: string | undefined): void {
    if (instanceId === undefined) return;
    this.#moving.set(instanceId, (this.#moving.get(instanceId) ?? new Set()).add(eniId));
  }

  /** Takes that an ENI is seen so now, and what it was seen with before. */
  #place(before: Eni | undefined, now: Eni | undefined): void {
    const there = new Set(now?.addresses.map(({ address }) => address));
    for (const { address } of before?.addresses ?? []) {
      if (!there.has(address) && this.#holders.get(address) === before?.id) this.#holders.delete(address);
    }
    if (now !== undefined) for (const address of there) this.#holders.set(address, now.id);
  }

  #tag(eni: Eni): void {
    const node = nodeOf(eni);
    if (node === "") return;
    this.#tagged.set(node, (this.#tagged.get(node) ?? new Set()).add(eni.id));
  }

  #lacked(id: string, began: number): boolean {
    const known = this.#enis.get(id);
    if (known === undefined) return false;
    // It may be from before the ENI was made, on which a call of ours has been accepted since.
    const until =
      known.shown?.until ?? (known.effect && known.touchedAt !== undefined ? known.touchedAt + STALE_MS : 0);
    if (!known.deleted && began < until) {
      known.contradicted = true;
      return false;
    }
    known.contradicted = false;
    known.touchedAt = laterThan(known.touchedAt, began);
    if (known.touchedAt === undefined) known.absence = lengthened(known.absence, began);
    if (!known.expected && this.isGone(id)) this.forget(id);
    return true;
  }
}

function isMoving(known: Known | undefined, instanceId: string): boolean {
  if (known === undefined) return false;
  if (known.touchedAt !== undefined && known.movedOn === instanceId) return true;
  const { eni } = known;
  return eni?.instanceId === instanceId && isUnderWay(eni);
}

function isUnderWay({ state }: Eni): boolean {
  return state === "attaching" || state === "detaching";
}

function nodeOf(eni: Eni): string {
  return eni.tags.find(({ key }) => key === ENI_TAGS.node)?.value ?? "";
}

/**
 * What the reading that settles an ENI shows of the operation before: of addresses only. An attach, a detach or a delete may fail
 * after it has begun, and an older reading of one leads to a call that the cloud refuses.
 */
function shownBy(before: Known | undefined): Known["shown"] {
  if (before?.touchedAt === undefined || before.effect === undefined) return before?.shown;
  if (before.movedOn !== undefined || before.deleted) return undefined;
  return { effect: before.effect, until: before.touchedAt + STALE_MS };
}

/** A touch that a reading which began then cannot have seen. */
function laterThan(touchedAt: number | undefined, began: number): number | undefined {
  return touchedAt !== undefined && touchedAt >= began ? touchedAt : undefined;
}

function lengthened(absence: Absence | undefined, now: number): Absence {
  return { first: absence?.first ?? now, last: now };
}

function lastedLongEnough(absence: Absence | undefined): boolean {
  return absence !== undefined && absence.last - absence.first >= ABSENCE_INTERVAL_MS;
}

/** Whether the next readings decide if it is an absence. */
function isUnproven(absence: Absence | undefined): boolean {
  return absence !== undefined && !lastedLongEnough(absence);
}

function hasUnproven(addresses: ReadonlyMap<string, Absence | undefined>): boolean {
  return addresses.values().some(isUnproven);
}

function isSettled(eni: Eni): boolean {
  return eni.state === "available" && eni.addresses.every((a) => a.state === "available");
}
