import type { CloudAction } from "./rates.ts";

/** Leave to make one call now. Whoever has one uses it or gives it back: the tokens it stands for are nobody else's meanwhile. */
export interface Permit {
  readonly action: CloudAction;
  /**
   * Makes the call, takes note of how it ended, and answers or rejects as it does.
   *
   * @throws Error if the permit was used or given back before
   */
  use<T>(call: () => Promise<T>): Promise<T>;
  /** Gives the permit back unused; nothing happens to one that was used. */
  release(): void;
}
