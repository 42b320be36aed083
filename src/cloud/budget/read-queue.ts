import type { CloudError } from "../cloud-error.ts";
import type { Grant } from "./admission.ts";
import type { CloudAction } from "./rates.ts";

/** A call that waits to be made. */
export interface WaitingRead {
  readonly action: CloudAction;
  readonly begin: (grant: Grant) => void;
  readonly refuse: (error: CloudError) => void;
}

/**
 * Reads in the order in which they came. One whose action's rate is used up holds up only those of its own action.
 */
export class ReadQueue {
  readonly #byAction = new Map<CloudAction, { read: WaitingRead; place: number }[]>();
  #places = 0;

  push(read: WaitingRead): void {
    const queue = this.#byAction.get(read.action) ?? [];
    this.#byAction.set(read.action, queue);
    queue.push({ read, place: this.#places++ });
  }

  /** Actions that reads wait for, the one whose first read has waited longest first. */
  actions(): CloudAction[] {
    return [...this.#byAction]
      .flatMap(([action, [first]]) => (first === undefined ? [] : [{ action, place: first.place }]))
      .sort((a, b) => a.place - b.place)
      .map(({ action }) => action);
  }

  waiting(action: CloudAction): number {
    return this.#byAction.get(action)?.length ?? 0;
  }

  /** Takes the first read of that action. */
  shift(action: CloudAction): WaitingRead | undefined {
    return this.#byAction.get(action)?.shift()?.read;
  }
}
