import type { Node } from "../../kube/core-resources.ts";
import type { Reflector } from "../../kube/reflector/reflector.ts";
import { startTimer } from "../../time/timer.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import { freeOf, type GrowableNode, placeWaitingPods } from "./place-waiting-pods.ts";
import type { SlimPod } from "./slim-pod.ts";

/** Changes within this time are looked at together, ms. */
const GATHER_MS = 200;

export interface WaitingPlacementParts {
  pods: Pick<Reflector<SlimPod, "node" | "place">, "store" | "subscribe">;
  nodes: Pick<Reflector<Node>, "store" | "subscribe">;
  clock: WaitingClock;
  /** Called with nodes that grow for another number of pods than before. */
  changed: (nodes: readonly string[]) => void;
}

/** Keeps which node grows for which of the pods that found none, as pods and nodes change. */
export class WaitingPlacement {
  readonly #parts: WaitingPlacementParts;
  readonly #waiting = new Map<string, SlimPod>();
  /** Addresses that each node has or can get. */
  readonly #capacity = new Map<string, number>();
  #placement = new Map<string, string>();
  #counts = new Map<string, number>();
  #cancelTimer: (() => void) | undefined;
  readonly #unsubscribe: (() => void)[] = [];

  constructor(parts: WaitingPlacementParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#unsubscribe.push(
      this.#parts.pods.subscribe((event) => {
        if (event.type === "synced") return;
        const { uid } = event.object.metadata;
        const waits = event.type !== "deleted" && event.object.waiting !== undefined;
        if (waits) this.#waiting.set(uid, event.object);
        else if (this.#waiting.delete(uid)) this.#leave(uid);
        else return;
        this.#lookSoon();
      }),
      // One that is new has no capacity yet.
      this.#parts.nodes.subscribe((event) => {
        if (event.type === "modified" && !takesTheSame(event.previous, event.object)) this.#changed();
      }),
    );
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** For how many pods that found no node this one grows. */
  countOf(node: string): number {
    return this.#counts.get(node) ?? 0;
  }

  /** Takes how many addresses a node has or can get. */
  setCapacity(node: string, addresses: number): void {
    if (this.#capacity.get(node) === addresses) return;
    this.#capacity.set(node, addresses);
    this.#changed();
  }

  /** The node is gone: pods for which it grew are placed on others. */
  forget(node: string): void {
    if (this.#capacity.delete(node)) this.#changed();
  }

  /** At once: one that was bound is among its node's pods from now on, and would be grown for twice. */
  #leave(uid: string): void {
    const node = this.#placement.get(uid);
    if (node === undefined) return;
    this.#placement.delete(uid);
    this.#counts.set(node, this.countOf(node) - 1);
    this.#parts.changed([node]);
  }

  #changed(): void {
    if (this.#waiting.size > 0) this.#lookSoon();
  }

  #lookSoon(): void {
    this.#cancelTimer ??= startTimer(this.#parts.clock, GATHER_MS, () => {
      this.#cancelTimer = undefined;
      this.#look();
    });
  }

  #look(): void {
    const before = this.#counts;
    const nodes = this.#waiting.size === 0 ? [] : this.#growable();
    this.#placement = placeWaitingPods([...this.#waiting.values()], nodes, { previous: this.#placement });
    const counts = new Map<string, number>();
    for (const node of this.#placement.values()) counts.set(node, (counts.get(node) ?? 0) + 1);
    this.#counts = counts;
    const names = new Set([...before.keys(), ...counts.keys()]);
    this.#parts.changed([...names].filter((name) => (before.get(name) ?? 0) !== (counts.get(name) ?? 0)));
  }

  #growable(): GrowableNode[] {
    const { pods, nodes } = this.#parts;
    return [...this.#capacity].flatMap(([name, capacity]) => {
      const node = nodes.store.get(name);
      const room = capacity - pods.store.index("node", name).length;
      if (node === undefined || room <= 0) return [];
      return [
        { traits: node, room, free: freeOf(node.status?.allocatable, pods.store.index("place", name)) },
      ];
    });
  }
}

/** Whether what decides which pods a node takes is as it was; a heartbeat changes nothing of it. */
function takesTheSame(before: Node, now: Node): boolean {
  return (
    Bun.deepEquals(before.metadata.labels, now.metadata.labels) &&
    Bun.deepEquals(before.spec, now.spec) &&
    Bun.deepEquals(before.status?.allocatable, now.status?.allocatable)
  );
}
