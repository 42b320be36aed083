import { Breaker } from "./breaker.ts";
import { CredentialGate } from "./credential-gate.ts";
import type { Gate } from "./gate.ts";
import type { Outcome } from "./outcome.ts";
import { CLOUD_ACTIONS, type CloudAction, type CloudProduct, RATES } from "./rates.ts";
import { TokenWindow } from "./token-window.ts";

/** The tokens of one call: one of its action, one of its product; and the gates whose probe it is. */
export interface Grant {
  readonly action: CloudAction;
  readonly probing: ReadonlySet<Gate>;
}

const PRODUCTS: readonly CloudProduct[] = ["vpc", "cvm", "tag"];

/** What a call needs to be made at all: a token of its action's window and of its product's, and open gates. Monotonic ms. */
export class Admission {
  readonly credential = new CredentialGate();
  readonly breakers: ReadonlyMap<CloudProduct, Breaker>;
  readonly windows: ReadonlyMap<CloudAction, TokenWindow>;
  readonly #needs: ReadonlyMap<CloudAction, { windows: readonly TokenWindow[]; gates: readonly Gate[] }>;

  constructor({ productRate, random }: { productRate: number; random: () => number }) {
    const products = PRODUCTS.map((product) => ({
      product,
      window: new TokenWindow(productRate),
      breaker: new Breaker(random),
    }));
    this.breakers = new Map(products.map(({ product, breaker }) => [product, breaker]));
    this.windows = new Map(CLOUD_ACTIONS.map((action) => [action, new TokenWindow(RATES[action].perSecond)]));
    this.#needs = new Map(
      products.flatMap(({ product, window, breaker }) =>
        [...this.windows]
          .filter(([action]) => RATES[action].product === product)
          .map(([action, own]) => [action, { windows: [own, window], gates: [this.credential, breaker] }]),
      ),
    );
  }

  /** Whether `take` would give something. */
  has(action: CloudAction, now: number): boolean {
    return (
      this.#windowsOf(action).every((window) => window.hasToken(now)) &&
      this.#gatesOf(action).every((gate) => gate.admits(now))
    );
  }

  take(action: CloudAction, now: number): Grant | undefined {
    if (!this.has(action, now)) return undefined;
    for (const window of this.#windowsOf(action)) window.take();
    return { action, probing: new Set(this.#gatesOf(action).filter((gate) => gate.admit())) };
  }

  /** No call was made. */
  putBack({ action, probing }: Grant): void {
    for (const window of this.#windowsOf(action)) window.putBack();
    for (const gate of probing) gate.probeUnused();
  }

  /** The call was made and has ended. */
  settle({ action, probing }: Grant, outcome: Outcome, times: { sentAt: number; now: number }): void {
    for (const window of this.#windowsOf(action)) window.settle(times.now);
    if (outcome.kind === "throttled") this.windows.get(action)?.throttled(times.sentAt, times.now);
    for (const gate of this.#gatesOf(action)) gate.settle(outcome, { ...times, probe: probing.has(gate) });
  }

  /** A gate that lets no call of that action through now, not even as its probe. */
  shutGate(action: CloudAction, now: number): Gate | undefined {
    return this.#gatesOf(action).find((gate) => !gate.admits(now));
  }

  /** Whether a gate was shut after the grant was given. */
  isOverruled({ action, probing }: Grant): boolean {
    return this.#gatesOf(action).some((gate) => gate.isShut() && !probing.has(gate));
  }

  /** When, after `now`, a call of that action may become possible by nothing but the passing of time. */
  nextChange(action: CloudAction, now: number): number {
    const lacking = this.#windowsOf(action).filter((window) => !window.hasToken(now));
    const probes = this.#gatesOf(action).map((gate) => gate.probeAt() ?? Number.NEGATIVE_INFINITY);
    return Math.min(
      ...lacking.map((window) => window.nextChange(now)),
      ...probes.filter((at) => at > now),
      Number.POSITIVE_INFINITY,
    );
  }

  #windowsOf(action: CloudAction): readonly TokenWindow[] {
    return this.#needs.get(action)?.windows ?? [];
  }

  #gatesOf(action: CloudAction): readonly Gate[] {
    return this.#needs.get(action)?.gates ?? [];
  }
}
