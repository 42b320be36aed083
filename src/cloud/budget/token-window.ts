/** How long after a call's answer its token comes back. */
const SECOND_MS = 1000;

/** The part of the whole by which a window that was cut grows each second. */
const GROWTH = 1 / 20;

/**
 * N tokens, one for each call that a second at the server may see. A token comes back one second after the *answer* of the call it
 * was taken for.
 *
 * Then no second at the server sees more than N of these calls, however long the network takes for each. Proof: call i is sent at
 * s(i), received at a(i) and answered at r(i), so s(i) ≤ a(i) ≤ r(i), and its token is out from s(i) until r(i) + 1 s. Let the
 * second [t, t + 1 s) hold the receptions of k calls, and let j be the one of them that was sent last. Each of the others was sent
 * before, s(i) ≤ s(j), and its token comes back at r(i) + 1 s ≥ a(i) + 1 s ≥ t + 1 s > a(j) ≥ s(j). So at s(j), when the token
 * of j was taken, those of all k calls were out: k ≤ N.
 *
 * (A bucket that is refilled by time proves nothing: what was sent over 1.5 s can be received within one. A call given up without
 * an answer counts as answered then; that its request lingers somewhere for longer than its whole timeout is not provided for.)
 *
 * The price is one round trip a second: with answers after 50 ms the rate is N / 1.05.
 *
 * The account's rate may be used by others too. When the cloud throttles a call the window is cut in half, to 1 at least, and
 * grows back by a twentieth of its limit each second: additive increase, multiplicative decrease. All times are monotonic ms.
 */
export class TokenWindow {
  readonly limit: number;
  /** Tokens that are out for calls without an answer yet. */
  #out = 0;
  /** When the tokens of answered calls come back, in order; those before `#head` have. */
  #returns: number[] = [];
  #head = 0;
  #cut: { at: number; size: number } | undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Tokens there are now, out or not. */
  size(now: number): number {
    if (this.#cut === undefined) return this.limit;
    const seconds = Math.floor((now - this.#cut.at) / SECOND_MS);
    return Math.min(this.limit, this.#cut.size + seconds * this.#step());
  }

  /** Whether a token can be taken. */
  hasToken(now: number): boolean {
    this.#takeBack(now);
    return this.#out + this.#returns.length - this.#head < this.size(now);
  }

  take(): void {
    this.#out++;
  }

  /** A token that no call was sent with is back at once. */
  putBack(): void {
    this.#out--;
  }

  /** The call of a token has its answer. */
  settle(now: number): void {
    this.#out--;
    this.#returns.push(now + SECOND_MS);
  }

  /** The cloud throttled a call. One that was sent before the last cut says nothing about the window since. */
  throttled(sentAt: number, now: number): void {
    if (this.#cut !== undefined && sentAt < this.#cut.at) return;
    this.#cut = { at: now, size: Math.max(1, Math.floor(this.size(now) / 2)) };
  }

  /** When, after `now`, there can next be a token more without anything being settled. */
  nextChange(now: number): number {
    this.#takeBack(now);
    return Math.min(this.#returns[this.#head] ?? Number.POSITIVE_INFINITY, this.#nextGrowth(now));
  }

  /** When the window has grown back; undefined while it is whole. */
  wholeAt(now: number): number | undefined {
    if (this.#cut === undefined || this.size(now) === this.limit) return undefined;
    return this.#cut.at + Math.ceil((this.limit - this.#cut.size) / this.#step()) * SECOND_MS;
  }

  #takeBack(now: number): void {
    while (this.#head < this.#returns.length && (this.#returns[this.#head] ?? 0) <= now) this.#head++;
    if (this.#head > 2 * this.limit) {
      this.#returns = this.#returns.slice(this.#head);
      this.#head = 0;
    }
  }

  #nextGrowth(now: number): number {
    if (this.#cut === undefined || this.size(now) === this.limit) return Number.POSITIVE_INFINITY;
    return this.#cut.at + (Math.floor((now - this.#cut.at) / SECOND_MS) + 1) * SECOND_MS;
  }

  #step(): number {
    return Math.max(1, Math.round(this.limit * GROWTH));
  }
}
