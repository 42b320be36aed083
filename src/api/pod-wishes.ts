import { POD_ANNOTATIONS } from "./annotations.ts";
import { commaSeparated } from "./comma-separated.ts";
import { parseGoDuration } from "./go-duration.ts";
import { ipBytes } from "./ip-text.ts";
import type { VpcIPClaimSpec } from "./vpc-ip-claim.ts";

/** Shorter, and an address would go while its next pod is being made (TKE's rule). */
const SHORTEST_EXPIRY_MS = 300_000;
const LONGEST_EXPIRY_MS = 99_999 * 3_600_000;

/** What a pod's annotations say about its address. */
export interface PodWishes {
  readonly policy: VpcIPClaimSpec["policy"];
  /** How long a kept address outlives the pod; undefined: as the cluster has it. */
  readonly expiresAfterSeconds: number | undefined;
  /** Subnets that it names, separated by commas as TKE has it; empty: none. */
  readonly nominated: readonly string[];
  /** The address that it names. */
  readonly address: string | undefined;
  /** What is wrong: one sentence with the value and what to do. */
  readonly mistake: string | undefined;
}

/** Reads the annotations of a pod. What is wrong in them is told, and the pod gets no address until it is put right. */
export function podWishes(annotations: Readonly<Record<string, string>>): PodWishes {
  const address = annotations[POD_ANNOTATIONS.nominatedAddress] || undefined;
  const expiry = annotations[POD_ANNOTATIONS.claimExpiredDuration];
  const expiryMs = expiry === undefined ? undefined : parseGoDuration(expiry);
  return {
    policy: annotations[POD_ANNOTATIONS.claimDeletePolicy] === "Never" ? "Never" : "Immediate",
    expiresAfterSeconds: expiryMs === undefined ? undefined : Math.ceil(expiryMs / 1000),
    nominated: commaSeparated(annotations[POD_ANNOTATIONS.nominatedSubnets] ?? ""),
    address,
    mistake: mistakeIn({ address, expiry, expiryMs }),
  };
}

function mistakeIn(given: {
  address: string | undefined;
  expiry: string | undefined;
  expiryMs: number | undefined;
}): string | undefined {
  const { address, expiry, expiryMs } = given;
  if (expiry !== undefined) {
    const fits = expiryMs !== undefined && expiryMs >= SHORTEST_EXPIRY_MS && expiryMs <= LONGEST_EXPIRY_MS;
    if (!fits)
      return `${POD_ANNOTATIONS.claimExpiredDuration} is "${expiry}": set a duration from 5m to 99999h, such as 1h30m, or remove it`;
  }
  if (address !== undefined && ipBytes(address)?.length !== 4) {
    return `${POD_ANNOTATIONS.nominatedAddress} is "${address}": set one IPv4 address of a container subnet, such as 10.0.16.20, or remove it`;
  }
  return undefined;
}
