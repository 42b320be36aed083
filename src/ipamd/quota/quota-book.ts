import type { InterfaceLimit } from "../../cloud/cloud-vpc.ts";

/** How long what was read counts: quotas are raised by ticket, without a word to us. */
export const QUOTA_AGE_MS = 600_000;

/** Least pause between two readings of a type, whatever happens: DescribeNetworkInterfaceLimit allows 20 a second in the region. */
export const QUOTA_PAUSE_MS = 30_000;

/** A quota that is no longer what it was. */
export interface QuotaChange {
  type: string;
  before: InterfaceLimit;
  after: InterfaceLimit;
}

interface Entry {
  limit?: InterfaceLimit;
  /** When the limit was read. */
  readAt?: number;
  /** When it was last to be read, with or without success. */
  triedAt?: number;
  doubted: boolean;
}

/** Quotas by instance type, and when each is to be read again. It reads nothing itself; times are monotonic milliseconds. */
export class QuotaBook {
  readonly #byType = new Map<string, Entry>();

  /** What was read last; undefined until something was. */
  limitOf(type: string): InterfaceLimit | undefined {
    return this.#byType.get(type)?.limit;
  }

  /**
   * Whether the caller is to read the quota of a type now: it was never read, is ten minutes old, or in doubt. Answers true to one
   * caller only; the next one is asked when that reading has been recorded and got old, or has failed and 30 s have passed.
   */
  shouldRead(type: string, now: number): boolean {
    const entry = this.#entry(type);
    const isDue = entry.doubted || entry.readAt === undefined || now - entry.readAt >= QUOTA_AGE_MS;
    const isTooSoon = entry.triedAt !== undefined && now - entry.triedAt < QUOTA_PAUSE_MS;
    if (!isDue || isTooSoon) return false;
    entry.triedAt = now;
    return true;
  }

  /**
   * Records what was read.
   *
   * @returns the change, if it is not what was read before
   */
  record(type: string, limit: InterfaceLimit, now: number): QuotaChange | undefined {
    const entry = this.#entry(type);
    const before = entry.limit;
    Object.assign(entry, { limit, readAt: now, doubted: false });
    if (before === undefined) return undefined;
    const isSame = before.enis === limit.enis && before.addressesPerEni === limit.addressesPerEni;
    return isSame ? undefined : { type, before, after: limit };
  }

  /** The cloud refused for quota, or a node has become an instance of that type: to be read again without waiting for its age. */
  doubt(type: string): void {
    this.#entry(type).doubted = true;
  }

  #entry(type: string): Entry {
    const known = this.#byType.get(type);
    if (known !== undefined) return known;
    const entry: Entry = { doubted: false };
    this.#byType.set(type, entry);
    return entry;
  }
}
