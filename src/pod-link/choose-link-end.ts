import type { LinkEnd } from "./pod-network.ts";

/** Far above what the kernel gives by itself, which counts up from 1. Three random bytes are added. */
const FIRST_INDEX = 2 ** 24;
/** Of a MAC's first byte: locally administered, and not a group's. */
const LOCAL = 0x02;
const GROUP = 0x01;

/** Random bytes, as `crypto.getRandomValues` gives them. */
export type Randomness = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

/**
 * Chooses the index and MAC of a link that is to be made, so that they need not be read back. Twice the same index in one
 * namespace makes the kernel refuse the second, and another is chosen.
 */
export function chooseLinkEnd(name: string, random: Randomness): LinkEnd {
  const bytes = random(new Uint8Array(9));
  const [a = 0, b = 0, c = 0, first = 0, ...rest] = bytes;
  const mac = [(first | LOCAL) & ~GROUP, ...rest].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
  return { name, index: FIRST_INDEX + ((a << 16) | (b << 8) | c), mac };
}
