import type { Lease, LeaseSpec } from "./core-resources.ts";

/** How a holder came to its lease. */
export type AcquiredFrom =
  /** There was no Lease object. It may have been deleted under its holder. */
  | "nobody"
  /** Its last holder gave it back after its last call. */
  | "released"
  /** Its last holder let it run out, and may only be paused. */
  | "expired";

export interface Acquisition {
  readonly from: AcquiredFrom;
  /** Identity of the holder before, where there was one. */
  readonly previousHolder: string | undefined;
  /**
   * Monotonic ms before which this leader must not change anything: a paused predecessor may wake with a call half sent, and
   * that call may take its full time. The moment of the acquisition itself where there is nobody to wait for.
   */
  readonly waitUntil: number;
}

export interface ElectionSettings {
  /** Unique to this process, not to its pod: a restarted process is another holder. */
  readonly identity: string;
  readonly leaseDurationMs: number;
  /** Between two tries to renew or to take. */
  readonly retryMs: number;
  /** The longest that one call to what the lease protects may take. */
  readonly longestCallMs: number;
}

/** What an elector knows. Times are monotonic ms; wall clocks of others are never compared with. */
export interface ElectionState {
  /** The Lease as last seen, and since when it has been seen unchanged. */
  readonly seen?: { readonly lease: Lease; readonly since: number } | undefined;
  /**
   * How we came to it. Set before the claim is sent, whose answer may be lost; it outlasts a lease of ours that ran out and
   * was taken by nobody. Gone once somebody else is seen to hold it.
   */
  readonly acquisition?: Acquisition | undefined;
  /** We lead until then: the last renewal that was confirmed, counted from before it was sent. */
  readonly validUntil?: number | undefined;
}

export type ElectionStep =
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "create"; readonly spec: LeaseSpec; readonly acquisition: Acquisition }
  | {
      readonly do: "write";
      readonly spec: LeaseSpec;
      readonly resourceVersion: string;
      readonly acquisition: Acquisition;
    };

/** @throws when no call could ever be sent under such a lease */
export function checkSettings(settings: ElectionSettings): void {
  const { leaseDurationMs, retryMs, longestCallMs } = settings;
  // Just before a renewal is confirmed, what is left of the lease is its duration less the interval and the renewal itself.
  const leftMs = leaseDurationMs - 2 * retryMs;
  if (leftMs <= longestCallMs) {
    throw new RangeError(
      `a lease of ${leaseDurationMs} ms renewed every ${retryMs} ms would not outlive a call of ${longestCallMs} ms: make it longer than ${longestCallMs + 2 * retryMs} ms`,
    );
  }
}

/** The Lease was read; undefined: the API server says that there is none. */
export function seeLease(
  state: ElectionState,
  lease: Lease | undefined,
  options: ElectionSettings & { now: number },
): ElectionState {
  if (!lease) return {};
  const unchanged = state.seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion;
  const seen = state.seen && unchanged ? state.seen : { lease, since: options.now };
  return lease.spec.holderIdentity === options.identity ? { ...state, seen } : { seen };
}

/** What to do about what was seen. A `create` or `write` counts only once the API server has confirmed it. */
export function nextStep(
  state: ElectionState,
  options: ElectionSettings & { now: number; wallNow: number },
): ElectionStep {
  const { now, identity, retryMs } = options;
  if (!state.seen) {
    return {
      do: "create",
      spec: claim(undefined, options),
      acquisition: acquired("nobody", undefined, options),
    };
  }
  const { lease, since } = state.seen;
  const { resourceVersion } = lease.metadata;
  const holder = lease.spec.holderIdentity ?? "";
  if (holder === identity) {
    // Our name stands there without our knowing of a claim only if another process uses the same identity.
    const acquisition = state.acquisition ?? acquired("expired", lease, options);
    return { do: "write", spec: { ...lease.spec, ...renewal(options) }, resourceVersion, acquisition };
  }
  if (holder === "") {
    return {
      do: "write",
      spec: claim(lease, options),
      resourceVersion,
      acquisition: acquired("released", lease, options),
    };
  }
  const expiresAt = since + durationMs(lease, options);
  if (now < expiresAt) return { do: "wait", ms: Math.min(retryMs, expiresAt - now) };
  return {
    do: "write",
    spec: claim(lease, options),
    resourceVersion,
    acquisition: acquired("expired", lease, options),
  };
}

/** A create or write is about to be sent: should its answer be lost, this is how we came to the Lease. */
export function intend(state: ElectionState, acquisition: Acquisition): ElectionState {
  return { ...state, acquisition };
}

/**
 * The API server has confirmed a create or write.
 *
 * @param sentAt monotonic ms before it was sent: the lease can only have been renewed later
 */
export function confirm(
  state: ElectionState,
  options: { lease: Lease; sentAt: number; now: number; leaseDurationMs: number },
): ElectionState {
  const { lease, sentAt, now, leaseDurationMs } = options;
  return { ...state, seen: { lease, since: now }, validUntil: sentAt + leaseDurationMs };
}

/** Time has passed: a lease that ran out is not ours any more, until it is renewed. */
export function lapse(state: ElectionState, now: number): ElectionState {
  return state.validUntil !== undefined && now >= state.validUntil
    ? { ...state, validUntil: undefined }
    : state;
}

/** The spec that gives the Lease back, for the next holder to take without waiting. */
export function release(lease: Lease, options: { wallNow: number }): LeaseSpec {
  return { ...lease.spec, holderIdentity: "", renewTime: microTime(options.wallNow) };
}

function acquired(
  from: AcquiredFrom,
  previous: Lease | undefined,
  options: ElectionSettings & { now: number },
): Acquisition {
  const mustWait = from === "nobody" || from === "expired";
  const waitMs = mustWait ? durationMs(previous, options) + options.longestCallMs : 0;
  return {
    from,
    previousHolder: previous?.spec.holderIdentity || undefined,
    waitUntil: options.now + waitMs,
  };
}

/** The longer of what the last holder promised and what we would. */
function durationMs(lease: Lease | undefined, settings: ElectionSettings): number {
  return Math.max((lease?.spec.leaseDurationSeconds ?? 0) * 1000, settings.leaseDurationMs);
}

function claim(previous: Lease | undefined, options: ElectionSettings & { wallNow: number }): LeaseSpec {
  return {
    holderIdentity: options.identity,
    acquireTime: microTime(options.wallNow),
    leaseTransitions: previous ? (previous.spec.leaseTransitions ?? 0) + 1 : 0,
    ...renewal(options),
  };
}

function renewal(
  options: ElectionSettings & { wallNow: number },
): Pick<LeaseSpec, "leaseDurationSeconds" | "renewTime"> {
  return {
    leaseDurationSeconds: Math.ceil(options.leaseDurationMs / 1000),
    renewTime: microTime(options.wallNow),
  };
}

/** metav1.MicroTime, which wants six digits. */
function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("Z", "000Z");
}
