/** How often an action was called, and how its failures divide by error code. */
export interface ActionCalls {
  readonly calls: number;
  readonly errors: Readonly<Record<string, number>>;
}

/** Counts what the cloud was asked. Actions that do not exist are counted under the name that they were called by. */
export class CallCounter {
  readonly #actions = new Map<string, { calls: number; errors: Record<string, number> }>();

  /** @param errorCode absent for a call that succeeded */
  count(action: string, errorCode?: string): void {
    const entry = this.#actions.get(action) ?? { calls: 0, errors: {} };
    entry.calls++;
    if (errorCode !== undefined) {
      entry.errors[errorCode] = (entry.errors[errorCode] ?? 0) + 1;
    }
    this.#actions.set(action, entry);
  }

  /** By action. */
  read(): Record<string, ActionCalls> {
    return structuredClone(Object.fromEntries(this.#actions));
  }

  reset(): void {
    this.#actions.clear();
  }
}
